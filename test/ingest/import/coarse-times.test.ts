import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importCsv } from "../../../ingest/import/csv/csv.ts";
import { parseMap } from "../../../ingest/import/csv/csv-map.ts";
import { type Imported, rowBytes, rowCount, runImport, scratch, sweep } from "./context.ts";

afterEach(sweep);

const importText = (text: string, map: string): Promise<Imported> => {
  const path = join(scratch(), "coarse.csv");
  writeFileSync(path, text);
  return runImport(importCsv, path, { map });
};

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Times of the rows as they were stored, ms. */
const timesMs = (got: Imported): number[] =>
  upTo(rowCount(got)).map((i) => Number(rowBytes(got).readBigUInt64LE(16 * i)) / 1e6);

/** Rows at these times, ms, printed as seconds with one decimal. */
const printed = (times: readonly number[]): string =>
  "t,p,event\n" +
  times.map((t, i) => `${(Math.floor(t / 100) / 10).toFixed(1)},${i % 3},\n`).join("");

describe("rows that share a time", () => {
  test("in steady numbers are spread over it, and the uncertainty is told", async () => {
    const got = await importText(printed(upTo(100).map((i) => i * 10)), "time=t; w.x=p");
    expect(timesMs(got)).toEqual(upTo(100).map((i) => i * 10));
    expect(got.rig!.device.rowHz).toBeCloseTo(100, 6);
    expect(got.notes.map((n) => [n.level, n.text])).toEqual([
      ["loss", expect.stringMatching(/10 rows share each.* ± 0\.05 s/)],
    ]);
  });

  test("where the file begins inside a time, its rows are at the end of it", async () => {
    const got = await importText(printed(upTo(90).map((i) => 40 + i * 10)), "time=t; w.x=p");
    expect(timesMs(got)).toEqual(upTo(90).map((i) => i * 10));
  });

  test("in numbers that differ by one are spread too", async () => {
    const got = await importText(printed(upTo(50).map((i) => (i * 1000) / 24)), "time=t; w.x=p");
    expect(rowCount(got)).toBe(50);
    expect(got.rig!.device.rowHz).toBeCloseTo(24, 0);
    for (const [i, t] of timesMs(got).entries())
      expect(Math.abs(t - (i * 1000) / 24)).toBeLessThan(60);
  });

  test("in a time of fewer rows than the others are spread, and told as a loss", async () => {
    const times = upTo(300).map((i) => i * 10);
    const got = await importText(
      printed(times.filter((t) => t < 1020 || t > 1070)),
      "time=t; w.x=p",
    );
    expect(got.notes.map((n) => n.count)).toContain(1);
    expect(got.notes.at(-1)!.text).toMatch(/rows may be lost/);
  });

  test("a mark moves with its row", async () => {
    const text = printed(upTo(100).map((i) => i * 10)).replace("0.5,2,\n", "0.5,2,here\n");
    const got = await importText(text, "time=t; w.x=p; mark=event");
    expect(got.marks[0]!.t).toBe(500_000_000n);
    const later = text.replace("here", "").replace("0.5,0,\n", "0.5,0,here\n");
    const moved = await importText(later, "time=t; w.x=p; mark=event");
    expect(moved.marks[0]!.t).toBe(510_000_000n);
  });

  test("telemetry is spread likewise", async () => {
    const text = printed(upTo(40).map((i) => i * 50));
    const got = await importText(text, "time=t; t.meter.x=p");
    expect(got.reads.map((r) => Number(r.before) / 1e6)).toEqual(upTo(40).map((i) => i * 50));
  });

  test("in uneven numbers are refused, with what helps", async () => {
    const text =
      "t,p\n" +
      upTo(200)
        .map((i) => `${Math.floor(Math.sqrt(i))},${i}\n`)
        .join("");
    await expect(importText(text, "time=t; w.x=p")).rejects.toThrow(
      /share their time.*time=index:RATE/,
    );
  });

  test("that go on from time to time are series without a name, and refused", async () => {
    const watts = (i: number): number => (i > 12 && i < 30 ? 300 : 60);
    const two = upTo(80).map((i) => `${i >> 1},${watts(i >> 1) * (1 + (i % 2))}\n`);
    await expect(importText("t,p\n" + two.join(""), "time=t; w.x=p")).rejects.toThrow(
      /2 series, which no column tells apart; split/,
    );
    const one = upTo(80).map((i) => `${i >> 1},${watts(i / 2)}\n`);
    expect(rowCount(await importText("t,p\n" + one.join(""), "time=t; w.x=p"))).toBe(80);
  });

  test("closer than a nanosecond are refused, with what helps", async () => {
    const text =
      "t,p\n" +
      upTo(100)
        .map((i) => `${(i * 0.4).toFixed(1)}e-9,${i}\n`)
        .join("");
    await expect(importText(text, "time=t; w.x=p")).rejects.toThrow(/within 1 ns.*time=index:RATE/);
  });
});

describe("rows timed by their number", () => {
  test.each([
    ["2MHz", 2n, 1000n],
    ["10us", 1n, 10_000n],
    ["1000/3Hz", 1000n, 3n * 1_000_000_000n],
    ["44.1 kHz", 441_000n, 10n * 1_000_000_000n],
    ["2.5GHz", 5n, 2n],
    ["4e-1ns", 10n, 4n],
  ])("%s is exact", (text, rows, ns) => {
    const { time } = parseMap(`time=index:${text}; w.x=p`);
    if (time.kind !== "index") throw new Error("no index");
    expect(time.rate.rows * ns).toBe(rows * time.rate.ns);
  });

  test.each(["0Hz", "3", "Hz", "1/0Hz", "-2Hz", "1e99Hz", "2furlongs"])("%s is refused", (text) => {
    expect(() => parseMap(`time=index:${text}; w.x=p`)).toThrow(/a rate (such as|that)/);
  });

  test("count from the first row that is whole; the others before it are told once", async () => {
    const text =
      "p\n" +
      upTo(40)
        .map((i) => `${i < 3 || i === 20 ? "nan" : i}\n`)
        .join("");
    const got = await importText(text, "time=index:1kHz; w.x=p");
    expect(timesMs(got)).toEqual(
      upTo(37)
        .filter((i) => i !== 17)
        .map((i) => i / 1e6),
    );
    expect(got.notes.map((n) => [n.level, n.count])).toEqual([["loss", 4]]);
  });

  test("stay in step with an exact rate, whichever their period", async () => {
    const text =
      "p,event\n" +
      upTo(3001)
        .map((i) => `${i},${i === 3000 ? "end of it" : ""}\n`)
        .join("");
    const fine = await importText(text, "time=index:2.5GHz; w.x=p; mark=event");
    expect(timesMs(fine).at(-1)).toBe(3000 / 1e6);
    expect(fine.rig!.device).toMatchObject({ rowHz: 2.5e9, clock: { hz: 2.5e9 } });
    expect(fine.marks[0]!.t).toBe(1200n);
    const thirds = await importText(text, "time=index:3Hz; w.x=p; mark=event");
    expect(thirds.marks[0]!.t).toBe(1_000_000_000_000n);
  });
});
