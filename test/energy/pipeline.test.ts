// Raw blocks → runs → Joules on seeded streams with everything that goes wrong in them. The figures were
// taken before the loops were made fast; whoever changes a loop changes no Joule.

import { describe, expect, test } from "@jest/globals";
import { fixedModel } from "../../align/clocks/clock.ts";
import { Timeline } from "../../align/timeline.ts";
import { steadyClock } from "../../align/clocks/segments.ts";
import { instantsOf, Integrator, Sum } from "../../energy/integrate.ts";
import { random } from "../../stats/random.ts";
import {
  BlockFlag,
  type RowField,
  type RowLayout,
  type SampleBlock,
} from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";

const ROW_HZ = 100e3;
const START_NS = 5e6;

function sensor(
  field: string,
  perCount: number,
  zeroCount: number,
  clip?: [number, number],
): Sensor {
  const calibration = { date: "2026-01-01", basis: "assumed" } as const;
  return {
    field,
    perCount,
    zeroCount,
    gainU: 0.01,
    offsetU: 0,
    calibration,
    ...(clip ? { clip } : {}),
  };
}

function rig(rails: Rig["rails"], hz: number, sampling: "instant" | "interval_mean"): Rig {
  const clock = { hz, uRel: 1e-5, startU: 1e-3 };
  const device = { kind: "test", stream: "main", sampling, rowHz: ROW_HZ, clock };
  return { name: "test", description: "", device, rails, missingRails: [] };
}

/** Blocks of 1 to 9,000 rows; some lost, some sent twice. `write` fills one row. */
function* blocks(
  seed: number,
  rows: number,
  rowBytes: number,
  write: (v: DataView, at: number, row: number) => void,
): Generator<SampleBlock> {
  const r = random(seed, "blocks");
  for (let firstIndex = 0; firstIndex < rows;) {
    const n = 1 + r.integer(r.uniform() < 0.3 ? 9000 : 50);
    const bytes = new Uint8Array(n * rowBytes);
    const v = new DataView(bytes.buffer);
    for (let i = 0; i < n; i++) write(v, i * rowBytes, firstIndex + i);
    const stamps = { deviceTick: null, hostBefore: null, hostAfter: null };
    const block = { stream: "main", firstIndex, ...stamps, rows: n, flags: 0, bytes };
    const fate = r.uniform();
    if (fate > 0.05) yield block;
    if (fate > 0.95) yield { ...block, flags: BlockFlag.duplicate };
    firstIndex += n;
  }
}

interface Outcome {
  readonly rows: number;
  readonly gaps: number;
  readonly backwards: number;
  readonly notNumbers: number;
  readonly clipped: number;
  /** Whole stream and three windows: energy, bridge; and where the windows lie in gaps and on rows. */
  readonly joules: readonly number[];
  readonly samples: readonly number[];
  /** Rows flagged: gap before, clipped, trigger. */
  readonly flagged: readonly number[];
}

function outcome(r: Rig, layout: RowLayout, from: Iterable<SampleBlock>): Outcome {
  const hz = r.device.clock.hz;
  const clock = steadyClock(
    fixedModel("daq", { hz, uRel: 1e-5, startNs: START_NS, startUNs: 1e6 }),
  );
  const timeline = new Timeline({ path: "", rig: r }, { layout }, clock);
  // Window ends on rows 20,000 and 30,000, between rows, and wherever a seeded stream has its gaps.
  const ends = [0, 6e8, START_NS + 2e8, START_NS + 3e8, START_NS + 1.234567e8, START_NS + 4.1e8];
  const flagged = [0, 0, 0];
  const integrator = new Integrator(r, instantsOf(ends));
  for (const run of timeline.align(from)) {
    integrator.add(run);
    for (let i = run.from; i < run.to; i++)
      [1, 2, 4].forEach((bit, k) => (flagged[k]! += run.flags[i]! & bit ? 1 : 0));
  }
  const s = integrator.finish();
  const windows = [0, 2, 4].map((k) => [ends[k]!, ends[k + 1]!] as const);
  const each = (k: number): number[] => windows.map(([t0, t1]) => s.between(t0, t1, k));
  const { rows, gaps, backwards, notNumbers, clipped } = timeline.counts;
  const joules = [...each(Sum.energyJ), ...each(Sum.gapJ), ...each(Sum.stepSquareW2)];
  const counts = { rows, gaps, backwards, notNumbers, clipped };
  return { ...counts, joules, samples: each(Sum.samples), flagged };
}

function expectOutcome(found: Outcome, expected: Outcome): void {
  expect({ ...found, joules: [] }).toEqual({ ...expected, joules: [] });
  found.joules.forEach((x, i) => {
    const e = expected.joules[i]!;
    expect(Math.abs(x - e)).toBeLessThanOrEqual(1e-12 * Math.abs(e));
  });
}

const EXPECTED: Readonly<Record<string, Outcome>> = {
  instant: {
    rows: 53050,
    gaps: 2,
    backwards: 0,
    notNumbers: 0,
    clipped: 7304,
    joules: [
      357.2552800093998, 66.48389273020001, 188.15003056786463, 0.3185563216, 0, 0.3185563216,
      2144263.3600206734, 403986.59649184474, 1170886.990683555,
    ],
    samples: [53050, 10000, 28617],
    flagged: [2, 7304, 10],
  },
  interval_mean: {
    rows: 53050,
    gaps: 2,
    backwards: 0,
    notNumbers: 0,
    clipped: 7304,
    joules: [
      357.2797554479999, 66.48387741360003, 188.16635822347598, 0.30222008860000005, 0,
      0.30222008860000005, 2144263.3600206734, 403986.59649184474, 1170886.990683555,
    ],
    samples: [53050, 10000, 28617],
    flagged: [2, 7304, 10],
  },
  floats: {
    rows: 53499,
    gaps: 100,
    backwards: 0,
    notNumbers: 97,
    clipped: 0,
    joules: [
      133.23344967926025, 24.894692561111455, 68.75838653644838, 3.1312816166687014,
      0.08984176879882813, 2.7684323948669434, 10607287.487345409, 1922963.3274498032,
      5386326.698597571,
    ],
    samples: [53402, 9982, 27553],
    flagged: [100, 0, 0],
  },
  ticks: {
    rows: 52207,
    gaps: 61,
    backwards: 19,
    notNumbers: 0,
    clipped: 0,
    joules: [
      153.19706442248003, 29.114537286312597, 83.51260901648311, 1.1215106374933261,
      0.27986840378663363, 0.7555130444533208, 126268334.81164894, 23980315.07651969,
      68388279.11537121,
    ],
    samples: [52188, 9913, 28431],
    flagged: [61, 0, 0],
  },
};

const words = (names: readonly string[], bits: number): RowField[] =>
  names.map((name, i) => ({ name, bitOffset: 16 * i, bits, kind: "uint" }));

describe("pipeline", () => {
  for (const sampling of ["instant", "interval_mean"] as const)
    test(`words timed by index, with a trigger bit and saturation: ${sampling}`, () => {
      const r = random(11, "values");
      const level = (row: number): number => (row % 10_000 < 4000 ? 3000 : 900);
      const layout: RowLayout = {
        stream: "main",
        rowBytes: 8,
        fields: words(["av", "ai", "bv", "bi"], 15),
        trigger: { name: "trigger", bitOffset: 63, bits: 1, kind: "uint" },
      };
      const rails = [
        {
          name: "a",
          voltage: sensor("av", 0.004, 0),
          current: sensor("ai", 0.02, 100.5, [0, 3015]),
        },
        {
          name: "b",
          voltage: sensor("bv", 0.004, 7),
          current: sensor("bi", -0.01, 4000, [885, 4095]),
        },
      ];
      const from = blocks(1, 50_000, 8, (v, at, row) => {
        [3000, level(row), 3010, level(row)].forEach((x, k) =>
          v.setUint16(at + 2 * k, x + r.integer(40) - 20, true),
        );
        if (row % 10_000 < 4000) v.setUint8(at + 7, v.getUint8(at + 7) | 128);
      });
      expectOutcome(outcome(rig(rails, ROW_HZ, sampling), layout, from), EXPECTED[sampling]!);
    });

  test("floats with NaN and infinity", () => {
    const r = random(12, "values");
    const layout: RowLayout = {
      stream: "main",
      rowBytes: 4,
      fields: [{ name: "power", bitOffset: 0, bits: 32, kind: "float" }],
    };
    const rails = [{ name: "all", power: sensor("power", 1, 0) }];
    const from = blocks(2, 50_000, 4, (v, at) => {
      const fate = r.uniform();
      const x = fate < 0.001 ? NaN : fate < 0.0015 ? -Infinity : 250 + 10 * r.normal();
      v.setFloat32(at, x, true);
    });
    expectOutcome(outcome(rig(rails, ROW_HZ, "instant"), layout, from), EXPECTED["floats"]!);
  });

  test("a 16-bit tick that wraps, jitters, jumps and stands still", () => {
    const r = random(13, "values");
    const hz = 3e6;
    const layout: RowLayout = {
      stream: "main",
      rowBytes: 6,
      fields: words(["tick", "v", "i"], 16),
      tick: { name: "tick", bitOffset: 0, bits: 16, kind: "uint" },
    };
    const rails = [{ name: "a", voltage: sensor("v", 0.004, 0), current: sensor("i", 0.02, 30) }];
    let [tick, last] = [65_000, 0];
    const from = blocks(3, 50_000, 6, (v, at, row) => {
      const fate = r.uniform();
      tick += 30 * (row - last) + (fate < 0.001 ? 200 : fate < 0.0015 ? -30 : r.integer(9) - 4);
      last = row;
      v.setUint16(at, tick & 0xffff, true);
      v.setUint16(at + 2, 3000 + r.integer(30), true);
      v.setUint16(at + 4, 1000 + r.integer(500), true);
    });
    expectOutcome(outcome(rig(rails, hz, "instant"), layout, from), EXPECTED["ticks"]!);
  });
});
