// Blocks → slices of at most SLICE_ROWS rows, so that what is worked on stays in the second-level cache and
// memory stays bounded however large the blocks of a log are. Small blocks that simply go on, as a device
// sends them, become one slice: what a slice costs beside its rows is then paid once in thousands of rows.

import type { SampleBlock } from "../../schema/records.ts";

export const SLICE_ROWS = 4096;
const NONE: readonly Slice[] = [];

/** Some rows. */
export interface Slice extends SampleBlock {
  /** Where in the log the blocks of these rows lie, [from, to), as whoever brought them said; NaN else. */
  readonly from: number;
  readonly to: number;
}

export class Slicer {
  readonly #rowBytes: number;
  readonly #joins: boolean;
  readonly #breaks: readonly number[];
  /** Two, used in turn: the slice handed out last lies in the other one. */
  readonly #rooms: [Uint8Array, Uint8Array];
  #break = 0;
  /** The block that the waiting rows began with, and how many they are. */
  #first: SampleBlock | undefined;
  #rows = 0;
  /** Where the waiting blocks lie. */
  #from = NaN;
  #to = NaN;

  /**
   * @param joins whether rows are timed by their index alone: else a block's own stamps stay with it.
   * @param breaks row indices, ascending, that no two blocks are joined across.
   */
  constructor(rowBytes: number, joins: boolean, breaks: readonly number[] = []) {
    this.#rowBytes = rowBytes;
    this.#joins = joins;
    this.#breaks = breaks;
    const room = (): Uint8Array => new Uint8Array(joins ? SLICE_ROWS * rowBytes : 0);
    this.#rooms = [room(), room()];
  }

  /**
   * @param from, to where the block lies.
   * @returns what is ready, in order; its bytes are valid until the next call.
   */
  add(block: SampleBlock, from = NaN, to = NaN): readonly Slice[] {
    if (block.rows === 0) return NONE;
    if (this.#goesOn(block)) {
      this.#keep(block, to);
      return this.#rows === SLICE_ROWS ? this.end() : NONE;
    }
    const waiting = this.end();
    if (!this.#joins || block.rows >= SLICE_ROWS)
      return [...waiting, ...cut(block, this.#rowBytes, from, to)];
    this.#first = block;
    this.#from = from;
    this.#keep(block, to);
    return waiting;
  }

  /** @returns the rows that waited for more. */
  end(): readonly Slice[] {
    if (!this.#first) return NONE;
    const bytes = this.#rooms[0].subarray(0, this.#rows * this.#rowBytes);
    const slice = sliceOf(this.#first, this.#rows, bytes, this.#from, this.#to);
    this.#rooms.reverse();
    this.#first = undefined;
    this.#rows = 0;
    return [slice];
  }

  #goesOn({ firstIndex, rows, flags }: SampleBlock): boolean {
    const first = this.#first;
    if (!first || flags !== 0 || this.#rows + rows > SLICE_ROWS) return false;
    return firstIndex === first.firstIndex + this.#rows && !this.#breaksBefore(firstIndex + rows);
  }

  /** A break lies in the rows that wait, or before `end`. */
  #breaksBefore(end: number): boolean {
    const from = this.#first!.firstIndex;
    while (this.#breaks[this.#break]! < from) this.#break++;
    return this.#breaks[this.#break]! < end;
  }

  #keep({ bytes, rows }: SampleBlock, to: number): void {
    this.#rooms[0].set(bytes, this.#rows * this.#rowBytes);
    this.#rows += rows;
    this.#to = to;
  }
}

function* cut(block: SampleBlock, rowBytes: number, from: number, to: number): Generator<Slice> {
  const { rows, firstIndex, bytes } = block;
  for (let at = 0; at < rows; at += SLICE_ROWS) {
    const n = Math.min(SLICE_ROWS, rows - at);
    const slice = sliceOf(block, n, bytes.subarray(at * rowBytes, (at + n) * rowBytes), from, to);
    // What lies before the block does not lie before its later slices.
    yield at === 0 ? slice : { ...slice, firstIndex: firstIndex + at, deviceTick: null, flags: 0 };
  }
}

/** Written out, not spread: a shape of its own for every object would cost more than its rows do. */
function sliceOf(b: SampleBlock, rows: number, bytes: Uint8Array, from: number, to: number): Slice {
  const { stream, firstIndex, deviceTick, hostBefore, hostAfter, flags } = b;
  return { stream, firstIndex, deviceTick, hostBefore, hostAfter, rows, flags, bytes, from, to };
}
