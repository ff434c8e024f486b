// Distances between sync pulses that nobody can mistake for each other. Out: milliseconds, pseudo-random
// and the same every time. Holds: any three neighbouring distances occur once in 65,535, so a lost or an
// extra edge cannot make the pattern fit itself elsewhere.
//
// A maximal-length register of 16 bits (x^16 + x^14 + x^13 + x^11 + 1) gives each distance seven bits. Three
// distances are 21 bits in a row of its sequence, in which every 16 in a row occur once a period.

const TAPS = 0xb400;
const START = 0xace1;
const BITS = 7;
const LEAST_MS = 40;

/** Distances in the period, after which they repeat: 1.9 hours. */
export const PATTERN_PERIOD = 65_535;
/** Mean distance, ms. */
export const PATTERN_MEAN_MS = LEAST_MS + (2 ** BITS - 1) / 2;

/** @returns a function that gives the next distance, 40 to 167 ms. */
export function syncPattern(): () => number {
  let state = START;
  const bit = (): number => {
    const out = state & 1;
    state = (state >>> 1) ^ (out ? TAPS : 0);
    return out;
  };
  return () => {
    let value = 0;
    for (let i = 0; i < BITS; i++) value = (value << 1) | bit();
    return LEAST_MS + value;
  };
}
