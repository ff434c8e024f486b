// Blocks → slices of at most SLICE_ROWS rows, so that what is worked on stays in the second-level cache and
// memory stays bounded however large the blocks of a log are. Small blocks that simply go on, as a device
// sends them, become one slice: what a slice costs beside its rows is then paid once in thousands of rows.

import type { SampleBlock } from "../schema/records.ts";

export const SLICE_ROWS = 4096;
const NONE: readonly SampleBlock[] = [];

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

  /** @returns what is ready, in order; its bytes are valid until the next call. */
  add(block: SampleBlock): readonly SampleBlock[] {
    if (block.rows === 0) return NONE;
    if (this.#goesOn(block)) {
      this.#keep(block);
      return this.#rows === SLICE_ROWS ? this.end() : NONE;
    }
    const waiting = this.end();
    if (!this.#joins || block.rows >= SLICE_ROWS)
      return [...waiting, ...cut(block, this.#rowBytes)];
    this.#first = block;
    this.#keep(block);
    return waiting;
  }

  /** @returns the rows that waited for more. */
  end(): readonly SampleBlock[] {
    if (!this.#first) return NONE;
    const bytes = this.#rooms[0].subarray(0, this.#rows * this.#rowBytes);
    const slice = { ...this.#first, rows: this.#rows, bytes };
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

  #keep({ bytes, rows }: SampleBlock): void {
    this.#rooms[0].set(bytes, this.#rows * this.#rowBytes);
    this.#rows += rows;
  }
}

function* cut(block: SampleBlock, rowBytes: number): Generator<SampleBlock> {
  const { rows, firstIndex, bytes } = block;
  if (rows <= SLICE_ROWS) {
    yield block;
    return;
  }
  for (let at = 0; at < rows; at += SLICE_ROWS) {
    const n = Math.min(SLICE_ROWS, rows - at);
    yield {
      ...block,
      firstIndex: firstIndex + at,
      rows: n,
      bytes: bytes.subarray(at * rowBytes, (at + n) * rowBytes),
      // What lies before the block does not lie before its later slices.
      ...(at > 0 ? { deviceTick: null, flags: 0 } : {}),
    };
  }
}
