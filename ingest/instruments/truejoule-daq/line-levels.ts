// Trigger lines that are sampled with every row: levels at a block's start and its bitmaps → edges.
// Holds the levels after the last row, which say something only if no row is missing in between.

import { channelsOf, type Samples } from "../../../schema/wire/frame-records.ts";

/** `row` is the first row of the block that shows the new level. */
export type OnEdge = (line: number, row: number, level: 0 | 1) => void;

export class LineLevels {
  #levels = 0;
  #known = false;

  forget(): void {
    this.#known = false;
  }

  /** @returns lines whose level changed across a gap: an edge happened, nobody knows when. */
  read(s: Samples, contiguous: boolean, onEdge: OnEdge): number {
    const lines = channelsOf(s.sampledLines);
    const changed = this.#known ? (this.#levels ^ s.levels) & s.sampledLines : 0;
    const wordsPerLine = Math.ceil(s.rows / 32);
    let after = s.levels;
    lines.forEach((line, i) => {
      const bit = 1 << line;
      if (contiguous && changed & bit) onEdge(line, 0, s.levels & bit ? 1 : 0);
      if (s.bitmap === null) return;
      const words = s.bitmap.subarray(i * wordsPerLine, (i + 1) * wordsPerLine);
      const last = walk(words, s.rows, s.levels & bit ? 1 : 0, (row, level) =>
        onEdge(line, row, level),
      );
      after = last === 1 ? after | bit : after & ~bit;
    });
    this.#levels = after;
    this.#known = true;
    return contiguous ? 0 : channelsOf(changed).length;
  }
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
