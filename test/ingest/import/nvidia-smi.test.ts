import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importSmiCsv } from "../../../ingest/import/nvidia/smi-csv.ts";
import { type Imported, lossCount, runImport, scratch, sweep } from "./context.ts";

afterEach(sweep);

const importLines = (lines: readonly string[]): Promise<Imported> => {
  const path = join(scratch(), "gpudata.csv");
  writeFileSync(path, lines.join("\n") + "\n");
  return runImport(importSmiCsv, path);
};

const stamp = (k: number): string => `2024/03/01 10:00:0${Math.floor(k / 10)}.${k % 10}00`;
const turns = (row: (k: number) => string[], n = 20): string[] =>
  Array.from({ length: n }, (_, k) => row(k)).flat();
const told = (got: Imported): string[] => got.notes.map((n) => `${n.level}: ${n.text}`);
const valuesOf = (got: Imported, channel: string): number[] =>
  got.reads.filter((r) => r.channel === channel).map((r) => r.value);

describe("several GPUs in one log", () => {
  test("an index column numbers the channels, and no read is mixed", async () => {
    const got = await importLines([
      "index, timestamp, power.draw [W], power.limit [W]",
      ...turns((k) => [`0, ${stamp(k)}, ${100 + k}.5, 450`, `3, ${stamp(k)}, 30.25, 300`]),
    ]);
    expect(got.channels.map((c) => `${c.name} ${c.quantity}`)).toEqual([
      "nvidia_smi.0.power_draw power",
      "nvidia_smi.0.power_limit state",
      "nvidia_smi.3.power_draw power",
      "nvidia_smi.3.power_limit state",
    ]);
    expect(valuesOf(got, "nvidia_smi.0.power_draw").slice(0, 2)).toEqual([100.5, 101.5]);
    expect(new Set(valuesOf(got, "nvidia_smi.3.power_draw"))).toEqual(new Set([30.25]));
    expect(told(got)).toEqual([]);
  });

  test("names that are no numbers are numbered as they come, and told", async () => {
    const got = await importLines([
      "timestamp, uuid, power.draw [W]",
      ...turns((k) => [`${stamp(k)}, GPU-b, 1`, `${stamp(k)}, GPU-a, 2`]),
    ]);
    expect(valuesOf(got, "nvidia_smi.0.power_draw")).toEqual(Array(20).fill(1));
    expect(told(got).join()).toMatch(/info: .*0 is GPU-b, 1 is GPU-a/);
  });

  test("without such a column, as many rows to every stamp are as many GPUs, with a warning", async () => {
    const got = await importLines([
      "timestamp, power.draw [W]",
      ...turns((k) => [`${stamp(k)}, ${100 + k}`, `${stamp(k)}, 30`]),
    ]);
    expect(valuesOf(got, "nvidia_smi.0.power_draw")[7]).toBe(107);
    expect(new Set(valuesOf(got, "nvidia_smi.1.power_draw"))).toEqual(new Set([30]));
    expect(told(got).join()).toMatch(/warning: .*taken as 2 GPUs/);
  });
});

describe("several GPUs whose rows have stamps of their own, and no column that names them", () => {
  const header = "timestamp, memory.total [MiB], power.draw [W]";
  const later = (k: number): string => stamp(k).replace(/00$/, "04");

  test("are told apart by their boards, with a warning", async () => {
    const got = await importLines([
      header,
      ...turns((k) => [`${stamp(k)}, 24576 MiB, ${100 + k}`, `${later(k)}, 81559 MiB, 30`]),
    ]);
    expect(valuesOf(got, "nvidia_smi.0.power_draw")[7]).toBe(107);
    expect(new Set(valuesOf(got, "nvidia_smi.1.power_draw"))).toEqual(new Set([30]));
    expect(told(got).join()).toMatch(
      /warning: .*2 different ones by memory\.total: 0 is 24576 MiB;/,
    );
  });

  test("but a card that is read before and after each kernel is one, and so is one that fails once", async () => {
    const got = await importLines([
      header,
      ...turns((k) => [
        `${stamp(k)}, ${k === 5 ? "[Unknown Error]" : "24576 MiB"}, 30`,
        `${later(k)}, 24576 MiB, 300`,
      ]),
    ]);
    expect(new Set(got.reads.map((r) => r.channel))).toContain("nvidia_smi.power_draw");
    expect(valuesOf(got, "nvidia_smi.power_draw")).toHaveLength(40);
    expect(told(got).join()).not.toMatch(/different ones/);
  });
});

test("rows written twice are one read, and one GPU", async () => {
  const rows = turns((k) => [`${stamp(k)}, ${100 + k}`, `${stamp(k)}, ${100 + k}`]);
  const got = await importLines(["timestamp, power.draw [W]", ...rows]);
  expect(got.channels.map((c) => c.name)).toEqual(["nvidia_smi.power_draw"]);
  expect(got.reads).toHaveLength(20);
  expect(lossCount(got)).toBe(0);
});

test("a log that was appended to holds its header again", async () => {
  const header = "timestamp, power.draw [W]";
  const rows = turns((k) => [`${stamp(k)}, ${100 + k} W`]);
  const got = await importLines([header, ...rows.slice(0, 9), "", header, ...rows.slice(9)]);
  expect(valuesOf(got, "nvidia_smi.power_draw")).toHaveLength(20);
  expect(told(got)).toEqual([]);
});

test("a log without a row is refused", async () => {
  await expect(importLines(["timestamp, power.draw [W]"])).rejects.toThrow(/no row in it/);
});
