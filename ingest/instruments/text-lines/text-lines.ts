// What a text device's rows are counted by: its own counter, where it prints one, else their arrival. In: rows
// and lines that were none, in order. Out: rows to their blocks, and one account of both kinds.

import type { TextFormat } from "../../../schema/rig.ts";
import type { LineCounts, LineRows } from "./line-rows.ts";
import type { Stamp } from "../../ports/port.ts";
import type { RowBlocks } from "../../stream/row-blocks.ts";
import { TickedRows } from "../../stream/ticked-rows.ts";
import { UncountedRows } from "./uncounted-rows.ts";

/** Lines come in time or not at all: the next but one is a row lost. */
const GAP_PERIODS = 1.5;

export interface LineClock {
  readonly rowHz: number;
  /** Ticks per second of the counter, and their relative standard uncertainty. */
  readonly hz: number;
  readonly uRel: number;
}

export const lineRows = (blocks: RowBlocks, { tick }: TextFormat, clock: LineClock): LineRows =>
  tick ? new Counted(blocks, tick.bits, clock) : new UncountedRows(blocks, clock.rowHz);

class Counted implements LineRows {
  readonly #blocks: RowBlocks;
  readonly #rows: TickedRows;
  readonly #bits: number;
  /** Lines since the last row that were none. */
  #spoiled = 0;
  counter: number | null = null;

  constructor(blocks: RowBlocks, bits: number, clock: LineClock) {
    this.#blocks = blocks;
    this.#bits = bits;
    this.#rows = new TickedRows(blocks, { bits, ...clock, gapPeriods: GAP_PERIODS });
  }

  beginRead(before: Stamp, after: Stamp): void {
    this.#rows.beginRead(before, after);
  }

  row(row: DataView): void {
    const raw = this.#bits === 32 ? row.getUint32(0, true) : Number(row.getBigUint64(0, true));
    const bytes = new Uint8Array(row.buffer, row.byteOffset, row.byteLength);
    this.#rows.row(bytes, raw, this.#spoiled);
    this.counter = raw;
    this.#spoiled = 0;
  }

  /** The counter of the next row says whether one is missing here. */
  spoiled(): void {
    if (this.counter !== null) this.#spoiled++;
  }

  endRead(): void {
    this.#rows.endRead();
  }

  restart(): void {
    this.#rows.restart();
  }

  flush(): void {
    this.#rows.flush();
    if (this.#spoiled > 0) this.#blocks.lose(this.#spoiled);
    this.#spoiled = 0;
  }

  counts(): LineCounts {
    const { rows, rowsLost } = this.#rows.counts();
    return { rows, rowsLost, ...this.#rows.longCounts(), holes: 0, excess: 0 };
  }
}
