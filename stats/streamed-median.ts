// The exact median of as many numbers as there are, in bounded memory: they are gone through again and again, each
// time for the next sixteen bits of the number that stands in the middle, until few are left to be sorted.

/** Hands each number, none below 0, to `see`; the same ones whenever it is called. */
type Each = (see: (x: number) => void) => void;

/** So many are sorted as they are. */
const FEW = 1 << 16;

/** The number at half their count when they ascend; 0 of none. @param most there are not more. */
export function streamedMedian(each: Each, most: number, few = FEW): number {
  const middle = new Middle();
  let [left, rank] = [most, -1];
  while (left > few && !middle.isKnown) {
    const counts = middle.nextDigits(each);
    if (rank < 0) rank = counts.reduce((sum, n) => sum + n, 0) >> 1;
    let digit = 0;
    while (digit < counts.length && rank >= counts[digit]!) rank -= counts[digit++]!;
    if (digit === counts.length) return 0;
    left = counts[digit]!;
    middle.add(digit);
  }
  if (middle.isKnown) return middle.value;
  const sorted = middle.candidates(each, left).sort();
  return sorted[rank < 0 ? sorted.length >> 1 : rank] ?? 0;
}

const DIGITS = 4;
const DIGIT_VALUES = 1 << 16;

/** What is known of a number: its first digits. Numbers that are not below 0 ascend as their bits do. */
class Middle {
  readonly #x = new Float64Array(1);
  /** The lowest digit first, as this program's machines have them. */
  readonly #digits = new Uint16Array(this.#x.buffer);
  readonly #known: number[] = [];

  get isKnown(): boolean {
    return this.#known.length === DIGITS;
  }

  get value(): number {
    this.#digits.set([...this.#known].reverse());
    return this.#x[0]!;
  }

  add(digit: number): void {
    this.#known.push(digit);
  }

  /** How often each next digit comes among those that begin with the known ones. */
  nextDigits(each: Each): Uint32Array {
    const counts = new Uint32Array(DIGIT_VALUES);
    const at = DIGITS - 1 - this.#known.length;
    each((x) => {
      if (this.#begins(x)) counts[this.#digits[at]!]!++;
    });
    return counts;
  }

  /** Those that begin with the known digits. @param most there are not more. */
  candidates(each: Each, most: number): Float64Array {
    const found = new Float64Array(most);
    let n = 0;
    each((x) => {
      if (this.#begins(x)) found[n++] = x;
    });
    return found.subarray(0, n);
  }

  #begins(x: number): boolean {
    this.#x[0] = x;
    for (let k = 0; k < this.#known.length; k++)
      if (this.#digits[DIGITS - 1 - k] !== this.#known[k]) return false;
    return true;
  }
}
