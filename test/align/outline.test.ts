import { expect, test } from "@jest/globals";
import { Outline } from "../../align/clocks/outline.ts";
import { random } from "../../stats/random.ts";

const CAPACITY = 1 << 10;

test("an outline's cells are means of equally many rows, doubled whenever it is full", () => {
  const r = random(1, "outline");
  const rows = 2 * CAPACITY + 501;
  const t = new Float64Array(rows).map((_, i) => 10 * i + 3 * r.uniform());
  const p = new Float64Array(rows).map(() => 300 + r.normal());
  const outline = new Outline(CAPACITY);
  for (let from = 0; from < rows;) {
    const n = Math.min(rows - from, 1 + r.integer(900));
    outline.add(t.subarray(from, from + n), p.subarray(from, from + n), n);
    from += n;
  }
  // Full at CAPACITY rows of one, and again at twice as many.
  expect(outline.rowsPerCell).toBe(4);
  expect(outline.t.length).toBe(Math.floor(rows / 4));
  const mean = (x: Float64Array, cell: number): number =>
    (x[4 * cell]! + x[4 * cell + 1]! + x[4 * cell + 2]! + x[4 * cell + 3]!) / 4;
  for (let cell = 0; cell < outline.t.length; cell += 1) {
    expect(Math.abs(outline.t[cell]! / mean(t, cell) - 1)).toBeLessThan(1e-12);
    expect(Math.abs(outline.powerW[cell]! / mean(p, cell) - 1)).toBeLessThan(1e-12);
  }
});

test("up to its capacity an outline is the trace itself", () => {
  const outline = new Outline();
  const t = Float64Array.of(1, 2.5, 3);
  const p = Float64Array.of(10, -20, 30.25);
  outline.add(t, p, 2);
  outline.add(t.subarray(2), p.subarray(2), 1);
  expect(outline.rowsPerCell).toBe(1);
  expect([...outline.t]).toEqual([1, 2.5, 3]);
  expect([...outline.powerW]).toEqual([10, -20, 30.25]);
});
