// The loops that every sample goes through, whoever turns them, and the memory they work on.

/** What a rail's sums are of: P, I and V, in this order. */
export const RAIL_SUMS = 3;

/** And after them of the total power: Σ d² of its steps d from row to row. */
export const STEP_SUMS = 1;

/** Rows that the least and the greatest are found of. */
export const EXTREMES_OF = 16;

/** Bytes and columns are given by their addresses; kernels.wat says what each does. */
export interface Loops {
  field(
    bytes: number,
    rowBytes: number,
    rows: number,
    mask: number,
    sign: number,
    zero: number,
    scale: number,
    least: number,
    most: number,
    out: number,
  ): number;
  product(v: number, a: number, out: number, rows: number, sums: number): void;
  plus(x: number, y: number, out: number, rows: number): void;
  steps(p: number, rows: number, sum: number): void;
  narrow(x: number, rows: number, out: number): void;
  means(x: number, means: number, factor: number, out: number): void;
  extremes(x: number, cells: number, lows: number, highs: number): void;
}

export interface Workspace {
  readonly memory: ArrayBuffer;
  readonly loops: Loops;
}
