// Decimal text in bytes → number, without making a string. Up to 15 digits and a modest exponent, one
// division or multiplication of exact doubles rounds correctly (Clinger 1990, the fast path); the rest
// goes to Number().

const TENS = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
const MOST_EXACT = 15;

/** @returns NaN when `bytes[from..to)` is not one decimal number, spaces around it allowed. */
export function parseDecimal(bytes: Uint8Array, from: number, to: number): number {
  while (from < to && bytes[from]! <= 0x20) from++;
  while (to > from && bytes[to - 1]! <= 0x20) to--;
  let at = from;
  const negative = bytes[at] === 0x2d;
  if (negative || bytes[at] === 0x2b) at++;
  let [mantissa, digits, scale] = [0, 0, -1];
  for (; at < to; at++) {
    const c = bytes[at]!;
    if (c >= 0x30 && c <= 0x39) {
      mantissa = mantissa * 10 + (c - 0x30);
      digits++;
      if (scale >= 0) scale++;
    } else if (c === 0x2e && scale < 0) scale = 0;
    else return slowly(bytes, from, to);
  }
  if (digits === 0) return NaN;
  if (digits > MOST_EXACT) return slowly(bytes, from, to);
  const value = scale > 0 ? mantissa / TENS[scale]! : mantissa;
  return negative ? -value : value;
}

/** Exponents, long mantissas, and what is no number: `Number` would take "0x10" and "Infinity" too. */
function slowly(bytes: Uint8Array, from: number, to: number): number {
  if (to - from > 64) return NaN;
  let text = "";
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : NaN;
}
