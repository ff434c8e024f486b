import { describe, expect, test } from "@jest/globals";
import type { RailColumns } from "../../align/rows/calibrate.ts";
import { RowFlag } from "../../align/rows/row-flags.ts";
import type { AlignedRun } from "../../align/timeline.ts";
import { instantsOf, Integrator, type Snapshots, Sum } from "../../energy/integrate.ts";
import { type Random, random } from "../../stats/random.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { bruteForce, type Row } from "./brute-force.ts";

const PERIOD_NS = 10_000;

function sensor(field: string, perCount: number, zeroCount: number): Sensor {
  const calibration = { date: "2026-01-01", basis: "assumed" } as const;
  return { field, perCount, zeroCount, gainU: 0.01, offsetU: 0, calibration };
}

/** Two measured rails and one that reports watts. */
function rig(sampling: Rig["device"]["sampling"]): Rig {
  return {
    name: "test",
    description: "",
    device: {
      kind: "test",
      stream: "main",
      sampling,
      rowHz: 1e9 / PERIOD_NS,
      clock: { hz: 1e9 / PERIOD_NS, uRel: 1e-5, startU: 1e-3 },
    },
    rails: [
      { name: "a", voltage: sensor("av", 0.004, 3), current: sensor("ai", 0.02, 2048) },
      { name: "b", assumedVoltage: { valueV: 12, u: 0.1 }, current: sensor("bi", 0.01, 1.5) },
      { name: "c", power: sensor("cp", 1, 0) },
    ],
    missingRails: [],
  };
}

/** Irregular rows: jitter, steps, gaps of many lengths, single rows between gaps. */
function someRows(r: Random, n: number, even: boolean): Row[] {
  const rows: Row[] = [];
  let t = 3e9;
  let level = 100;
  for (let i = 0; i < n; i++) {
    const gapBefore = i > 0 && r.uniform() < 0.02;
    if (r.uniform() < 0.05) level = 400 * r.uniform();
    const watts = (): number => level + 5 * r.normal();
    rows.push({ tNs: t, rails: [watts(), watts()].map((p) => [p, p / 12, 12]), gapBefore });
    t += even ? PERIOD_NS : PERIOD_NS * (0.5 + r.uniform());
    if (gapBefore && r.uniform() < 0.5) continue;
    if (r.uniform() < 0.02) t += 1e6 * r.uniform();
  }
  // A jump in time is a gap.
  return rows.map((row, i) =>
    i > 0 && row.tNs - rows[i - 1]!.tNs > 2.5 * PERIOD_NS ? { ...row, gapBefore: true } : row,
  );
}

/** The rows as runs, cut at gaps and wherever `cut` says; each in a corner of larger columns. */
function* runsOf(
  rows: readonly Row[],
  cut: () => boolean,
  periodNs?: number,
): Generator<AlignedRun> {
  for (let from = 0, i = 1; i <= rows.length; i++) {
    if (i < rows.length && !rows[i]!.gapBefore && !cut()) continue;
    const part = rows.slice(from, i);
    const column = (x: (row: Row) => number): Float64Array =>
      Float64Array.from([-1e9, -1e9, ...part.map(x), 1e9]);
    const rails = rows[0]!.rails.map((_, r): RailColumns => ({
      name: `rail${r}`,
      powerW: column((row) => row.rails[r]![0]),
      currentA: column((row) => row.rails[r]![1]),
      voltageV: column((row) => row.rails[r]![2]),
    }));
    yield {
      from: 2,
      to: 2 + part.length,
      gapBefore: from > 0 && part[0]!.gapBefore,
      tNs: column((row) => row.tNs),
      rails,
      totalW: column((row) => row.rails.reduce((sum, [p]) => sum + p, 0)),
      flags: new Uint8Array(part.length + 3),
      ...(periodNs === undefined ? {} : { periodNs }),
    };
    from = i;
  }
}

/** At rows, between rows, in gaps, at their ends, outside. */
function someInstants(r: Random, rows: readonly Row[]): Float64Array {
  const [first, last] = [rows[0]!.tNs, rows[rows.length - 1]!.tNs];
  const list = [first - 5, first, last, last + 0.3 * PERIOD_NS, last + 1e9];
  for (let i = 0; i < 60; i++) list.push(first + r.uniform() * (last - first));
  for (let i = 0; i < 20; i++) list.push(rows[r.integer(rows.length)]!.tNs);
  rows.forEach((row, i) => {
    if (!row.gapBefore || i === 0) return;
    const before = rows[i - 1]!.tNs;
    list.push(before, row.tNs, row.tNs - 1, before + 0.7 * (row.tNs - before));
  });
  return instantsOf(list);
}

function integrated(r: Rig, instants: Float64Array, runs: Iterable<AlignedRun>): Snapshots {
  const integrator = new Integrator(r, instants);
  for (const run of runs) integrator.add(run);
  return integrator.finish();
}

/** Every integral at every instant, to rounding. */
function expectSame(found: Snapshots, expected: readonly Float64Array[], at: Float64Array): void {
  const scale = new Float64Array(found.width);
  for (const row of expected)
    row.forEach((x, k) => (scale[k] = Math.max(scale[k]!, Math.abs(x) || 0)));
  const wrong: string[] = [];
  at.forEach((t, n) =>
    expected[n]!.forEach((x, k) => {
      const y = found.value(t, k);
      if (Number.isNaN(x) && Number.isNaN(y)) return;
      if (!(Math.abs(y - x) <= 1e-12 * scale[k]!)) wrong.push(`${t} ns, sum ${k}: ${x} not ${y}`);
    }),
  );
  expect(wrong.slice(0, 5)).toEqual([]);
}

describe("Integrator", () => {
  const twoRails = (sampling: Rig["device"]["sampling"]): Rig => {
    const r = rig(sampling);
    return { ...r, rails: r.rails.slice(0, 2) };
  };

  for (const sampling of ["instant", "interval_mean"] as const)
    for (const seed of [1, 2, 3])
      test(`${sampling}, seed ${seed}: every sum is what the definition says, however runs are cut`, () => {
        const r = random(seed, "rows");
        const rows = someRows(r, 500, false);
        const instants = someInstants(r, rows);
        const expected = bruteForce(rows, sampling === "instant" ? null : PERIOD_NS, instants);
        for (const every of [Infinity, 100, 1]) {
          const cut = (): boolean => r.uniform() * every < 1;
          const found = integrated(twoRails(sampling), instants, runsOf(rows, cut));
          expectSame(found, expected, instants);
        }
      });

  for (const sampling of ["instant", "interval_mean"] as const)
    test(`${sampling}: evenly spaced rows give the same whether or not the run says so`, () => {
      const r = random(4, "rows");
      const rows = someRows(r, 500, true);
      const instants = someInstants(r, rows);
      const expected = bruteForce(rows, sampling === "instant" ? null : PERIOD_NS, instants);
      const cut = (): boolean => r.uniform() < 0.01;
      const found = integrated(twoRails(sampling), instants, runsOf(rows, cut, PERIOD_NS));
      expectSame(found, expected, instants);
    });

  test("a window that begins and ends in the same gap has its bridge and nothing else", () => {
    const rows: Row[] = [0, 1, 101, 102].map((k) => ({
      tNs: k * PERIOD_NS,
      rails: [[100 + k, 1, 1]],
      gapBefore: k === 101,
    }));
    const [t0, t1] = [31 * PERIOD_NS, 41 * PERIOD_NS];
    const one = { ...rig("instant"), rails: rig("instant").rails.slice(0, 1) };
    const s = integrated(
      one,
      instantsOf([t0, t1]),
      runsOf(rows, () => false),
    );
    expect(s.between(t0, t1, Sum.energyJ)).toBe(0);
    expect(s.between(t0, t1, Sum.coveredS)).toBe(0);
    expect(s.between(t0, t1, Sum.gapS)).toBeCloseTo(1e-4, 15);
    expect(s.between(t0, t1, Sum.gapJ)).toBeCloseTo(1e-4 * 136, 12);
  });

  test("a pause has no bridge: its time is told, and no Joules", () => {
    const rows: Row[] = [0, 1, 101, 102].map((k) => ({
      tNs: k * PERIOD_NS,
      rails: [[100, 1, 1]],
      gapBefore: k === 101,
    }));
    const [t0, mid, t1] = [0, 41 * PERIOD_NS, 102 * PERIOD_NS];
    const one = { ...rig("instant"), rails: rig("instant").rails.slice(0, 1) };
    function* paused(): Generator<AlignedRun> {
      for (const run of runsOf(rows, () => false)) yield { ...run, pauseBefore: run.gapBefore };
    }
    const s = integrated(one, instantsOf([t0, mid, t1]), paused());
    for (const end of [mid, t1]) {
      expect(s.between(t0, end, Sum.gapJ)).toBe(0);
      expect(s.between(t0, end, Sum.gapSquareS2)).toBe(0);
    }
    expect(s.between(t0, t1, Sum.energyJ)).toBeCloseTo((100 * 2 * PERIOD_NS) / 1e9, 12);
    expect(s.between(t0, t1, Sum.gapS)).toBe(0);
    expect(s.between(t0, mid, Sum.pauseS)).toBeCloseTo((40 * PERIOD_NS) / 1e9, 15);
    expect(s.between(t0, t1, Sum.pauseS)).toBeCloseTo((100 * PERIOD_NS) / 1e9, 15);
  });

  test.each([
    ["instant", 4],
    ["interval_mean", 3],
  ] as const)(
    "Joules of clipped rows, %s: however the rows are cut, an instant among them",
    (sampling, intervals) => {
      const rows = Array.from({ length: 12 }, (_, k): Row => {
        return { tNs: k * PERIOD_NS, rails: [[-100, 1, 1]], gapBefore: false };
      });
      const clipped = (t: number): boolean => t >= 5 * PERIOD_NS && t <= 7 * PERIOD_NS;
      const one = { ...rig(sampling), rails: rig(sampling).rails.slice(0, 1) };
      const [t0, mid, t1] = [0, 6.5 * PERIOD_NS, 11 * PERIOD_NS];
      for (const rowsOfRun of [1, 2, 4, 12]) {
        let row = 0;
        const runs = [...runsOf(rows, () => ++row % rowsOfRun === 0)].map((run) => {
          const flags = Uint8Array.from(run.tNs, (t) => (clipped(t) ? RowFlag.clipped : 0));
          return { ...run, flags, hasClipped: true };
        });
        const s = integrated(one, instantsOf([t0, mid, t1]), runs);
        const rowJ = (100 * PERIOD_NS) / 1e9;
        expect(s.between(t0, t1, Sum.clippedJ)).toBeCloseTo(intervals * rowJ, 12);
        expect(s.between(mid, t1, Sum.clippedJ)).toBeCloseTo(1.5 * rowJ, 12);
      }
    },
  );

  test("nothing observed leaves zeros, and an instant nobody asked for is refused", () => {
    const s = new Integrator(rig("instant"), instantsOf([1, 2])).finish();
    expect(s.between(1, 2, Sum.energyJ)).toBe(0);
    expect(() => s.value(1.5, Sum.energyJ)).toThrow("no snapshot");
  });
});
