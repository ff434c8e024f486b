// A sink that keeps what it is given, for tests.

import type { DaqSink } from "../../ingest/stream/sink.ts";
import type { ClockExchange, Edge, Note, RowLayout, SampleBlock } from "../../schema/records.ts";

export class Collector implements DaqSink {
  readonly layouts: RowLayout[] = [];
  readonly blocks: SampleBlock[] = [];
  readonly edges: Edge[] = [];
  readonly exchanges: ClockExchange[] = [];
  readonly notes: Note[] = [];

  declareRows(layout: RowLayout): void {
    this.layouts.push(layout);
  }
  rows(block: SampleBlock): void {
    this.blocks.push({ ...block, bytes: block.bytes.slice() });
  }
  edge(edge: Edge): void {
    this.edges.push(edge);
  }
  exchange(exchange: ClockExchange): void {
    this.exchanges.push(exchange);
  }
  note(note: Note): void {
    this.notes.push(note);
  }
  /** Blocks of one stream. */
  of(stream: string): SampleBlock[] {
    return this.blocks.filter((b) => b.stream === stream);
  }
}
