// What a text device's lines become, whatever counts them, and the account of it.

import type { Stamp } from "../../ports/port.ts";

export interface LineCounts {
  readonly rows: number;
  readonly rowsLost: number;
  /** Rows left out: a counter that cannot be, or that of the row before. */
  readonly badCounters: number;
  readonly repeated: number;
  readonly restarts: number;
  /** Gaps whose length only the host's clock tells. */
  readonly holes: number;
  /** Rows more than the host's clock allows. */
  readonly excess: number;
}

export interface LineRows {
  beginRead(before: Stamp, after: Stamp): void;
  /** `row` is copied. */
  row(row: DataView): void;
  /** A line that was no row. */
  spoiled(): void;
  endRead(): void;
  /** What comes next may be of a device that has restarted. */
  restart(): void;
  flush(): void;
  counts(): LineCounts;
  /** The counter of the last row that came; null where there is none. */
  readonly counter: number | null;
}
