// The pass over a made run of 1 kHz: each window's figures in closed form, idle, and whose budgets are kept.

import { describe, expect, test } from "@jest/globals";
import { prepare } from "../../energy/compare.ts";
import { FigureColumns, type PhysicalPass, physicalPass } from "../../energy/physical.ts";
import { clockModel, clockOf } from "../support/clocks.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";

const passed = (run: MadeRun, detailed: readonly number[] = []): PhysicalPass =>
  withRun(run, (path) => {
    const { scan, clocks, windows } = prepare(path);
    return physicalPass(scan, clocks, windows, { detailed: new Set(detailed) })!;
  });

/** Straight up from 0 W by 40 W/s: energy up to t is 20 t². */
const ramp = (s: number): number => 40 * s;

describe("figures", () => {
  const run: MadeRun = {
    seconds: 4,
    powerW: ramp,
    windows: [
      ["a", 0.5, 1.5],
      ["b", 1.0005, 3.0005],
      ["c", 3.9, 4.5],
      ["d", 2.0001, 2.0009],
    ],
  };

  test("of each window, in the order of the list", () => {
    const { figures } = passed(run);
    // The session lasts as long as its marks: to 4.5 s, the last half second at the mean of the rest.
    const rows = [1, 2, 3, 4];
    const expected = [[0.5, 1.5], [1.0005, 3.0005], [2.0001, 2.0009], [3.9, 4]]; // prettier-ignore
    rows.forEach((i, k) => {
      if (k === 2) return;
      const [a, b] = expected[k]!;
      const seen = 20 * (b! ** 2 - a! ** 2);
      expect(figures.energyJ[i]! / (k === 3 ? 6 * seen : seen)).toBeCloseTo(1, 9);
    });
    expect([...figures.samples].slice(1, 3)).toEqual([1000, 2000]);
    expect(figures.gapFraction[1]).toBeCloseTo(0, 9);
    expect(figures.gapFraction[4]).toBeCloseTo(5 / 6, 9);
    expect(rows.map((i) => figures.quality(i))).toEqual(["good", "billable", "no_data", "gappy"]);
    // Between two rows nothing was observed.
    expect(figures.energyJ[3]).toBeNaN();
    for (const i of [1, 2, 4]) expect(figures.expandedUncertaintyJ[i]).toBeGreaterThan(0);
  });

  test("a budget is kept of whoever asked for it, and twice its root sum of squares is U", () => {
    const { detailed, figures } = passed(run, [0, 2]);
    expect([...detailed.keys()].sort()).toEqual([0, 2]);
    const b = detailed.get(2)!;
    const squares = b.budget.reduce((sum, t) => sum + t.contributionJ ** 2, 0);
    expect(b.expandedUncertaintyJ).toBeCloseTo(2 * Math.sqrt(squares), 9);
    expect(figures.expandedUncertaintyJ[2]).toBe(b.expandedUncertaintyJ);
    expect(b).toMatchObject({ samples: 2000, bridgedJ: 0, quality: "billable" });
    expect(b.energyJ).toBe(figures.energyJ[2]);
  });

  test("before any window was seen they are none", () => {
    const none = new FigureColumns(2);
    expect([...none.energyJ, ...none.expandedUncertaintyJ]).toEqual([NaN, NaN, NaN, NaN]);
    expect([none.quality(0), none.samples[1], none.gapFraction[0]]).toEqual(["no_data", 0, 0]);
    const energyJ = [1, 2];
    energyJ.forEach((j, i) =>
      none.set(i, {
        ...{ energyJ: j, expandedUncertaintyJ: 3, samples: 4, gapFraction: 0.5, bridgedJ: 0 },
        quality: i === 0 ? "gappy" : "billable",
      }),
    );
    expect([...none.energyJ, none.quality(0), none.quality(1)]).toEqual([
      ...[1, 2, "gappy", "billable"],
    ]);
  });
});

describe("what is lost", () => {
  const run: MadeRun = {
    seconds: 4,
    powerW: ramp,
    windows: [
      ["a", 0.5, 3.5],
      ["b", 1.2, 1.4],
    ],
    lost: [1001, 1500],
  };

  test("is bridged by a straight line: a ramp loses nothing", () => {
    const { figures, detailed, counts } = passed(run, [1]);
    const a = detailed.get(1)!;
    expect(a.energyJ).toBeCloseTo(20 * (3.5 ** 2 - 0.5 ** 2), 6);
    expect(a.bridgedJ).toBeCloseTo(20 * (1.5 ** 2 - 1), 6);
    expect(a.gapFraction).toBeCloseTo(0.5 / 3, 9);
    expect(a.samples).toBe(3000 - 499);
    expect(figures.quality(1)).toBe("gappy");
    expect(figures.quality(2)).toBe("no_data");
    expect(figures.gapFraction[2]).toBe(1);
    expect(counts.gaps).toBe(1);
  });
});

describe("idle", () => {
  /** Observed seconds and Joules outside the windows, with the power 100 W all along. */
  const idle = (windows: MadeRun["windows"], seconds = 4) =>
    passed({ seconds, powerW: () => 100, windows: windows! }).idle;

  test("is what no window covers, whichever lie over, in or after one another", () => {
    for (const [windows, coveredS] of [
      [[["a", 1, 2]], 3],
      [
        [
          ["a", 1, 2],
          ["b", 1.5, 3],
        ],
        2,
      ],
      [
        [
          ["a", 1, 3],
          ["b", 1.5, 2],
        ],
        2,
      ],
      [
        [
          ["a", 1, 3],
          ["b", 1.5, 2],
          ["c", 2.5, 3.5],
        ],
        1.5,
      ],
      [
        [
          ["a", 1, 2],
          ["b", 2, 3],
        ],
        2,
      ],
      [
        [
          ["a", 0, 1],
          ["b", 3, 4],
        ],
        2,
      ],
      [
        [
          ["a", 2, 3],
          ["b", 0.5, 1],
        ],
        2.5,
      ],
      [
        [
          ["a", 1, 2],
          ["b", 1, 2],
        ],
        3,
      ],
    ] as const) {
      // prettier-ignore
      const found = idle(windows.map(([n, a, b]) => [n, a, b] as const))!;
      expect(found.coveredS).toBeCloseTo(coveredS, 9);
      expect(found.energyJ).toBeCloseTo(100 * coveredS, 6);
    }
  });

  test("is not known where nothing is marked", () => {
    expect(idle([])).toBeNull();
  });
});

test("a clock in doubt is asked for at the moved ends too: on a ramp of 40 W/s both move by 40 · T · u", () => {
  const run: MadeRun = { seconds: 6, powerW: ramp, windows: [["a", 1, 3]] };
  withRun(run, (path) => {
    const { scan, clocks, windows } = prepare(path);
    for (const [known, term, expectedJ] of [
      [{ uOffsetNs: 25e6 }, "clock offset", 40 * 2 * 0.025],
      // About the session's begin: the ends move by 1 and 3 s times u, against one another by the power there.
      [{ uRate: 1e-3 }, "clock rate", 20 * ((3 * 1.001) ** 2 - 1.001 ** 2 - 8)],
    ] as const) {
      const daq = clockOf([clockModel(1000, known), 0, 6000]);
      const o = { detailed: new Set([1]) };
      const { budget } = physicalPass(scan, { ...clocks, daq }, windows, o)!.detailed.get(1)!;
      const found = budget.find((t) => t.term === term)!.contributionJ;
      expect(found / expectedJ).toBeCloseTo(1, 5);
    }
  });
});

test("who sees each run sees every row, and the figures stay what they are", () => {
  const run: MadeRun = { seconds: 2, powerW: ramp, windows: [["a", 0.5, 1.5]] };
  withRun(run, (path) => {
    const { scan, clocks, windows } = prepare(path);
    let rows = 0;
    const progress: number[] = [];
    const seen = physicalPass(scan, clocks, windows, {
      detailed: new Set(),
      onRun: (r) => (rows += r.to - r.from),
      onProgress: (done, total) => progress.push(done / total),
    })!;
    expect(rows).toBe(2001);
    expect(progress.at(-1)).toBe(1);
    const unseen = physicalPass(scan, clocks, windows, { detailed: new Set() })!;
    expect(seen.figures.energyJ[1]! / unseen.figures.energyJ[1]!).toBeCloseTo(1, 12);
    expect([...seen.figures.samples]).toEqual([...unseen.figures.samples]);
  });
});
