// Rows one by one → blocks for the log. In: rows of a fixed size and the host's stamps of the read that they
// came with. Out: blocks of consecutive rows, with a gap before those that follow a loss. Holds: one block.

import { BlockFlag, type RowLayout } from "../../schema/records.ts";
import type { Stamp } from "../ports/port.ts";
import type { DaqSink } from "./sink.ts";

const BLOCK_ROWS = 1024;

export class RowBlocks {
  readonly layout: RowLayout;
  /** Told to the sink, and lost before or between them. */
  readonly counts = { rows: 0, rowsLost: 0 };
  /** The block in the making: the next row is written at byte {@link at}. */
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly #sink: DaqSink;
  readonly #leastRows: number;
  #rows = 0;
  #next = 0;
  #flags = 0;
  #tick: number | null = null;
  #before: Stamp = null;
  #after: Stamp = null;

  /** @param leastRows a read of fewer rows waits for the next one, so that a fast stream makes few blocks. */
  constructor(sink: DaqSink, layout: RowLayout, leastRows = 1) {
    this.#sink = sink;
    this.layout = layout;
    this.#leastRows = leastRows;
    this.bytes = new Uint8Array(BLOCK_ROWS * layout.rowBytes);
    this.view = new DataView(this.bytes.buffer);
    sink.declareRows(layout);
  }

  get at(): number {
    return this.#rows * this.layout.rowBytes;
  }

  /** What is committed from now on came with this read. */
  stamp(before: Stamp, after: Stamp): void {
    [this.#before, this.#after] = [before, after];
  }

  /** The row at {@link at} is whole. @param tick its unwrapped device time, where it carries one. */
  commit(tick: number | null = null): void {
    if (this.#rows === 0) this.#tick = tick;
    if (++this.#rows === BLOCK_ROWS) this.flush();
  }

  /** Rows are missing here. @param restart the device restarted, or lost count. */
  lose(rows: number, restart = false): void {
    this.flush();
    this.counts.rowsLost += rows;
    this.#next += rows;
    this.#flags |= BlockFlag.gapBefore | (restart ? BlockFlag.restart : 0);
  }

  /** The read is over: its last row has just arrived. */
  endRead(): void {
    if (this.#rows >= this.#leastRows) this.flush();
  }

  flush(): void {
    if (this.#rows === 0) return;
    const rows = this.#rows;
    this.#rows = 0;
    this.#sink.rows({
      stream: this.layout.stream,
      firstIndex: this.#next,
      deviceTick: this.#tick === null ? null : BigInt(this.#tick),
      hostBefore: this.#before,
      hostAfter: this.#after,
      rows,
      flags: this.#flags,
      bytes: this.bytes.subarray(0, rows * this.layout.rowBytes),
    });
    this.#flags = 0;
    this.#next += rows;
    this.counts.rows += rows;
  }
}
