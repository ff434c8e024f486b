// What one virtual session tells of one kind of window.

/** A window, or the clock, against the truth. */
export interface Trial {
  /** Kind of window: `session`, `load` (all loads), `load-n` (one of them), …; `clock`: the DAQ clock's offset. */
  readonly window: string;
  /** (Measured − true) / U; null where no value is stated, or one with a doubt. */
  readonly z: number | null;
  /** Measured / true − 1; null for the clock. */
  readonly error: number | null;
  /** Part of it that the drawn gains and offsets explain, to first order. */
  readonly drawn: number | null;
  /** U / true. */
  readonly relativeU: number | null;
}
