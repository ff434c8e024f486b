import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importCsv } from "../../../ingest/import/csv/csv.ts";
import { type Imported, rowBytes, rowCount, runImport, scratch, sweep } from "./context.ts";

afterEach(sweep);

const importText = (text: string, map: string): Promise<Imported> => {
  const path = join(scratch(), "long.csv");
  writeFileSync(path, text);
  return runImport(importCsv, path, { map });
};

const lines = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i) + "\n").join("");

const twoCards = "t,gpu,p\n" + lines(20, (i) => `${i >> 1},${i % 2},${100 + (i % 2) * 50}`);
const twoMetrics =
  "metric;t;value\n" +
  lines(20, (i) => (i % 3 === 2 ? `temperature;${i};40` : `power;${i};${60 + i}`));

test("a column of marks that is not mapped tells no series apart, and a channel may begin late", async () => {
  const event = (i: number): string => (i % 8 === 2 ? "start" : i % 8 === 5 ? "end" : "");
  const text =
    "t,p,event,smi\n" + lines(40, (i) => `${i},${60 + i},${event(i)},${i < 12 ? "" : 70}`);
  expect(rowCount(await importText(text, "time=t; w.x=p"))).toBe(40);
  const claims = await importText(text, "time=t; t.nvml.power_usage=smi");
  expect(claims.reads).toHaveLength(28);
});

describe("rows of several series are refused, and one is taken by where=", () => {
  test.each([
    ["cards at one time", twoCards, "time=t; w.x=p", /"gpu" \(0, 1\).*where=gpu=0/],
    ["cards without a header", twoCards, "time=#1; w.x=#3", /"#2" \(0, 1\).*where=#2=0/],
    ["metrics in no regular turn", twoMetrics, "time=t; t.m.p=value", /"metric" \(power, temp/],
    [
      "cards at times of their own",
      "t,gpu,p\n" + lines(20, (i) => `${i},${i % 2},${60 + i}`),
      "time=t; w.x=p",
      /"gpu"/,
    ],
    [
      "cards in no regular turn",
      "t,gpu,p\n" + lines(40, (i) => `${i},${(i * i + (i >> 2)) % 3 > 0 ? 1 : 0},${60 + i}`),
      "time=t; w.x=p",
      /"gpu" \(0, 1\)/,
    ],
    [
      "a metric that is written now and then",
      "t,metric,p\n" + lines(200, (i) => `${i},${i % 50 === 9 ? "temp" : "power"},${60 + i}`),
      "time=t; w.x=p",
      /"metric" \(power, temp\)/,
    ],
    [
      "one behind the other",
      "t,sensor,p\n" + lines(20, (i) => `${i % 10},${i < 10 ? "A" : "B"},${60 + i}`),
      "time=t; w.x=p",
      /"sensor" \(A, B\)/,
    ],
    [
      "a value that is nowhere",
      twoCards,
      "time=t; w.x=p; where=gpu=7",
      /no row has "7" in column gpu/,
    ],
  ])("%s", async (_name, text, map, message) => {
    await expect(importText(text, map)).rejects.toThrow(message);
  });

  test("where= leaves the rows of one series, and says how many it leaves out", async () => {
    const got = await importText(twoCards, "time=t; w.x=p; where=gpu=1");
    expect(rowCount(got)).toBe(10);
    expect(rowBytes(got).readDoubleLE(8)).toBe(150);
    expect(got.notes).toEqual([expect.objectContaining({ level: "info", count: 10 })]);
  });

  test("where= takes values with colons, and several of them", async () => {
    const text = "t,bus,k,p\n" + lines(20, (i) => `${i >> 1},00:01:0${i % 2},a,${i % 2}`);
    const got = await importText(text, "time=t; w.x=p; where=bus=00:01:01; where=k=a");
    expect(rowCount(got)).toBe(10);
  });
});

describe("one series with columns beside it", () => {
  test.each([
    ["a phase", "phase", (i: number) => (i < 10 ? "idle" : "load")],
    ["another quantity of few values", "util_gpu", (i: number) => (i * 7) % 5],
    ["a device that is named once", "device", (i: number) => (i === 0 ? "card" : "")],
    ["a load of few values", "cpu", (i: number) => (i % 5 === 0 ? 3 : i % 3 > 0 ? 0 : 1)],
    ["a bit that toggles", "sync", (i: number) => i % 2],
    ["a status that comes and goes", "status", (i: number) => (i % 7 > 4 ? "OL" : "OK")],
    ["a count", "n", (i: number) => i],
    ["one device", "gpu", () => 0],
    ["a date of its own", "date", (i: number) => `12:00:${10 + i}`],
    ["a date of whole seconds", "date", (i: number) => `12:00:${10 + (i >> 1)}`],
  ])("%s", async (_name, column, cell) => {
    const text = `t,${column},p\n` + lines(20, (i) => `${i / 10},${cell(i)},${60 + i}`);
    expect(rowCount(await importText(text, "time=t; w.x=p"))).toBe(20);
  });

  test("a metric without a number in the mapped column is no row of it", async () => {
    const text = "t,name,p\n" + lines(20, (i) => (i % 2 ? `${i},note,` : `${i},power,60`));
    expect(rowCount(await importText(text, "time=t; w.x=p"))).toBe(10);
  });
});
