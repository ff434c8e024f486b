// A count and the host's stamps, read by read → whether its rate is the declared one, checked again and again.
// A check is of 2.5 s, from the end of one read to the end of another, where the last row has just arrived; two
// in a row off by more than 2 % to the same side are no chance.

const SPAN_NS = 2.5e9;
const TOLERANCE = 0.02;

export class RateChecks {
  readonly #declaredHz: number;
  #from: { readonly hostNs: number; readonly count: number } | null = null;
  /** Of the last check: seen over declared, less 1, where that is too much; else 0. */
  #last = 0;
  #toldHz: number | null = null;
  #offHz: number | null = null;

  constructor(declaredHz: number) {
    this.#declaredHz = declaredHz;
  }

  /** The read at `hostNs` brought the count to `count`. */
  read(hostNs: number, count: number): void {
    this.#from ??= { hostNs, count };
    const spanNs = hostNs - this.#from.hostNs;
    if (spanNs < SPAN_NS) return;
    const seenHz = ((count - this.#from.count) * 1e9) / spanNs;
    this.#from = { hostNs, count };
    const off = seenHz / this.#declaredHz - 1;
    const bad = Math.abs(off) > TOLERANCE ? off : 0;
    if (bad * this.#last > 0) this.#offHz = seenHz;
    if (bad === 0) this.#offHz = this.#toldHz = null;
    this.#last = bad;
  }

  /** The count restarted, or jumped. */
  begin(): void {
    this.#from = null;
    this.#last = 0;
  }

  /** The rate seen, when it has become another than declared and than told before. */
  news(): number | null {
    const [off, told] = [this.#offHz, this.#toldHz];
    if (off === null || (told !== null && Math.abs(off / told - 1) <= TOLERANCE)) return null;
    return (this.#toldHz = off);
  }
}
