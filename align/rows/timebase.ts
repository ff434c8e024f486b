// Rows → device time: the row index, or the row's own counter unwrapped, in float64 units (ticks or rows)
// since the stream's first row. Small counters wrap every few milliseconds; across a gap the block's own
// device time says how many wraps went by, else the missing rows, else the host's stamps.

import { BlockFlag, type RowLayout, type SampleBlock } from "../../schema/records.ts";
import { columnReader, type ColumnReader, high, low } from "./decode.ts";

/** Counters of at least this many bits never wrap in a run; a step back is a fault, not a wrap. */
const MONOTONIC_BITS = 48;

export interface Timebase {
  /** Fills `out[0..rows)` with device time of the block's rows. Blocks must come in file order. */
  read(block: SampleBlock, out: Float64Array): void;
  /** Device time is the row's index: equally spaced within a block. */
  readonly isIndex: boolean;
  /** Counter value of the first row, for streams whose counter is the host clock itself. */
  readonly firstTick: bigint | null;
}

/**
 * @param hz nominal ticks per second, @param rowHz nominal rows per second: used only to count the
 * wraps across a gap.
 */
export function timebaseOf(layout: RowLayout, hz: number, rowHz: number): Timebase {
  return layout.tick ? new TickTimebase(layout, hz, rowHz) : new IndexTimebase();
}

class IndexTimebase implements Timebase {
  readonly isIndex = true;
  readonly firstTick = null;

  read(block: SampleBlock, out: Float64Array): void {
    const first = block.firstIndex;
    for (let i = 0; i < block.rows; i++) out[i] = first + i;
  }
}

class TickTimebase implements Timebase {
  readonly isIndex = false;
  firstTick: bigint | null = null;
  /** Values of more than 32 bits are taken relative to this, so that float64 holds them exactly. */
  #origin = 0n;
  readonly #bits: number;
  readonly #modulus: number;
  readonly #hz: number;
  readonly #rowHz: number;
  readonly #column: ColumnReader;
  readonly #wide: { byte: number; stride: number } | undefined;
  #previousRaw = 0;
  #now = 0;
  #nextIndex = 0;
  #hostNs: bigint | null = null;

  constructor(layout: RowLayout, hz: number, rowHz: number) {
    const tick = layout.tick!;
    this.#bits = tick.bits;
    this.#modulus = 2 ** tick.bits;
    this.#hz = hz;
    this.#rowHz = rowHz;
    this.#wide =
      tick.bits > 32 ? { byte: tick.bitOffset >> 3, stride: layout.rowBytes } : undefined;
    this.#column = this.#wide ? this.#readWide : columnReader(layout, tick);
  }

  read(block: SampleBlock, out: Float64Array): void {
    if (block.rows === 0) return;
    const begins = this.firstTick === null;
    const restarted = (block.flags & BlockFlag.restart) !== 0;
    if (begins) this.#begin(block);
    else if (restarted) this.#origin = this.#firstValue(block);
    this.#column(block.bytes, block.rows, out);
    const monotonic = this.#bits >= MONOTONIC_BITS;
    const wrap = monotonic ? 0 : this.#modulus;
    const placed = block.deviceTick !== null;
    // A counter that restarted says nothing of the time since the last row.
    const afresh = restarted && !begins && !placed;
    let now = this.#now;
    if (placed) now = Number(block.deviceTick - this.firstTick!);
    else if (afresh) now += Math.max(this.#expectedStep(block) ?? 0, this.#hz / this.#rowHz);
    else if (!monotonic) now += this.#wrapsAcrossGap(block, out[0]!);
    let previous = placed || afresh ? out[0]! : this.#previousRaw;
    for (let i = 0, { rows } = block; i < rows; i++) {
      const raw = out[i]!;
      const step = raw - previous;
      now += step < 0 ? step + wrap : step;
      previous = raw;
      out[i] = now;
    }
    this.#now = now;
    this.#previousRaw = previous;
    this.#nextIndex = block.firstIndex + block.rows;
    if (block.hostAfter !== null) this.#hostNs = block.hostAfter;
  }

  #begin(block: SampleBlock): void {
    this.#nextIndex = block.firstIndex;
    const value = this.#firstValue(block);
    this.firstTick = block.deviceTick ?? value;
    this.#origin = this.firstTick;
    this.#previousRaw = this.#wide ? 0 : Number(value);
  }

  /** The counter in the block's first row. */
  #firstValue(block: SampleBlock): bigint {
    if (this.#wide) {
      const { byte } = this.#wide;
      const top = BigInt(high(block.bytes, byte, this.#bits));
      return (top << 32n) | BigInt(low(block.bytes, byte));
    }
    const one = new Float64Array(1);
    this.#column(block.bytes, 1, one);
    return BigInt(one[0]!);
  }

  readonly #readWide: ColumnReader = (bytes, rows, out) => {
    const { byte, stride } = this.#wide!;
    const lo0 = Number(this.#origin & 0xffffffffn);
    const hi0 = Number(this.#origin >> 32n);
    for (let i = 0, at = byte; i < rows; i++, at += stride)
      out[i] = (high(bytes, at, this.#bits) - hi0) * 4294967296 + (low(bytes, at) - lo0);
    return false;
  };

  /** Whole wraps hidden in a gap before this block: the expected step less what the counter itself shows. */
  #wrapsAcrossGap(block: SampleBlock, firstRaw: number): number {
    const expected = this.#expectedStep(block);
    if (expected === undefined) return 0;
    const seen = (firstRaw - this.#previousRaw + this.#modulus) % this.#modulus;
    return Math.max(0, Math.round((expected - seen) / this.#modulus)) * this.#modulus;
  }

  /** Ticks since the last row by index (exact) or by the host's stamps; undefined where there is no gap. */
  #expectedStep(block: SampleBlock): number | undefined {
    const missing = block.firstIndex - this.#nextIndex;
    if (missing > 0) return ((missing + 1) * this.#hz) / this.#rowHz;
    const told = (block.flags & (BlockFlag.gapBefore | BlockFlag.restart)) !== 0;
    if (!told || this.#hostNs === null || block.hostBefore === null) return undefined;
    return (Number(block.hostBefore - this.#hostNs) / 1e9) * this.#hz;
  }
}
