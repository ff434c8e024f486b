// The pass over a made run of 1 kHz: each window's figures in closed form, idle, and whose budgets are kept.

import { describe, expect, test } from "@jest/globals";
import { KernelCollector } from "../../align/clocks/cuda-kernels.ts";
import { kernelTimes } from "../../align/clocks/cuda-times.ts";
import { prepare } from "../../energy/compare.ts";
import { Sum } from "../../energy/integrate.ts";
import {
  expandedJ,
  FigureColumns,
  type PhysicalPass,
  physicalPass,
} from "../../energy/physical.ts";
import { clockModel, clockOf } from "../support/clocks.ts";
import { SESSION } from "../support/evidence.ts";
import { rigOf } from "../support/rig.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";
import { kernelMarks } from "../align/gpu-bench.ts";

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
    expect(figures.expandedUncertaintyJ[3]).toBeNaN();
  });

  test("a budget is kept of whoever asked for it, and twice its root sum of squares is U", () => {
    const { detailed, figures } = passed(run, [0, 2]);
    expect([...detailed.keys()].sort()).toEqual([0, 2]);
    const b = detailed.get(2)!;
    const squares = b.budget.reduce((sum, t) => sum + t.contributionJ ** 2, 0);
    expect(b.uncertainty.uJ).toBeCloseTo(Math.sqrt(squares), 9);
    expect(expandedJ(b.uncertainty)).toBeCloseTo(2 * Math.sqrt(squares), 9);
    expect(figures.expandedUncertaintyJ[2]).toBe(expandedJ(b.uncertainty));
    expect(b).toMatchObject({ samples: 2000, bridgedJ: 0, quality: "billable" });
    expect(b.energyJ).toBe(figures.energyJ[2]);
  });

  test("before any window was seen they are none", () => {
    const none = new FigureColumns(2);
    expect([...none.energyJ, ...none.expandedUncertaintyJ]).toEqual([NaN, NaN, NaN, NaN]);
    expect([none.quality(0), none.samples[1], none.gapFraction[0]]).toEqual(["no_data", 0, 0]);
    const parts = { uJ: 1.5, commonUJ: 1.5, independentUJ: 0, dof: Infinity };
    const uncertainty = { ...parts, coverageFactor: 2, unmeasuredJ: 0.7 };
    const energyJ = [1, 2];
    energyJ.forEach((j, i) =>
      none.set(i, {
        ...{ energyJ: j, uncertainty, samples: 4, activeS: 8 },
        ...{ gapFraction: 0.5, maxGapS: 0, bridgedJ: 0 },
        quality: i === 0 ? "gappy" : "billable",
      }),
    );
    expect([...none.energyJ, none.quality(0), none.quality(1)]).toEqual([
      ...[1, 2, "gappy", "billable"],
    ]);
    expect(none.at(1)).toEqual({
      ...{ energyJ: 2, expandedUncertaintyJ: 3, unmeasuredJ: 0.7 },
      ...{ samples: 4, activeS: 8, gapFraction: 0.5 },
      quality: "billable",
    });
    expect(() => none.at(2)).toThrow(RangeError);
  });

  test("two rows in a window are enough, one is not; a window of no length holds nothing", () => {
    const windows = [
      ["none", 1, 1],
      ["two", 1.0005, 1.0025],
      ["one", 1.0005, 1.0015],
    ] as const;
    const { figures } = passed({ seconds: 2, powerW: ramp, windows });
    const at = [1, 2, 3].map((i) => figures.at(i));
    expect(at.map(({ samples, quality }) => [samples, quality])).toEqual([
      [0, "no_data"],
      [2, "estimate"],
      [1, "no_data"],
    ]);
    expect(at.map((w) => w.energyJ)).toEqual([NaN, expect.closeTo(20 * 2.003 * 0.002, 9), NaN]);
    expect(at[0]!.gapFraction).toBe(0);
  });

  test("where rows are means one is enough: it has a begin and an end", () => {
    const rig = rigOf({ sampling: "interval_mean" });
    const windows = [
      ["whole", 1.001, 1.002],
      ["inside", 1.0032, 1.0037],
    ] as const;
    const { figures } = passed({ seconds: 2, powerW: () => 100, windows, rig });
    const [whole, inside] = [1, 2].map((i) => figures.at(i));
    expect(whole).toMatchObject({
      energyJ: expect.closeTo(0.1, 6),
      samples: 1,
      quality: "estimate",
    });
    expect(inside).toMatchObject({ energyJ: NaN, quality: "no_data" });
  });

  test("without a stream, a rig or a clock there are none", () => {
    withRun(run, (path) => {
      const { scan, clocks, windows } = prepare(path);
      const pass = (s: typeof scan, c: typeof clocks): unknown =>
        physicalPass(s, c, windows, { detailed: new Set() });
      expect(pass({ ...scan, stream: null }, clocks)).toBeNull();
      expect(pass({ ...scan, rig: null }, clocks)).toBeNull();
      expect(pass(scan, { ...clocks, daq: null })).toBeNull();
    });
  });
});

test("integrals at the ends of every kernel that has a length", () => {
  withRun({ seconds: 4, powerW: ramp }, (path) => {
    const { scan, clocks, windows } = prepare(path);
    const collector = new KernelCollector();
    const rows = [
      [0.5, 1.5],
      [2.5, 2.5],
      [2, 3],
    ] as const;
    rows.forEach(([a, b], i) =>
      kernelMarks(i, "k", a * 1e9, b * 1e9).forEach((m) => collector.add(m, SESSION)),
    );
    const times = kernelTimes(collector.finish(), [], SESSION)!;
    const [startNs, endNs] = [0, 1].map((k) => Float64Array.from(rows, (r) => r[k]! * 1e9));
    const kernels = { ...times, startNs: startNs!, endNs: endNs! };
    const o = { detailed: new Set<number>() };
    const found = physicalPass(scan, { ...clocks, kernels }, windows, o)!.kernels;
    expect(found.between(0.5e9, 1.5e9, Sum.energyJ)).toBeCloseTo(20 * (1.5 ** 2 - 0.5 ** 2), 9);
    expect(found.between(2e9, 3e9, Sum.energyJ)).toBeCloseTo(20 * (9 - 4), 9);
    expect(() => found.value(2.5e9, Sum.energyJ)).toThrow("no snapshot was asked for");
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
    expect(a.maxGapS).toBeCloseTo(0.5, 9);
    expect(a.samples).toBe(3000 - 499);
    expect(figures.quality(1)).toBe("gappy");
    expect(figures.quality(2)).toBe("no_data");
    expect(figures.gapFraction[2]).toBe(1);
    expect(counts.gaps).toBe(1);
  });

  test("is nothing in a pause in which the source took nothing", () => {
    const { figures, detailed, counts } = passed({ ...run, pause: true }, [1]);
    const a = detailed.get(1)!;
    expect(a.energyJ).toBeCloseTo(20 * (3.5 ** 2 - 0.5 ** 2) - 20 * (1.5 ** 2 - 1), 6);
    expect([a.bridgedJ, a.maxGapS, counts.gaps]).toEqual([0, 0, 0]);
    expect([a.gapFraction, figures.quality(1)]).toEqual([expect.closeTo(0, 9), "billable"]);
  });
});

test("one long hole makes a window worse than its share of the time says", () => {
  const windows = [["e", -5, 20], ["a", 0, 20], ["c", 1.2, 20], ["d", 10, 20]] as const; // prettier-ignore
  const of = (ms: number, i: number) => {
    const run = { seconds: 20, powerW: () => 100, windows, lost: [1001, 1000 + ms] as const };
    const { detailed } = passed(run, [i]);
    const { maxGapS, quality } = detailed.get(i)!;
    return [Math.round(1e6 * maxGapS) / 1e6, quality];
  };
  expect(of(250, 2)).toEqual([0.25, "billable"]);
  expect(of(400, 2)).toEqual([0.4, "good"]);
  expect(of(500, 2)).toEqual([0.5, "good"]);
  expect(of(501, 2)).toEqual([0.501, "gappy"]);
  // Of the hole what lies in the window; of a window before the trace what nobody saw of it.
  expect(of(400, 3)).toEqual([0.2, "billable"]);
  expect(of(400, 4)).toEqual([0, "billable"]);
  expect(of(400, 1)).toEqual([5, "gappy"]);
});

test("two rows with a gap between them observe nothing", () => {
  const windows = [["a", -0.0005, 1]] as const;
  const { figures, detailed } = passed({ seconds: 4, powerW: () => 100, windows, lost: [1, 1000] }, [1]); // prettier-ignore
  expect(detailed.get(1)).toMatchObject({ samples: 2, gapFraction: 1, quality: "no_data" });
  expect(figures.energyJ[1]).toBeNaN();
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

test("a window's begin as far as the clock may be off is asked for in its time, whatever is open then", () => {
  // 1 kW up to the row of 0.929 s, then nothing: 929.5 J in all.
  const powerW = (s: number): number => (s < 0.9295 ? 1000 : 0);
  const windows = [
    ["a", 0.95, 3],
    ["b", 1.5, 2.5],
  ] as const;
  withRun({ seconds: 4, powerW, windows }, (path) => {
    const { scan, clocks, windows: list } = prepare(path);
    for (const [known, term] of [
      [{ uOffsetNs: 0.6e9 }, "clock offset"],
      // 10 s after it the clock is off by 0.6 s.
      [{ refNs: -8.5e9, refDevice: -8500, uRate: 0.06 }, "clock rate"],
    ] as const) {
      const daq = clockOf([clockModel(1000, known), 0, 4000]);
      const pass = physicalPass(scan, { ...clocks, daq }, list, { detailed: new Set([2]) })!;
      const found = pass.detailed.get(2)!.budget.find((t) => t.term === term)!;
      // The begin, moved to 0.9 s, has 29.5 J after it.
      expect(found.contributionJ).toBeCloseTo(29.5, 6);
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
