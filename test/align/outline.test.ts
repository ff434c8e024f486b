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

/** The kernels' own means, in plain arithmetic. */
const kernels = {
  means(
    p: Float64Array,
    from: number,
    cells: number,
    width: number,
    out: Float64Array,
    at: number,
  ) {
    for (let k = 0; k < cells; k++) {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += p[from + k * width + i]!;
      out[at + k] = sum / width;
    }
  },
};

test.each([[1], [3], [8], [13], [64]])(
  "rows that come %i at a time, evenly timed, are the same cells",
  (size) => {
    // The first at 100; 1, 2, 3, … W.
    const rows = 53;
    const outline = new Outline(8);
    const whole = Float64Array.from({ length: rows }, (_, i) => i + 1);
    for (let from = 0; from < rows; from += size) {
      const to = Math.min(rows, from + size);
      outline.addEven(100 + from, whole.slice(from, to), to - from, kernels);
    }
    // 8 rows fill it, then 16, then 32: eight rows a cell, six cells of them, and five rows in the next.
    expect(outline.rowsPerCell).toBe(8);
    const cells = [0, 1, 2, 3, 4, 5];
    expect([...outline.t]).toEqual(cells.map((k) => 100 + 8 * k + 3.5));
    expect([...outline.powerW]).toEqual(cells.map((k) => 8 * k + 4.5));
  },
);

test("a cell that was begun is filled first, whichever way its rows come", () => {
  const outline = new Outline(4);
  const ones = (n: number, watts: number): Float64Array => new Float64Array(n).fill(watts);
  // Four rows fill it: two a cell. Then one of 10 W begins a cell, which the next of 20 W ends.
  outline.add(Float64Array.of(0, 1, 2, 3, 4), Float64Array.of(1, 3, 5, 7, 10), 5);
  outline.addEven(5, ones(2, 20), 2, kernels);
  outline.add(Float64Array.of(7), ones(1, 40), 1);
  // Full again: four a cell.
  expect(outline.rowsPerCell).toBe(4);
  expect([...outline.t]).toEqual([1.5, 5.5]);
  expect([...outline.powerW]).toEqual([4, (10 + 20 + 20 + 40) / 4]);
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
