// Recordings longer than a list that fits into a call's arguments (some 120,000): they must fuse and compare,
// and what is written of them must stay readable.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { tableFromIPC } from "apache-arrow";
import { type LongLog, writeLongLog } from "../../bench/long-logs.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { runPaths, type RunPaths } from "../../capture/run.ts";
import { SESSION } from "../../bench/log.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { compare, prepare } from "../../energy/compare.ts";
import { comparisonToJson } from "../../dataset/documents/compare-json.ts";

const MANY = 130_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-length-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

async function recorded(o: LongLog): Promise<RunPaths> {
  const paths = runPaths(join(dir, "run"));
  mkdirSync(paths.dir);
  await writeLongLog(paths.capture, o);
  return paths;
}

test("A3: 18 hours of exchanges tie the clock", async () => {
  const paths = await recorded({ seconds: MANY / 2, rowHz: 10, windows: 3 });
  const { clocks, windows } = compare(prepare(paths.capture));
  expect(clocks.daq!.segments[0]!.model.method).toBe("exchange");
  expect(windows).toHaveLength(4);
});

interface Document {
  readonly windows: readonly { readonly name: string }[];
  readonly windows_total: number;
  readonly by_name: readonly {
    readonly name: string;
    readonly n: number;
    readonly energy_j: Readonly<Record<"mean" | "sd" | "p50" | "p95", number>>;
  }[];
}

test("A3: 130,000 windows of one name stand in events.arrow, 10,000 of them in compare.json", async () => {
  const paths = await recorded({ seconds: 2600, rowHz: 1000, windows: MANY });
  fuseRun(paths);
  const document = JSON.parse(readFileSync(paths.compare, "utf8")) as Document;
  expect(document.windows).toHaveLength(10_000);
  expect(document.windows_total).toBe(MANY + 1);
  expect(document.windows[0]!.name).toBe("session");
  expect(statSync(paths.compare).size).toBeLessThan(64e6);

  const events = tableFromIPC(readFileSync(paths.events));
  expect(events.numRows).toBe(MANY + 1);
  const energies = [...(events.getChild("energy_j") as Iterable<number | null>)].slice(1);
  const known = Float64Array.from(energies.filter((j) => j !== null)).sort();
  const [own] = document.by_name;
  expect(own).toMatchObject({ name: "step", n: MANY });
  const mean = known.reduce((a, b) => a + b, 0) / known.length;
  const sd = Math.sqrt(known.reduce((a, b) => a + (b - mean) ** 2, 0) / (known.length - 1));
  expect(own!.energy_j.mean / mean).toBeCloseTo(1, 9);
  expect(own!.energy_j.sd / sd).toBeCloseTo(1, 9);
  const p95 = 0.95 * (known.length - 1);
  expect(own!.energy_j.p95).toBeGreaterThanOrEqual(known[Math.floor(p95)]!);
  expect(own!.energy_j.p95).toBeLessThanOrEqual(known[Math.ceil(p95)]!);
  expect(events.getChild("fields")!.get(MANY)).toMatch(/"span":/);
});

test("a window asked for by name stands in the document, wherever it lies", async () => {
  const paths = await recorded({ seconds: 300, rowHz: 1000, windows: 15_000 });
  const found = compare(prepare(paths.capture), { window: "step-14999" });
  const { windows } = comparisonToJson(found, "run") as Document;
  expect(windows).toHaveLength(10_000);
  expect(windows.filter((w) => w.name === "step-14999")).toHaveLength(1);
  expect(windows.at(-1)!.name).toBe("step-14999");
});

test("A3: 130,000 marks on a clock of their own are placed by its edges", () => {
  const path = join(dir, "capture.mcap");
  const log = new LogWriter(path, { ...SESSION, hostClock: "trace" });
  for (let i = 0; i < MANY; i++)
    log.mark({ name: "lap", phase: "instant", clock: "io", t: BigInt(i * 30_000) });
  for (const s of [0, 3.9]) log.edge({ line: "line0", stream: "main", seconds: s, level: 1 });
  log.close();
  const { clocks } = prepare(path);
  expect(clocks.marks.count).toBe(MANY);
});
