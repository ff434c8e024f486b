import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importCsv } from "../../../ingest/import/csv/csv.ts";
import { inPlace } from "../../../ingest/import/shared/placed-rows.ts";
import { placementOf, type TimedRow } from "../../../ingest/import/shared/row-order.ts";
import { BlockFlag } from "../../../schema/records.ts";
import {
  type Imported,
  lossCount,
  random,
  rowBytes,
  runImport,
  scratch,
  sweep,
} from "./context.ts";

afterEach(sweep);

/** @param times ms. */
const rowsOf = (times: readonly number[]): TimedRow[] =>
  times.map((ms, i) => ({ t: BigInt(Math.round(ms * 1e6)), line: i + 2 }));

const upTo = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

/** Times as they would be written, ms; NaN where a row was left out. */
function written(times: readonly number[]): number[] {
  const rows = rowsOf(times);
  return [...inPlace(() => rows, placementOf("x.csv", rows))].map((p) =>
    p ? Number(p.row.t) / 1e6 : NaN,
  );
}

/** A CSV of one rail, of `watts` at each time in seconds. */
const importTimes = (
  times: readonly (number | string)[],
  map = "time=t; w.x=p",
): Promise<Imported> => {
  const path = join(scratch(), "meter.csv");
  writeFileSync(path, `t,p\n${times.map((t) => `${t},60\n`).join("")}`);
  return runImport(importCsv, path, { map });
};

describe("rows among others that agree", () => {
  test("a far stamp has no place, in the middle, at the end or at the start", () => {
    const far = 2e8;
    expect(written([...upTo(50), far, ...upTo(50, 51)])).toEqual([
      ...upTo(50),
      NaN,
      ...upTo(50, 51),
    ]);
    expect(written([...upTo(50), far])).toEqual([...upTo(50), NaN]);
    expect(written([-far, ...upTo(50)])).toEqual([NaN, ...upTo(50)]);
    expect(written([far, ...upTo(50)])).toEqual([NaN, ...upTo(50)]);
  });

  test("of several far stamps at one end, none has a place", () => {
    expect(written([-9e9, -2e8, ...upTo(300), 5e7, 9e8])).toEqual([
      NaN,
      NaN,
      ...upTo(300),
      NaN,
      NaN,
    ]);
  });

  test("a stretch of far stamps that comes back is a hole", () => {
    const times = upTo(1000).map((t) => (t >= 500 && t < 550 ? t - 2e8 : t));
    expect(written(times)).toEqual(upTo(1000).map((t) => (t >= 500 && t < 550 ? NaN : t)));
  });

  test("so is one among times that several rows share", () => {
    const times = upTo(2000).map((i) => 100 * Math.floor(i / 10) + (i >= 500 && i < 550 ? 2e8 : 0));
    expect(written(times).filter(Number.isNaN)).toHaveLength(50);
  });

  test("rows that came late go where rows are missing", () => {
    const times = [...upTo(10), ...upTo(5, 15), ...upTo(3, 11), ...upTo(180, 20)];
    expect(written(times)).toEqual([...upTo(10), ...upTo(3, 11), ...upTo(5, 15), ...upTo(180, 20)]);
    expect(written([0, 2, 1, ...upTo(20, 3)])).toEqual(upTo(23));
  });

  test("a row that goes back to where no row is missing is left out", () => {
    expect(written([...upTo(50), 20.4, ...upTo(50, 51)])).toEqual([
      ...upTo(50),
      NaN,
      ...upTo(50, 51),
    ]);
  });

  test("so are stretches of them, also where the last one ends the file", () => {
    const times = upTo(1000).map((t) => (t % 400 >= 396 || t > 994 ? t + 2e8 : t));
    expect(written(times).filter(Number.isNaN)).toHaveLength(13);
    expect(written([0.5, ...upTo(50, 1), 51.4, 0])).toEqual([0, 0.5, ...upTo(50, 1), 51.4]);
  });

  test("an even longer pause is one, not an error", () => {
    expect(written([...upTo(50), 300, 299, ...upTo(50, 301)]).length).toBe(102);
    expect(written([0, 1, 5000])).toEqual([0, 1, 5000]);
  });
});

test("whatever is astray, rows come out in order, each once or as a gap, and those that agree stay", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const whole = (below: number): number => Math.floor(next() * below);
    const times = upTo(400);
    const astray = new Set(upTo(1 + whole(12)).map(() => whole(400)));
    for (const i of astray) times[i]! += [1e9, -1e9, 5e4, -700][whole(4)]!;
    for (let swaps = whole(6), i = whole(390); swaps > 0; swaps--, i = whole(390))
      if (!astray.has(i) && !astray.has(i + 1))
        [times[i], times[i + 1]] = [times[i + 1]!, times[i]!];
    const got = written(times);
    const kept = got.filter((t) => !Number.isNaN(t));
    expect(got).toHaveLength(400);
    expect(kept).toEqual(kept.toSorted((a, b) => a - b));
    expect(kept.length).toBeGreaterThanOrEqual(400 - 2 * astray.size);
    expect(kept.every((t) => t >= 0 && t < 400)).toBe(true);
  }
});

describe("what is refused, with the line and what helps", () => {
  test.each([
    [
      "a capture behind another",
      [...upTo(50), ...upTo(50)],
      /x\.csv:52: the time goes back.*split/,
    ],
    [
      "a clock that was set back",
      [...upTo(5000), ...upTo(5000, 4950)],
      /x\.csv:5002: .*set; split/,
    ],
    ["a file written backwards", upTo(50).reverse(), /x\.csv:3: the time runs backwards.*tac/],
    [
      "rows in no order",
      upTo(100).map((t) => (t % 4 === 1 ? t + 30 : t)),
      /no place; sort its lines/,
    ],
  ])("%s", (_name, times, message) => {
    expect(() => written(times)).toThrow(message);
  });
});

describe("through an import", () => {
  test("a far stamp neither stretches the session nor moves its start, and leaves a gap", async () => {
    const got = await importTimes([9e5, ...upTo(20).map((t) => t / 10), 7e8]);
    expect(got.session.hostEpoch).toBe(0n);
    expect(Number(rowBytes(got).readBigUInt64LE(16 * 19))).toBe(1.9e9);
    expect(lossCount(got)).toBe(2);
  });

  test("a clock set forward is a pause: no row is missing, and it is told", async () => {
    const got = await importTimes(upTo(40).map((t) => (t < 20 ? t / 10 : t / 10 + 200_000)));
    expect(got.blocks.map((b) => [b.rows, b.flags])).toEqual([
      [20, 0],
      [20, BlockFlag.gapBefore | BlockFlag.pause],
    ]);
    expect(got.notes.map((n) => n.text).join()).toMatch(/leaps by 200000 s/);
  });

  test("equal leaps are told each", async () => {
    const times = upTo(60).map((t) => t / 10 + 5e4 * Math.floor(t / 20));
    const got = await importTimes(times);
    expect(got.notes.map((n) => n.text)).toEqual(Array(2).fill(expect.stringMatching(/50000/)));
  });

  test("a leap under a claim of power is refused, as it would be taken to go on", async () => {
    const times = upTo(40).map((t) => (t < 20 ? t / 10 : t / 10 + 200_000));
    const map = "time=t; t.meter.x=p";
    await expect(importTimes(times, map)).rejects.toThrow(
      /meter\.csv:22: .*leaps by 200000 s.*split/,
    );
    expect((await importTimes(times, "time=t; t.meter.e=p:J")).reads).toHaveLength(40);
  });

  test("a clock that came to know the date is refused, with the line", async () => {
    const times = upTo(60).map((t) => t / 10 + (t < 30 ? 0 : 1.7e9));
    await expect(importTimes(times)).rejects.toThrow(/meter\.csv:32: Unix times begin.*split/);
  });

  test("two captures in one file are refused with the line of the second", async () => {
    const twice = [...upTo(20), "t,p", ...upTo(20)];
    await expect(importTimes(twice)).rejects.toThrow(/meter\.csv:23: the time goes back/);
  });
});
