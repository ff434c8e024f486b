// A current or a power that stands at exactly its greatest value in many rows, though the others are noisy, is cut off
// there: its rows are clipped, and the interval reaches to what they may have been.

import { describe, expect, test } from "@jest/globals";
import { compare, prepare } from "../../energy/compare.ts";
import { random } from "../../stats/random.ts";
import { withRun } from "../support/made-run.ts";
import { powerRail, rigOf } from "../support/rig.ts";

const noise = random(11, "noise");
const noisy = (watts: number, sd = 1): number => watts + sd * noise.normal();
const load = (s: number): number => noisy(s >= 3 && s < 7 ? 300 : 60);

function compared(powerW: (s: number) => number, rig = rigOf({ rails: [powerRail("slot")] })) {
  const windows = [
    ["on", 4, 6],
    ["off", 8, 9],
  ] as const;
  return withRun({ seconds: 10, powerW, windows, rig }, (path) => {
    const { findings, windows: w } = compare(prepare(path));
    const cut = findings.filter((f) => f.code === "rail-cut-off");
    const doubts = w.map(({ window }) => (window.doubts ?? []).map((d) => d.code));
    return {
      cut: cut.map((f) => [f.subject, f.count]),
      doubts,
      physical: w.map((x) => x.physical!),
    };
  });
}

describe("cut off", () => {
  test("at 240 W: 4 s of rows, and the windows that hold some; the interval holds the truth", () => {
    const { cut, doubts, physical } = compared((s) => Math.min(240, load(s)));
    expect(cut).toEqual([["slot", 4000]]);
    expect(doubts).toEqual([["window-clipped"], ["window-clipped"], []]);
    const [session, on, off] = physical;
    expect(session!.energyJ).toBeCloseTo(1320, -1);
    expect(session!.intervalJ[1]).toBeGreaterThan(1560);
    expect(on!.intervalJ[1]).toBeGreaterThan(600);
    expect(off!.expandedUncertaintyJ).toBeLessThan(1);
    expect(on!.budget[0]).toMatchObject({ term: "clipped rows", correlation: null });
    expect(on!.budget[0]!.contributionJ).toBeCloseTo(480 / Math.sqrt(3), 6);
  });

  test("in the middle of the noise", () => {
    expect(compared((s) => Math.min(300, load(s))).cut).toEqual([
      ["slot", expect.closeTo(2000, -3)],
    ]);
  });
});

describe("not cut off", () => {
  test.each([
    ["a noisy load", load],
    ["one without any noise", (s: number) => (s >= 3 && s < 7 ? 300 : 60)],
    ["a ramp up to a level", (s: number) => Math.min(300, 100 * s)],
    ["a sensor of coarse steps", (s: number) => 20 * Math.round(load(s) / 20)],
    ["steps of the size of the noise", (s: number) => Math.round(load(s))],
    ["steps of a third of the noise", (s: number) => Math.round(noisy(s >= 3 ? 300 : 60, 3))],
    [
      "a wave that stays longest where it is highest",
      (s: number) => Math.round(noisy(200 + 99 * Math.sin(s), 0.5)),
    ],
  ])("%s", (_, powerW) => {
    expect(compared(powerW).cut).toEqual([]);
  });

  test("where the rig says that the range ends there, rows are clipped and nothing is learned", () => {
    const clip = [-1, 240] as const;
    const rig = rigOf({ rails: [powerRail("slot", { clip })] });
    const { cut, doubts } = compared((s) => Math.min(240, load(s)), rig);
    expect([cut, doubts[0]]).toEqual([[], ["window-clipped"]]);
  });
});
