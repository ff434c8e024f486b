// Seeded random numbers. In: a seed and the name of a stream. Out: the same numbers on every machine.
// Holds: streams are independent, so a new draw in one place moves no other; nothing here is for secrets.
// Generator: sfc32 (C. Doty-Humphrey, PractRand), 128 bits of state.

/** Bound once: this is called per sample, and sandboxes (Jest) make every look-up of a global slow. */
const { imul } = Math;

export interface Random {
  /** In [0, 1). */
  uniform(): number;
  /** Mean 0, standard deviation 1 (Box–Muller). */
  normal(): number;
  /** Mean `mean`. */
  exponential(mean: number): number;
  /** Whole, in [0, n). */
  integer(n: number): number;
}

/** @param stream what the numbers are for, such as "clock"; another name gives other numbers. */
export function random(seed: number, stream: string): Random {
  const next = sfc32(seed, stream);
  // Half a step above zero, so that the logarithm below is finite.
  const open = (): number => (next() + 0.5) / 2 ** 32;
  return {
    uniform: () => next() / 2 ** 32,
    normal: () => Math.sqrt(-2 * Math.log(open())) * Math.cos(2 * Math.PI * open()),
    exponential: (mean) => -mean * Math.log(open()),
    integer: (n) => Math.floor((next() / 2 ** 32) * n),
  };
}

/** A well-mixed 32-bit number of a 32-bit number: random access where a stream would have to be replayed. */
export function hash32(x: number): number {
  // lowbias32 of C. Wellons' hash-prospector.
  x = imul(x ^ (x >>> 16), 0x7feb352d);
  x = imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** 32-bit key of a seed and a name. */
export function hashName(seed: number, name: string): number {
  let h = hash32(seed >>> 0) ^ hash32(Math.floor(seed / 2 ** 32) >>> 0);
  for (let i = 0; i < name.length; i++) h = hash32(h ^ name.charCodeAt(i));
  return h >>> 0;
}

function sfc32(seed: number, stream: string): () => number {
  let a = hashName(seed, stream);
  let b = hash32(a ^ 0x9e3779b9);
  let c = hash32(b ^ 0x9e3779b9);
  let counter = 1;
  const next = (): number => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return next;
}
