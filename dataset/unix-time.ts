// Session nanoseconds → Unix nanoseconds as text: 19 digits do not fit a float64, and a bigint for each
// row would cost more than the rest of the row.

const NS = 1_000_000_000n;

/** @param startUnixNs UTC at session start, ns. @returns text of start + t for whole t. */
export function unixText(startUnixNs: bigint): (tNs: number) => string {
  const seconds = Number(startUnixNs / NS);
  const rest = Number(startUnixNs % NS);
  return (tNs) => {
    const whole = Math.floor((rest + tNs) / 1e9);
    const ns = rest + tNs - whole * 1e9;
    return `${seconds + whole}${String(Math.round(ns)).padStart(9, "0")}`;
  };
}
