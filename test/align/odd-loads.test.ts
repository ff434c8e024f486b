// Power that flows back for a while, channels that say the same in all rows, and values far above all others.

import { describe, expect, test } from "@jest/globals";
import { compare, prepare } from "../../energy/compare.ts";
import { random } from "../../stats/random.ts";
import { withRun } from "../support/made-run.ts";
import { powerRail, rigOf, sensor } from "../support/rig.ts";
import { dut, learnedOf, range, type Row, rowsOf } from "../support/volts-amperes.ts";

const noise = random(5, "noise");
const noisy = (x: number): number => x * (1 + 0.01 * noise.normal());

describe("a current that flows back", () => {
  const reversed =
    (from: number, to: number) =>
    (i: number): Row => {
      const amperes = noisy(i >= 3000 && i < 7000 ? 25 : 5);
      return [12, i >= from && i < to ? -amperes : amperes];
    };
  const seen = (of: (i: number) => Row, rig?: Parameters<typeof learnedOf>[1]) => {
    const { out, implausible } = learnedOf(rowsOf(10_000, of), rig);
    return { out, why: implausible.map((g) => [g.quantity, g.basis, g.rows, g.most < 0]) };
  };
  const nothing = { out: [], why: [] };

  test.each([
    [5000, 5500],
    [1000, 1500],
    [0, 300],
    [9000, 10_000],
  ])("rows %i to %i: the sensor was the wrong way round", (from, to) => {
    expect(seen(reversed(from, to), { slice: 1000 })).toEqual({
      out: range(from, to),
      why: [["current", "run", to - from, true]],
    });
  });

  test("for less than 50 ms, most of the run, or about a small load", () => {
    expect(seen(reversed(5000, 5040))).toEqual(nothing);
    expect(seen(reversed(1000, 9000))).toEqual(nothing);
    const small = (i: number): Row => [12, i >= 3000 && i < 7000 ? 25 : -0.3];
    expect(seen(small)).toEqual(nothing);
  });

  test("no more than the zeros of its sensors may be off by", () => {
    const current = sensor("a", { offsetU: 3 });
    expect(seen(reversed(1000, 1500), { rig: rigOf({ rails: [{ ...dut, current }] }) })).toEqual(
      nothing,
    );
  });

  test("a voltage, likewise; one that alternates, or is that of a rail below zero, is none", () => {
    const volts = (of: (i: number) => number) => seen((i) => [of(i), 5]);
    expect(volts((i) => (i >= 500 && i < 900 ? -12 : 12)).out).toEqual(range(500, 900));
    expect(volts((i) => 325 * Math.sin((i * Math.PI) / 10))).toEqual(nothing);
    expect(volts(() => -12)).toEqual(nothing);
  });

  test("where the rig says that it does", () => {
    const rig = rigOf({ rails: [{ ...dut, plausible: { power: [-500, 500] } }] });
    expect(seen(reversed(5000, 5500), { rig })).toEqual(nothing);
  });

  test("a rail of watts: the interval holds the truth, and the run says why", () => {
    const powerW = (s: number): number =>
      noisy(s >= 3 && s < 7 ? 300 : 60) * (s >= 5 && s < 5.5 ? -1 : 1);
    withRun({ seconds: 10, powerW }, (path) => {
      const { findings, windows } = compare(prepare(path));
      const { energyJ, expandedUncertaintyJ } = windows[0]!.physical!;
      expect(Math.abs(energyJ - 1560)).toBeLessThan(Math.min(expandedUncertaintyJ, 10));
      const found = findings.filter((f) => f.code === "rows-reversed");
      expect(found.map((f) => [f.level, f.count])).toEqual([["loss", 500]]);
    });
  });
});

describe("channels that say one and the same", () => {
  const second = { name: "second", voltage: sensor("v2"), current: sensor("a2") };
  const two = rigOf({ rails: [dut, second] });
  const odd = (amperes: number, rig = two, moving = true) => {
    const of = (): Row => [12, amperes, 12, moving ? noisy(5) : 5];
    return learnedOf(rowsOf(500, of), { rig }).oddities.map((o) => [o.kind, o.rail, o.value]);
  };

  test("something, while the other rail moves; nothing, which may be so", () => {
    expect(odd(3.25)).toEqual([["stuck", "dut", 3.25]]);
    expect(odd(0)).toEqual([["silent", "dut", 0]]);
    expect(odd(3.25, two, false)).toEqual([]);
  });

  test("a reading within what its zero may be off by is nothing", () => {
    const current = sensor("a", { offsetU: 0.1 });
    const rig = rigOf({ rails: [{ ...dut, current }, second] });
    expect(odd(0.2, rig)).toEqual([["silent", "dut", 0.2]]);
    expect(odd(0.3, rig)).toEqual([["stuck", "dut", 0.3]]);
  });

  test("a voltage, and a rail alone, may be steady", () => {
    const steady = rowsOf(500, (): Row => [12, noisy(5), 12, noisy(5)]);
    expect(learnedOf(steady, { rig: two }).oddities).toEqual([]);
    expect(learnedOf(rowsOf(500, (): Row => [12, 5])).oddities).toEqual([]);
  });
});

test("a load far above all that it holds, but no more than some may draw, is told and kept", () => {
  const alone = (amperes: (i: number) => number) => {
    const { out, oddities } = learnedOf(rowsOf(3000, (i): Row => [12, amperes(i)]));
    expect(out).toEqual([]);
    return oddities.map(({ kind, quantity, value }) => [kind, quantity, value]);
  };
  expect(alone((i) => (i === 1500 ? 9 : noisy(0.02)))).toEqual([["spike", "current", 9]]);
  expect(alone((i) => (i >= 1400 && i < 1403 ? 9 : noisy(0.02)))).toEqual([
    ["alone", "current", 9],
  ]);
  expect(alone((i) => (i === 1500 ? 0.3 : noisy(0.02)))).toEqual([]);
  expect(alone((i) => (i % 100 < 3 ? 9 : noisy(0.02)))).toEqual([]);
});

test("a run says what is odd: a doubt, or a remark", () => {
  const found = (watts: (s: number) => number) =>
    withRun({ seconds: 3, powerW: watts, rig: rigOf({ rails: [powerRail("a")] }) }, (path) =>
      compare(prepare(path)).findings.map((f) => [f.code, f.level, f.subject]),
    );
  expect(found((s) => (s === 1.5 ? 900 : noisy(10)))).toContainEqual(["rail-spike", "doubt", "a"]);
  const isBurst = (s: number): boolean => s >= 1.4995 && s < 1.5025;
  expect(found((s) => (isBurst(s) ? 900 : noisy(10)))).toContainEqual([
    "rail-burst",
    "remark",
    "a",
  ]);
});
