// Where a source's records go. The capture log is one; a tee to a live view or a test's list is another.

import type { ClockExchange, Edge, Note, RowLayout, SampleBlock } from "../../schema/records.ts";

export interface DaqSink {
  /** Before the first block of a stream. */
  declareRows(layout: RowLayout): void;
  /** `block.bytes` is valid only during the call. */
  rows(block: SampleBlock): void;
  edge(edge: Edge): void;
  exchange(exchange: ClockExchange): void;
  note(note: Note): void;
}
