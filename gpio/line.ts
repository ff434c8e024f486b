// A line that this program drives, whatever stands behind it.

export interface OutputLine {
  readonly name: string;
  /** Returns when the kernel has set the level. */
  set(level: 0 | 1): void;
  /** Leaves the line low. */
  close(): void;
}
