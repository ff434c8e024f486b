// Last rows of reads and the host's stamps → what the host's clock says of a device's. A read is late by what
// host and line were; the least delayed of many is hardly late at all. In: device time (ticks, or rows) and
// arrival of each read's last row. Out: how much later than usual an arrival is, and the device's rate. Holds:
// the least delayed read of each of the last windows.

/** The last row of a read: it has just been sampled, or is late by what host and line were. */
export interface Arrival {
  readonly tick: number;
  readonly hostNs: number;
}

const WINDOW_NS = 250e6;
/** Windows remembered: a host may be busy for so long without being taken for a gap. */
const WINDOWS = 8;
/** The device's rate is taken from the host's clock once it has been seen for so long. */
const LEARNED_NS = 1e9;

export interface ArrivalOptions {
  /** Nominal ticks per second; how far off the learned rate may be, as a share of it. */
  readonly hz: number;
  readonly spread: number;
  /** A window is over: its least delayed read. */
  readonly onWindow?: (best: Arrival) => void;
}

export class ArrivalClock {
  readonly #options: ArrivalOptions;
  #learnedHz: number | null = null;
  /** Least delayed reads: of the stream's first window, of the last whole ones, of the one under way. */
  #first: Arrival | null = null;
  readonly #windows: Arrival[] = [];
  #best: Arrival | null = null;
  #windowNs = 0;

  constructor(options: ArrivalOptions) {
    this.#options = options;
  }

  /** As learned from the host's clock, once it has been seen long enough. */
  get hz(): number {
    return this.#learnedHz ?? this.#options.hz;
  }

  get learned(): boolean {
    return this.#learnedHz !== null;
  }

  /** The least delayed of the last two seconds, or while the rate is not learned of the last half; null before. */
  least(): Arrival | null {
    const near = this.learned ? this.#windows : this.#windows.slice(-1);
    return near.reduce((a, b) => this.earlier(a, b), this.#best);
  }

  /** How much more than {@link least} it is delayed; 0 before the first. */
  lateNs(a: Arrival): number {
    const least = this.least();
    return least === null ? 0 : this.delayNs(a, least);
  }

  /** How much less it is delayed than any of the last whole windows; 0 while the rate is not learned. */
  earlyNs(a: Arrival): number {
    const least = this.#leastOfWindows();
    return least === null || !this.learned ? 0 : -this.delayNs(a, least);
  }

  /** By how much the least delayed reads of whole windows differ: what this host can tell apart. */
  spreadNs(): number {
    const least = this.#leastOfWindows();
    if (least === null) return 0;
    return this.#windows.reduce((most, w) => Math.max(most, this.delayNs(w, least)), 0);
  }

  #leastOfWindows(): Arrival | null {
    return this.#windows.reduce<Arrival | null>((a, b) => this.earlier(a, b), null);
  }

  /** The less delayed of two arrivals. */
  earlier(a: Arrival | null, b: Arrival): Arrival;
  earlier(a: Arrival | null, b: Arrival | null): Arrival | null;
  earlier(a: Arrival | null, b: Arrival | null): Arrival | null {
    if (!a || !b) return a ?? b;
    return this.delayNs(a, b) <= 0 ? a : b;
  }

  /** How much more `a` was delayed than `b`. */
  delayNs(a: Arrival, b: Arrival): number {
    return a.hostNs - b.hostNs - ((a.tick - b.tick) * 1e9) / this.hz;
  }

  /** A read in which nothing is in doubt. */
  arrived(arrival: Arrival): void {
    this.#best = this.earlier(this.#best, arrival);
    if (this.#windowNs === 0) this.#windowNs = arrival.hostNs;
    if (arrival.hostNs - this.#windowNs < WINDOW_NS) return;
    this.#windowNs = arrival.hostNs;
    const best = this.#best;
    this.#best = null;
    this.#options.onWindow?.(best);
    this.#first ??= best;
    this.#windows.push(best);
    if (this.#windows.length > WINDOWS) this.#windows.shift();
    this.#learn(this.#first);
  }

  #learn(first: Arrival): void {
    const far = this.#windows.filter((w) => w.hostNs - first.hostNs >= LEARNED_NS);
    if (far.length === 0) return;
    const last = far.reduce((a, b) => this.earlier(a, b));
    const hz = ((last.tick - first.tick) * 1e9) / (last.hostNs - first.hostNs);
    const { hz: nominal, spread } = this.#options;
    this.#learnedHz = Math.min(nominal * (1 + spread), Math.max(nominal * (1 - spread), hz));
  }
}
