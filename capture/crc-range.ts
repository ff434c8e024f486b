// CRC-32s of what ends where a stretch begins and of what ends where it ends → the stretch's own, without
// reading it again: CRC is linear over GF(2), and zero bytes behind a CRC multiply it by a power of x
// (Adler's crc32_combine, turned round). Bits are in zlib's order: the highest is x^0.

const POLYNOMIAL = 0xedb88320;
const ONE = 0x80000000;

/** @returns the CRC-32 of everything up to the end of a stretch, from that of what lies before it and its own. */
export function crcThrough(before: number, own: number, length: number): number {
  return (shifted(before, length) ^ own) >>> 0;
}

/** CRC-32 of the last `length` bytes, from that of all bytes and that of all before them. */
export function crcOfLast(through: number, before: number, length: number): number {
  return (through ^ shifted(before, length)) >>> 0;
}

/** A CRC as it stands after `length` zero bytes, without the conditioning that cancels in a difference. */
function shifted(crc: number, length: number): number {
  let power = ONE;
  let bit = 3; // a byte is x^8 = x^(2^3)
  for (let n = length; n > 0; n = Math.floor(n / 2), bit++)
    if (n % 2 === 1) power = product(squares[bit & 31]!, power);
  return product(power, crc);
}

/** Product of two polynomials modulo the CRC's; `a` is not 0. */
function product(a: number, b: number): number {
  let sum = 0;
  for (let mask = ONE, rest = b; ; mask >>>= 1) {
    if (a & mask) {
      sum ^= rest;
      if ((a & (mask - 1)) === 0) return sum >>> 0;
    }
    rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  }
}

/** x^(2^k) for k = 0 … 31. */
const squares: readonly number[] = (() => {
  const out = [0x40000000];
  for (let k = 1; k < 32; k++) out.push(product(out[k - 1]!, out[k - 1]!));
  return out;
})();
