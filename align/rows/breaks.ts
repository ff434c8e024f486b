// Where rows of a slice stop going on: a jump in time, or a value that is no number.

interface Rows {
  readonly rows: number;
  readonly tNs: Float64Array;
  readonly totalW: Float64Array;
}

/** First row in [from, rows) that does not simply go on: time jumps or stands still, or no number. */
export function firstBreak(
  { tNs, totalW, rows }: Rows,
  from: number,
  previousNs: number,
  limitNs: number,
): number {
  let previous = previousNs;
  for (let i = from; i < rows; i++) {
    const t = tNs[i]!;
    const step = t - previous;
    const goesOn = step > 0 && (step <= limitNs || step === Infinity);
    if (!goesOn || !isNumber(totalW[i]!)) return i;
    previous = t;
  }
  return rows;
}

/** False for NaN and ±Infinity. */
export const isNumber = (x: number): boolean => x - x === 0;
