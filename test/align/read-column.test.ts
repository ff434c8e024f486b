// Columns of reads, their median and their sort, against the plain array's, wherever a page ends.

import { describe, expect, test } from "@jest/globals";
import { goodReads, indexOfGood, inTimeOrder } from "../../align/good-reads.ts";
import { medianStep } from "../../align/median-step.ts";
import { streamedMedian } from "../../stats/streamed-median.ts";
import { ReadColumn } from "../../align/read-column.ts";
import { NumberPages } from "../../capture/number-pages.ts";
import { type Random, random } from "../../stats/random.ts";

const PAGE = 8;

function columnOf(values: readonly number[], pagesInMemory: number): ReadColumn {
  const column = new ReadColumn(new NumberPages(pagesInMemory * PAGE, PAGE));
  for (const v of values) column.push(v);
  return column;
}

/** Ascending, with steps and repeats. */
function stamps(r: Random, n: number): number[] {
  let t = 0;
  return Array.from({ length: n }, () => (t += r.integer(4)));
}

const LENGTHS = [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 5 * PAGE + 3, 100 * PAGE - 1];

describe.each([0, 1, 3, 1e6])("a column with %i pages in memory", (inMemory) => {
  test.each(LENGTHS)("gives back each of %i numbers, in any order", (n) => {
    const r = random(n, "column");
    // Some pages hold one number alone, NaN or −0 among them.
    const values = Array.from({ length: n }, (_, i) =>
      (i / PAGE) % 3 < 1 ? [NaN, -0, 7][((i / PAGE) % 3) | 0]! : r.normal(),
    );
    const column = columnOf(values, inMemory);
    expect(column.length).toBe(n);
    expect([...column]).toEqual(values);
    for (let k = 0; k < 3 * n; k++) {
      const i = r.integer(n);
      if (!Object.is(column.at(i), values[i])) throw new Error(`read ${i} of ${n}`);
    }
  });

  test("may be read while it grows", () => {
    const r = random(1, "grows");
    const column = columnOf([], inMemory);
    for (let n = 1; n < 40 * PAGE; n++) {
      column.push(n - 1);
      const i = r.integer(n);
      if (column.at(i) !== i) throw new Error(`read ${i} of ${n}`);
    }
  });

  test.each(LENGTHS)("finds any instant among %i stamps", (n) => {
    const values = stamps(random(n, "stamps"), n);
    const column = columnOf(values, inMemory);
    for (let x = -1; x <= (values.at(-1) ?? 0) + 1; x += 0.5) {
      expect(column.firstAtOrAfter(x)).toBe(values.filter((t) => t < x).length);
      expect(column.firstAfter(x)).toBe(values.filter((t) => t <= x).length);
    }
  });
});

describe("the median", () => {
  const plain = (x: readonly number[]): number => Float64Array.from(x).sort()[x.length >> 1] ?? 0;

  test.each<[string, (r: Random) => number]>([
    ["all the same", () => 1e7],
    ["on a grid", (r) => 1e7 + r.integer(9)],
    ["over all magnitudes", (r) => Math.exp(300 * (r.uniform() - 0.5))],
    ["zeros among them", (r) => (r.uniform() < 0.6 ? 0 : r.uniform())],
    ["next to each other in their last bits", (r) => 1 + r.integer(9) * Number.EPSILON],
  ])("of numbers %s is that of the sorted ones", (_, draw) => {
    const r = random(5, "median");
    for (const n of [0, 1, 2, 3, 64, 65, 1001])
      for (const few of [0, 1, 8, 1e6]) {
        const x = Array.from({ length: n }, () => draw(r));
        expect(streamedMedian((see) => x.forEach(see), n, few)).toBe(plain(x));
      }
  });

  test("of steps leaves out those that are none", () => {
    const t = [5, 6, 6, 4, 10, 13];
    expect(medianStep(ReadColumn.of(t))).toBe(plain([1, 6, 3]));
    expect(medianStep(ReadColumn.of([]))).toBe(0);
  });
});

describe("reads", () => {
  test.each([3, 8, 64, 1000])("are sorted as a list is, %i at a time", (stretch) => {
    for (let seed = 0; seed < 20; seed++) {
      const r = random(seed, "sort");
      const t = stamps(r, 200);
      // Sorted, nearly sorted, upside down, at random.
      const jitter = [0, 3, 0, 1e3][seed % 4]!;
      const log = t.map((x) => (seed % 4 === 2 ? -x : x) + Math.round(jitter * r.uniform()));
      const reads = {
        tNs: columnOf(log, 2),
        value: columnOf(
          log.map((_, i) => i),
          2,
        ),
      };
      const sorted = inTimeOrder(reads, stretch);
      const order = log.map((_, i) => i).sort((a, b) => log[a]! - log[b]!);
      expect([...sorted.value]).toEqual(order);
      expect([...sorted.tNs]).toEqual(order.map((i) => log[i]));
    }
  });

  test("without failed ones are the same columns, with some those between them", () => {
    const tNs = columnOf([1, 2, 3], 0);
    const value = columnOf([7, 8, 9], 0);
    expect(goodReads({ tNs, value }).good.value).toBe(value);
    for (let seed = 0; seed < 20; seed++) {
      const r = random(seed, "failed");
      const v = Array.from({ length: 100 }, (_, i) => (r.uniform() < seed / 20 ? NaN : i));
      const { good, failed } = goodReads({
        tNs: columnOf(
          v.map((_, i) => i),
          1,
        ),
        value: columnOf(v, 1),
      });
      const kept = v.filter((x) => !Number.isNaN(x));
      expect([...good.value]).toEqual(kept);
      expect([...good.tNs]).toEqual(kept);
      expect(kept.map((_, k) => indexOfGood(k, failed))).toEqual(kept);
      expect(failed.length).toBe(100 - kept.length);
    }
  });
});
