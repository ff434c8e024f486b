// Row blocks in the order of a log → in the order of their index. A block that came late (a frame overtaken on
// its way, a chunk moved) belongs where its index says, in a gap that the log had shown before. One pass notes
// where such blocks stand; a second pass fetches each when its place has come. Holds: the gaps of a stream, the
// notes, and the row blocks of one chunk.

import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import { type CaptureRecord, rowsAt } from "./log-reader.ts";
import { firstWhere } from "../stats/search.ts";

/** A block that stands later in the log than its rows belong. */
export interface LateBlock {
  readonly firstIndex: number;
  readonly rows: number;
  /** Byte of the file at which the record begins that holds it. */
  readonly at: number;
}

/** Gaps and late blocks remembered of a stream. */
const MOST = 1 << 16;

/** `ahead`: goes on, or leaves a gap. `late`: fills one. `behind`: neither, its rows are there already. */
export type Place = "ahead" | "late" | "behind";

/** Follows the row index of one stream in the order of its log. */
export class RowOrder {
  readonly late: LateBlock[] = [];
  /** Gaps that nothing has filled. */
  gaps = 0;
  /** Indices that nothing was seen of, [from, to), ascending. */
  readonly #gaps: (readonly [number, number])[] = [];
  #next = 0;

  /** @param at of the record that holds the block. Blocks marked as duplicates are not to be asked for. */
  place({ firstIndex, rows, flags }: SampleBlock, at: number): Place {
    const end = firstIndex + rows;
    if (firstIndex >= this.#next) {
      // Nothing was taken in a pause, so nothing can come late of it.
      if (firstIndex > this.#next && !(flags & BlockFlag.pause)) this.#remember(firstIndex);
      this.#next = end;
      return "ahead";
    }
    if (rows === 0 || !this.#fill(firstIndex, end)) return "behind";
    this.late.push({ firstIndex, rows, at });
    return "late";
  }

  #remember(to: number): void {
    this.gaps++;
    this.#gaps.push([this.#next, to]);
    if (this.#gaps.length > MOST) this.#gaps.shift();
  }

  #fill(from: number, to: number): boolean {
    const i = this.#gapBefore(from);
    const gap = this.#gaps[i];
    if (!gap || to > gap[1] || this.late.length === MOST) return false;
    const rest = [[gap[0], from] as const, [to, gap[1]] as const].filter(([a, b]) => a < b);
    // At most the stretch before and the one after.
    this.#gaps.splice(i, 1);
    for (const [k, part] of rest.entries()) this.#gaps.splice(i + k, 0, part);
    this.gaps += rest.length - 1;
    return true;
  }

  /** The last gap that begins at this index or before it. */
  #gapBefore(index: number): number {
    return firstWhere(0, this.#gaps.length, (i) => this.#gaps[i]![0] > index) - 1;
  }
}

/**
 * The records with a stream's blocks in the order of their index: late ones in their places, unmarked; a gap that
 * they fill is none. A late block whose rows are there already is left out; duplicates, and blocks that go back
 * without a word, stay where they were.
 * @param late what {@link RowOrder} noted of the same stream of the same log.
 */
export function* inRowOrder(
  records: Iterable<CaptureRecord>,
  path: string,
  stream: string,
  late: readonly LateBlock[],
): Generator<CaptureRecord> {
  const order = new RowOrder();
  const waiting = [...late].sort((a, b) => a.firstIndex - b.firstIndex);
  const fetch = fetcher(path, stream);
  let [next, due] = [-1, 0];
  for (const r of records) {
    if (r.kind !== "rows" || r.block.stream !== stream || r.block.flags & BlockFlag.duplicate) {
      yield r;
      continue;
    }
    const place = order.place(r.block, r.at);
    if (place === "late") continue;
    if (place === "behind") {
      if (!(r.block.flags & BlockFlag.reordered)) yield r;
      continue;
    }
    const shown = next; // where the log's own order had come to
    for (; due < waiting.length && waiting[due]!.firstIndex < r.block.firstIndex; due++) {
      const block = fetch(waiting[due]!);
      if (!block) continue;
      yield { ...r, block: { ...block, flags: flagsOf(block, next, false) } };
      next = block.firstIndex + block.rows;
    }
    const filled = shown !== next && next === r.block.firstIndex;
    const flags =
      late.length === 0 ? r.block.flags & ~BlockFlag.reordered : flagsOf(r.block, next, !filled);
    yield flags === r.block.flags ? r : { ...r, block: { ...r.block, flags } };
    next = r.block.firstIndex + r.block.rows;
  }
}

/** @param told whether the block's own word of a gap before it still holds. */
function flagsOf(block: SampleBlock, next: number, told: boolean): number {
  const rest = block.flags & ~(BlockFlag.reordered | (told ? 0 : BlockFlag.gapBefore));
  return next >= 0 && block.firstIndex > next ? rest | BlockFlag.gapBefore : rest;
}

function fetcher(path: string, stream: string): (l: LateBlock) => SampleBlock | undefined {
  let at = -1;
  let blocks: readonly SampleBlock[] = [];
  return (late) => {
    if (late.at !== at) [at, blocks] = [late.at, rowsAt(path, late.at)];
    return blocks.find(
      (b) =>
        b.stream === stream &&
        b.firstIndex === late.firstIndex &&
        b.rows === late.rows &&
        !(b.flags & BlockFlag.duplicate),
    );
  };
}

/** Where the late blocks of one stream stand, for whoever has not read the log before. */
export function lateBlocks(records: Iterable<CaptureRecord>, stream: string): readonly LateBlock[] {
  const order = new RowOrder();
  for (const r of records)
    if (r.kind === "rows" && r.block.stream === stream && !(r.block.flags & BlockFlag.duplicate))
      order.place(r.block, r.at);
  return order.late;
}
