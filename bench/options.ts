// What `truejoule bench` hands to each bench; absent: the bench's own choice.

export interface BenchOptions {
  /** long: of the fast DAQ, 4 × 100 kS/s. */
  readonly hours?: number | undefined;
  /** long: of all counts of marks, windows and exchanges; below 1 for a look at it. */
  readonly share?: number | undefined;
  /** coverage: sessions of each condition, and the first one's seed. */
  readonly sessions?: number | undefined;
  readonly seed?: number | undefined;
}
