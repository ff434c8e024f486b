// Buckets against their definition: rows cut into blocks anyhow, gaps anywhere.

import { describe, expect, test } from "@jest/globals";
import { random } from "../../stats/random.ts";
import { CAPACITY, Pyramid, RATIO, rowsPerBucket } from "../../view/feed/pyramid.ts";

const ROWS = 5; // of a base bucket

/** NaN where no row is. */
function signal(n: number, seed: number): Float64Array {
  const r = random(seed, "signal");
  return Float64Array.from({ length: n }, () => Math.fround(r.normal() * 100));
}

/** Feeds the rows that are there, in blocks of random length. */
function feed(p: Pyramid, columns: Float64Array[], missing: (row: number) => boolean): void {
  const r = random(1, "blocks");
  const n = columns[0]!.length;
  for (let i = 0; i < n;) {
    if (missing(i)) {
      i++;
      continue;
    }
    let rows = 1;
    while (rows < 1 + r.integer(23) && i + rows < n && !missing(i + rows)) rows++;
    p.add(
      columns.map((c) => c.slice(i, i + rows)),
      i,
      rows,
    );
    i += rows;
  }
}

function expected(
  column: Float64Array,
  width: number,
  k: number,
  missing: (row: number) => boolean,
) {
  const rows = [...column.subarray(k * width, (k + 1) * width)].filter(
    (_, i) => !missing(k * width + i),
  );
  if (rows.length === 0) return [NaN, NaN, NaN];
  const mean = rows.reduce((a, b) => a + b, 0) / rows.length;
  return [Math.min(...rows), Math.fround(mean), Math.max(...rows)];
}

describe("pyramid", () => {
  test.each([
    ["without gaps", () => false],
    [
      "with gaps of any length",
      (row: number) => (row > 400 && row < 409) || (row > 900 && row < 2100),
    ],
    ["with single rows missing", (row: number) => row % 7 === 3],
  ])("every complete bucket of every level holds min, mean, max: %s", (_name, missing) => {
    const n = 6000;
    const columns = [signal(n, 2), signal(n, 3)];
    const p = new Pyramid(2, ROWS);
    feed(p, columns, missing);
    for (let level = 0; level < p.levels; level++) {
      const width = ROWS * RATIO ** level;
      const to = p.complete(level);
      const out = new Float32Array(to * 6);
      p.copy({ level, from: 0, to }, out);
      if (level < 4) expect(to).toBeGreaterThanOrEqual(Math.floor(n / width) - RATIO);
      for (let s = 0; s < 2; s++)
        for (let k = 0; k < to; k++) {
          const got = [0, 1, 2].map((m) => out[(3 * s + m) * to + k]!);
          const want = expected(columns[s]!, width, k, missing);
          expect(got[0]).toBe(want[0]);
          expect(got[2]).toBe(want[2]);
          if (!Number.isNaN(want[1])) expect(Math.abs(got[1]! - want[1]!)).toBeLessThan(1e-4);
          else expect(got[1]).toBeNaN();
        }
    }
  });

  test("the ring forgets the oldest and wraps", () => {
    const p = new Pyramid(1, 2);
    const n = 2 * (CAPACITY + 100);
    const column = Float64Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n; i += 1000) p.add([column.slice(i, i + 1000)], i, Math.min(1000, n - i));
    expect([p.held(0), p.complete(0)]).toEqual([100, CAPACITY + 100]);
    const out = new Float32Array(3 * 40);
    p.copy({ level: 0, from: CAPACITY - 20, to: CAPACITY + 20 }, out); // over the seam
    expect([...out.subarray(0, 40)]).toEqual(
      Array.from({ length: 40 }, (_, i) => 2 * (CAPACITY - 20 + i)),
    );
  });

  test("a gap longer than the ring leaves it empty, not old", () => {
    const p = new Pyramid(1, 2);
    p.add([new Float64Array(100).fill(7)], 0, 100);
    p.add([new Float64Array(4).fill(9)], 4 * CAPACITY, 4);
    const out = new Float32Array(3 * 10);
    p.copy({ level: 0, from: p.complete(0) - 10, to: p.complete(0) }, out);
    expect([...out.subarray(0, 8)].every(Number.isNaN)).toBe(true);
    expect([...out.subarray(8, 10)]).toEqual([9, 9]);
  });

  test("rows that went by are ignored", () => {
    const p = new Pyramid(1, 2);
    p.add([Float64Array.of(1, 2, 3, 4)], 0, 4);
    p.add([Float64Array.of(9, 9, 9, 5, 6)], 1, 5);
    const out = new Float32Array(9);
    p.copy({ level: 0, from: 0, to: 3 }, out);
    expect([...out.subarray(6)]).toEqual([2, 4, 6]);
  });

  test("a bucket holds about a millisecond, and two rows at least", () => {
    expect([125_000, 100_000, 20_000, 1000, 50].map(rowsPerBucket)).toEqual([125, 100, 20, 2, 2]);
  });
});
