// Buckets against a plain loop over all rows: no peak lost, no Joule made or lost, gaps left out.

import { describe, expect, test } from "@jest/globals";
import { random } from "../../stats/random.ts";
import { addRows, type Buckets, coarsen, createBuckets, endRows } from "../../view/decimate.ts";

interface Trace {
  readonly tNs: BigInt64Array;
  readonly power: Float32Array;
  readonly flags: Uint8Array;
  readonly energyJ: Float64Array;
}

/** Uneven steps, spikes, gaps. @param holdsNs as of the buckets */
function trace(seed: number, rows: number, holdsNs = 0): Trace {
  const r = random(seed, "decimate");
  const tNs = new BigInt64Array(rows);
  const power = new Float32Array(rows);
  const flags = new Uint8Array(rows);
  const energyJ = new Float64Array(rows);
  for (let i = 1; i < rows; i++) {
    const gap = r.uniform() < 0.003;
    tNs[i] = tNs[i - 1]! + BigInt(gap ? 3_000_000 + r.integer(1e6) : 9_000 + r.integer(2_000));
    power[i] = 200 + 50 * r.normal() + (r.uniform() < 0.001 ? 900 : 0);
    flags[i] = gap ? 1 : 0;
    const dt = Number(tNs[i]! - tNs[i - 1]!) * 1e-9;
    const seenS = gap ? Math.min(dt, holdsNs * 1e-9) : dt;
    const meanW = holdsNs > 0 ? power[i - 1]! : (power[i]! + power[i - 1]!) / 2;
    energyJ[i] = energyJ[i - 1]! + meanW * seenS;
  }
  return { tNs, power, flags, energyJ };
}

function fill(b: Buckets, t: Trace, batch: number): Buckets {
  for (let i = 0; i < t.tNs.length; i += batch)
    addRows(b, {
      tNs: t.tNs.slice(i, i + batch),
      columns: [t.power.slice(i, i + batch)],
      flags: t.flags.slice(i, i + batch),
      energyJ: t.energyJ.slice(i, i + batch),
    });
  return b;
}

const sum = (a: Float64Array | Uint32Array): number => {
  let total = 0;
  for (const x of a) total += x;
  return total;
};
const last = <T>(a: ArrayLike<T>): T => a[a.length - 1]!;

describe.each([
  ["fine first guess, many merges", 64, 1_000],
  ["right first guess", 512, 400_000],
  ["buckets finer than rows", 40_000, 8_000],
])("%s", (_, capacity, widthNs) => {
  const t = trace(1, 20_000);
  const b = fill(createBuckets(1, capacity, widthNs), t, 777);
  const s = b.series[0]!;

  test("every row is counted, once", () => expect(sum(b.rows)).toBe(t.tNs.length));

  test("every row's value lies within its bucket's extremes", () => {
    t.power.forEach((v, i) => {
      const k = Math.floor((Number(t.tNs[i]) - b.startNs) / b.widthNs);
      if (v < s.min[k]! || v > s.max[k]!) throw new Error(`row ${i} lies outside bucket ${k}`);
    });
    const seen = [...s.max].filter(Number.isFinite);
    expect(Math.max(...seen)).toBe(t.power.reduce((m, v) => Math.max(m, v)));
  });

  test("integral and active time are those of all intervals but the gaps", () => {
    let active = 0;
    for (let i = 1; i < t.tNs.length; i++)
      if (!t.flags[i]) active += Number(t.tNs[i]! - t.tNs[i - 1]!) * 1e-9;
    expect(sum(s.activeS)).toBeCloseTo(active, 9);
    expect(sum(s.integral) / last(t.energyJ)).toBeCloseTo(1, 9);
  });

  test("energy at bucket starts agrees with the integral up to there, gaps included", () => {
    let integral = 0;
    for (let k = 0; k < b.used; k++) {
      expect(Math.abs(b.energyJ[k]! - integral)).toBeLessThan(1e-6);
      integral += s.integral[k]!;
    }
    expect(b.energyJ[b.used]).toBe(last(t.energyJ));
  });

  test("flags reach their buckets", () => {
    const marked = new Set<number>();
    t.flags.forEach(
      (f, i) => f && marked.add(Math.floor((Number(t.tNs[i]) - b.startNs) / b.widthNs)),
    );
    expect(b.flags.reduce((n, f) => n + (f & 1), 0)).toBe(marked.size);
  });
});

describe.each([
  ["buckets of many rows", 512, 400_000],
  ["buckets finer than rows", 60_000, 4_000],
])("rows that are means, %s", (_, capacity, widthNs) => {
  const HOLDS_NS = 10_000;
  const t = trace(4, 20_000, HOLDS_NS);
  const b = fill(createBuckets(1, capacity, widthNs, HOLDS_NS), t, 777);
  endRows(b);
  const s = b.series[0]!;
  const all = last(t.energyJ) + last(t.power) * HOLDS_NS * 1e-9;

  test("count from their time to the next, before gaps and at the end for their period", () => {
    expect(b.energyJ[b.used]).toBeCloseTo(all, 9);
    expect(sum(s.integral)).toBeCloseTo(all, 6);
    expect(b.last.tNs - b.startNs).toBe(Number(last([...t.tNs])) - Number(t.tNs[0]) + HOLDS_NS);
  });

  test("the energy at every bucket's start is that of the rows before it", () => {
    let [row, integral, off, apart] = [0, 0, 0, 0];
    for (let k = 0; k < b.used; k++) {
      const at = b.startNs + k * b.widthNs;
      while (row + 1 < t.tNs.length && Number(t.tNs[row + 1]) <= at) row++;
      const gap = row + 1 === t.tNs.length || t.flags[row + 1] === 1;
      const ns = at - Number(t.tNs[row]);
      const heldS = (gap ? Math.min(ns, HOLDS_NS) : ns) * 1e-9;
      off = Math.max(off, Math.abs(b.energyJ[k]! - t.energyJ[row]! - t.power[row]! * heldS));
      apart = Math.max(apart, Math.abs(integral - b.energyJ[k]!));
      integral += s.integral[k]!;
    }
    expect(off).toBeLessThan(1e-9);
    expect(apart).toBeLessThan(1e-6);
  });
});

test("one row that is a mean has its energy", () => {
  const one = { tNs: BigInt64Array.of(5n), power: Float32Array.of(80), flags: new Uint8Array(1) };
  const b = fill(createBuckets(1, 8, 1_000, 1e6), { ...one, energyJ: new Float64Array(1) }, 1);
  endRows(b);
  expect(b.energyJ[b.used]).toBeCloseTo(0.08, 9);
  expect(sum(b.series[0]!.activeS)).toBeCloseTo(1e-3, 12);
});

test("where batches are cut does not matter", () => {
  const t = trace(2, 5_000);
  const whole = fill(createBuckets(1, 256, 100_000), t, 5_000);
  for (const batch of [1, 13, 4_999]) {
    const cut = fill(createBuckets(1, 256, 100_000), t, batch);
    expect(cut.series[0]!.min).toEqual(whole.series[0]!.min);
    expect(cut.series[0]!.max).toEqual(whole.series[0]!.max);
    expect(cut.rows).toEqual(whole.rows);
    for (let k = 0; k <= whole.used; k++) expect(cut.energyJ[k]).toBeCloseTo(whole.energyJ[k]!, 9);
    cut.series[0]!.integral.forEach((j, k) =>
      expect(j).toBeCloseTo(whole.series[0]!.integral[k]!, 6),
    );
  }
});

test("merging keeps totals, extremes and the energy at every remaining start", () => {
  const b = fill(createBuckets(1, 1024, 250_000), trace(3, 9_000), 9_000);
  const s = b.series[0]!;
  const before = { integral: sum(s.integral), rows: sum(b.rows), energy: b.energyJ.slice() };
  coarsen(b);
  expect(sum(s.integral)).toBeCloseTo(before.integral, 9);
  expect(sum(b.rows)).toBe(before.rows);
  for (let k = 0; k < b.used; k++) expect(b.energyJ[k]).toBe(before.energy[2 * k]);
});

test("a ramp's energy at a bucket start is the parabola's, not a straight line's", () => {
  // 0 W to 100 W in 1 s, two rows; bucket starts at quarters: E = 50 t² J.
  const b = createBuckets(1, 4, 0.25e9 + 1);
  const rows = { tNs: BigInt64Array.of(0n, 1_000_000_000n), columns: [Float32Array.of(0, 100)] };
  addRows(b, { ...rows, energyJ: Float64Array.of(0, 50) });
  for (const k of [1, 2, 3]) expect(b.energyJ[k]).toBeCloseTo(50 * (k / 4) ** 2, 5);
  expect(b.series[0]!.integral[1]).toBeCloseTo(50 * (0.25 - 0.0625), 5);
});

test("interval means (rectangles) give their own energy at bucket starts", () => {
  // 100 W held for 1 s, then 300 W: the running energy says so, and the parabola degenerates to a line.
  const b = createBuckets(1, 4, 0.5e9);
  const tNs = BigInt64Array.of(0n, 1_000_000_000n, 1_900_000_000n);
  addRows(b, {
    tNs,
    columns: [Float32Array.of(100, 300, 300)],
    energyJ: Float64Array.of(0, 100, 370),
  });
  expect([...b.energyJ.subarray(0, 4)]).toEqual([0, 50, 100, 250]);
});

test("missing values are left out of extremes and time, not taken as 0", () => {
  const b = createBuckets(1, 8, 1e9);
  const tNs = BigInt64Array.from([0, 1, 2, 3, 4, 5], (s) => BigInt(s) * 100_000_000n);
  addRows(b, { tNs, columns: [Float32Array.of(10, 10, NaN, 10, 10, 30)] });
  const s = b.series[0]!;
  expect([s.min[0], s.max[0]]).toEqual([10, 30]);
  expect(s.activeS[0]).toBeCloseTo(0.3, 12);
  expect(s.integral[0]).toBeCloseTo(4, 6);
});

test("time that runs backwards is held and counted", () => {
  const b = createBuckets(1, 8, 1e6);
  addRows(b, {
    tNs: BigInt64Array.of(0n, 2_000_000n, 1_000_000n, 3_000_000n),
    columns: [new Float32Array(4).fill(5)],
  });
  expect(b.backwards).toBe(1);
  expect(sum(b.rows)).toBe(4);
  expect(sum(b.series[0]!.integral)).toBeCloseTo(0.015, 12);
});

test("sixty doublings of time fit the same buckets", () => {
  const b = createBuckets(1, 32, 1);
  const tNs = new BigInt64Array(1);
  for (let e = 0n; e < 60n; e++) {
    tNs[0] = 1n << e;
    addRows(b, { tNs, columns: [Float32Array.of(1)] });
  }
  expect(b.series[0]!.min.length).toBe(32);
  expect(sum(b.rows)).toBe(60);
});
