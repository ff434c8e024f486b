// Trigger lines that are sampled with every row: levels at a block's start and its bitmaps → edges. Holds the holes
// between the blocks received and the levels on both sides of each: a block that comes late fills its part. At most as
// many holes as numbers can lie back.

import { channelsOf, type Samples } from "../../../schema/wire/frame-records.ts";
import { REMEMBERED } from "./echoes.ts";

/** `row` is the first row that shows the new level, counted from the block's first. */
export type OnEdge = (line: number, row: number, level: 0 | 1) => void;

/** Rows `from` to `to` that nobody saw; levels as bits, null where there is no row on that side. */
interface Hole {
  readonly from: number;
  readonly to: number;
  readonly before: number | null;
  readonly after: number | null;
  /** Lines that are not on one level on both sides: an edge happened, nobody knows when. */
  readonly changed: number;
}

const ALL = hole(0, { from: -Infinity, to: Infinity, before: null, after: null });
export class LineLevels {
  /** Ascending; the last one has no end. */
  #holes: Hole[] = [ALL];

  forget(): void {
    this.#holes = [ALL];
  }

  /** @returns by how many the level changes in holes grew; less than 0 where this block shows their places. */
  read(s: Samples, onEdge: OnEdge): number {
    const i = this.#holes.findLastIndex((h) => s.index >= h.from && s.index + s.rows <= h.to);
    const filled = this.#holes[i] ?? ALL;
    const lines = s.sampledLines;
    const left = hole(lines, { ...filled, to: s.index, after: s.levels });
    if (left.from === left.to) tell(left, 0, onEdge);
    const last = throughBlock(s, onEdge);
    const right = hole(lines, { ...filled, from: s.index + s.rows, before: last });
    if (right.from === right.to) tell(right, s.rows, onEdge);
    if (i < 0) return 0;
    const open = [left, right].filter((h) => h.from < h.to);
    this.#holes.splice(i, 1);
    open.forEach((h, k) => this.#holes.splice(i + k, 0, h));
    if (this.#holes.length > REMEMBERED) this.#holes.shift();
    return open.reduce((n, h) => n + bitsIn(h.changed), -bitsIn(filled.changed));
  }
}

function hole(lines: number, of: Omit<Hole, "changed">): Hole {
  const { before, after } = of;
  return { ...of, changed: before === null || after === null ? 0 : (before ^ after) & lines };
}

/** The changes between two rows that follow each other. */
function tell({ changed, after }: Hole, row: number, onEdge: OnEdge): void {
  for (const line of channelsOf(changed)) onEdge(line, row, levelOf(after!, line));
}

/** @returns the levels at its last row. */
function throughBlock(s: Samples, onEdge: OnEdge): number {
  if (s.bitmap === null) return s.levels;
  const wordsPerLine = Math.ceil(s.rows / 32);
  let levels = s.levels;
  for (const [i, line] of channelsOf(s.sampledLines).entries()) {
    const words = s.bitmap.subarray(i * wordsPerLine, (i + 1) * wordsPerLine);
    const last = walk(words, s.rows, levelOf(s.levels, line), (row, level) =>
      onEdge(line, row, level),
    );
    levels = last === 1 ? levels | (1 << line) : levels & ~(1 << line);
  }
  return levels;
}

/** Level changes along a bitmap; whole words without one are skipped. @returns the level after the last row. */
function walk(
  words: Uint32Array,
  rows: number,
  level: 0 | 1,
  onChange: (row: number, level: 0 | 1) => void,
): 0 | 1 {
  for (let w = 0; w < words.length; w++) {
    const word = words[w]!;
    if (word === (level === 1 ? 0xffffffff : 0)) continue;
    for (let row = w * 32; row < Math.min(rows, w * 32 + 32); row++) {
      const now = (word >>> (row & 31)) & 1 ? 1 : 0;
      if (now !== level) onChange(row, now);
      level = now;
    }
  }
  return level;
}

const levelOf = (levels: number, line: number): 0 | 1 => ((levels >>> line) & 1 ? 1 : 0);

const bitsIn = (mask: number): number => channelsOf(mask).length;
