// Stamps of one telemetry grid's reads → how late its ticks were lately: start of the tick's first read
// less the time it was due, t_0 + k·period.

/** Ticks looked back over. */
const TICKS = 1000;

export interface Grid {
  readonly name: string;
  readonly periodNs: number;
  /** t_0 of all grids on the host's clock. */
  readonly startNs: bigint;
  /** Its channels are [firstChannel, firstChannel + channels) of the sampler's. */
  readonly firstChannel: number;
  readonly channels: number;
}

export interface Lateness {
  readonly name: string;
  readonly periodNs: number;
  readonly ticks: number;
  readonly medianNs: number;
  readonly p99Ns: number;
  readonly worstNs: number;
}

export class GridWatch {
  readonly grid: Grid;
  readonly #late = new Float64Array(TICKS);
  #ticks = 0;
  /** Due time of the next tick since t_0, ns; the first tick seen need not be tick 0. */
  #dueNs = NaN;

  constructor(grid: Grid) {
    this.grid = grid;
  }

  /** The first read of a tick began now. */
  tick(beforeNs: bigint): void {
    const sinceNs = Number(beforeNs - this.grid.startNs);
    const { periodNs } = this.grid;
    if (Number.isNaN(this.#dueNs)) this.#dueNs = Math.floor(sinceNs / periodNs) * periodNs;
    const lateNs = sinceNs - this.#dueNs;
    this.#late[this.#ticks++ % TICKS] = lateNs;
    // A tick that began whole periods late has used up those it ran over.
    this.#dueNs += (1 + Math.floor(Math.max(0, lateNs) / periodNs)) * periodNs;
  }

  get lateness(): Lateness {
    const { name, periodNs } = this.grid;
    const late = this.#late.slice(0, Math.min(this.#ticks, TICKS)).sort();
    const at = (share: number): number => late[Math.floor(share * (late.length - 1))] ?? NaN;
    return {
      name,
      periodNs,
      ticks: this.#ticks,
      medianNs: at(0.5),
      p99Ns: at(0.99),
      worstNs: at(1),
    };
  }
}
