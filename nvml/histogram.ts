// Durations in logarithmic buckets: quantiles of any number of ticks in fixed memory, 0.6 % wide.

const PER_OCTAVE = 128;
const OCTAVES = 48; // 1 ns to 78 hours

export class DurationHistogram {
  readonly #buckets = new Uint32Array(PER_OCTAVE * OCTAVES + 1);
  #count = 0;
  #maxNs = 0;

  /** Durations below 1 ns (a tick cannot begin early) count as 0. */
  add(ns: number): void {
    const bucket = ns < 1 ? 0 : 1 + Math.floor(Math.log2(ns) * PER_OCTAVE);
    this.#buckets[Math.min(bucket, this.#buckets.length - 1)]!++;
    this.#count++;
    if (ns > this.#maxNs) this.#maxNs = ns;
  }

  /** Middle of the bucket that holds quantile `q`; NaN when empty. */
  quantileNs(q: number): number {
    const rank = q * this.#count;
    let seen = 0;
    for (let i = 0; i < this.#buckets.length && this.#count > 0; i++) {
      seen += this.#buckets[i]!;
      if (seen >= rank && seen > 0)
        return i === 0 ? 0 : Math.min(this.#maxNs, 2 ** ((i - 0.5) / PER_OCTAVE));
    }
    return NaN;
  }

  get maxNs(): number {
    return this.#count > 0 ? this.#maxNs : NaN;
  }

  summary(): DurationSummary {
    return {
      medianNs: this.quantileNs(0.5),
      p99Ns: this.quantileNs(0.99),
      worstNs: this.maxNs,
    };
  }
}

export interface DurationSummary {
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly worstNs: number;
}
