// A capture log cut anywhere, spoiled, or whole but with records that no bench leaves: every command on it
// ends in one line, a flag, or the right Joules; recovery loses at most the last open chunk.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { command as compareCommand } from "../../cli/compare.ts";
import { command as exportCommand } from "../../cli/export.ts";
import { command as fuseCommand } from "../../cli/fuse.ts";
import { command as recoverCommand } from "../../cli/recover.ts";
import { command as reportCommand } from "../../cli/report.ts";
import { command as verifyCommand } from "../../cli/verify.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { McapFile } from "../../capture/mcap-file.ts";
import { readFrames } from "../../capture/mcap-frames.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { HOPPER } from "../../virtual/bench/telemetry.ts";
import { random } from "../../stats/random.ts";
import { BlockFlag } from "../../schema/records.ts";
import { call } from "./call.ts";
import { toBytes } from "./damage.ts";
import { dishonest, type Judged, judge, judgeRun } from "./judge.ts";
import { oddities, rewrite } from "./rewrite.ts";
import { sources } from "./sources.ts";

const SEEDS = Number(process.env["TRUEJOULE_SEEDS"] ?? 1);

let dir: string;
let places = 0;
const place = (): string => {
  const path = join(dir, String(++places));
  mkdirSync(path);
  return path;
};

interface Whole {
  readonly run: string;
  readonly bytes: Buffer;
  /** Blocks to a chunk, so that a short capture has several. */
  readonly chunkBlocks: number;
  readonly judged: Judged;
}

/** The virtual bench (rows by index, trigger line), and a PMD-USB (rows with a counter of 16 bits). */
const logs = new Map<string, Whole>();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-bad-log-"));
  const [virtual, imported] = [place(), place()];
  // Two channels are enough, and every further one is fitted again for each damage.
  const telemetry = [HOPPER[0]!, HOPPER[3]!];
  await writeVirtualCapture(join(virtual, "made"), { seed: 3, durationS: 1, telemetry });
  const yang = sources.find((s) => s.format === "yang-pmd")!;
  await judge(yang, yang.write(imported), join(imported, "made"));
  for (const [name, at, chunkBlocks] of [
    ["virtual bench", virtual, 20],
    ["PMD-USB", imported, 1],
  ] as const) {
    rewrite(join(at, "made/capture.mcap"), join(at, "capture.mcap"), (r) => [r], chunkBlocks);
    const bytes = readFileSync(join(at, "capture.mcap"));
    logs.set(name, { run: at, bytes, chunkBlocks, judged: judgeRun(at) });
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A run whose log is these bytes. */
function runOf(bytes: Buffer): string {
  const run = place();
  writeFileSync(join(run, "capture.mcap"), bytes);
  return run;
}

/** Chunks that end before an offset. */
function wholeChunks(path: string, offset: number): number {
  let chunks = 0;
  for (const f of readFrames(path))
    if (f.kind === "frame" && f.opcode === 6 && f.offset + f.bytes.length <= offset) chunks++;
  return chunks;
}

async function recover(run: string): Promise<{ judged: Judged; chunks: number } | "refused"> {
  const out = join(place(), "recovered");
  const { error, code, document } = await call(recoverCommand, [run], { out });
  if (error) {
    expect([error.tag, error.message.includes("\n")]).toEqual(["InputError", false]);
    return "refused";
  }
  const { chunks, dropped } = document as { chunks: number; dropped: unknown[] };
  expect(code).toBe(dropped.length > 0 ? 3 : 0);
  return { judged: judgeRun(out), chunks };
}

describe.each(["virtual bench", "PMD-USB"])("a log of the %s", (name) => {
  test("cut at any byte: read to its last whole chunk, and recovered to it", async () => {
    const { run, bytes, judged: whole } = logs.get(name)!;
    expect(whole.verdict).toBe("clean");
    const r = random(7, name);
    for (let k = 0; k < 6 * SEEDS; k++) {
      const at = r.integer(bytes.length);
      const cut = runOf(bytes.subarray(0, at));
      const judged = judgeRun(cut);
      expect([at, dishonest(whole, judged)]).toEqual([at, []]);
      const recovered = await recover(cut);
      if (judged.verdict === "refused" || recovered === "refused") continue;
      expect([at, recovered.chunks]).toEqual([at, wholeChunks(join(run, "capture.mcap"), at)]);
      expect([at, dishonest(whole, recovered.judged)]).toEqual([at, []]);
      expect(recovered.judged.claims).toEqual(judged.claims);
      expect(recovered.judged.told.join()).toMatch(/recovered from capture\.mcap/);
    }
  });

  test.each(Object.keys(toBytes))("%s: told, and what is whole is recovered", async (kind) => {
    const { bytes, judged: whole } = logs.get(name)!;
    for (let seed = 0; seed < SEEDS; seed++) {
      const bad = toBytes[kind]!(bytes, random(seed, kind));
      if (bad.equals(bytes)) continue;
      const run = runOf(bad);
      const judged = judgeRun(run);
      expect(judged.verdict).not.toBe("clean");
      expect([seed, dishonest(whole, judged)]).toEqual([seed, []]);
      const recovered = await recover(run);
      if (recovered !== "refused") expect(dishonest(whole, recovered.judged)).toEqual([]);
      const verified = await call(verifyCommand, [run]);
      expect(verified.error ? 1 : verified.code).not.toBe(0);
    }
  });

  test.each(Object.keys(oddities))("checksums right, but %s", (kind) => {
    const { run, bytes, chunkBlocks, judged: whole } = logs.get(name)!;
    for (let seed = 0; seed < SEEDS; seed++) {
      const odd = place();
      const change = oddities[kind]!(random(seed, kind));
      rewrite(join(run, "capture.mcap"), join(odd, "capture.mcap"), change, chunkBlocks);
      if (readFileSync(join(odd, "capture.mcap")).equals(bytes)) continue;
      expect([seed, dishonest(whole, judgeRun(odd))]).toEqual([seed, []]);
    }
  });
});

test("a log of another version: one line that says which wrote it", () => {
  const to = join(place(), "capture.mcap");
  const log = new McapFile(to, "truejoule 9.0.0");
  const session = { schema: "session/2", software: "truejoule 9.0.0" };
  log.attach("session.json", "application/json", Buffer.from(JSON.stringify(session)));
  log.close([]);
  const { verdict, told } = judgeRun(dirname(to));
  expect(verdict).toBe("refused");
  expect(told.join()).toMatch(
    /capture\.mcap: session header is "session\/2", this build reads session\/1: .*\(truejoule 9\.0\.0\)/,
  );
});

test("a device that restarted: a clock for each segment, and the windows across are in doubt", async () => {
  const { run } = logs.get("virtual bench")!;
  const odd = place();
  rewrite(join(run, "capture.mcap"), join(odd, "capture.mcap"), (x, n) => {
    if (x.kind !== "rows" || n < 120) return [x];
    if (n < 125) return []; // away for 26 ms
    // Its rows are counted on by the host's clock, which is not theirs.
    const firstIndex = x.block.firstIndex - 300;
    const flags = n === 125 ? BlockFlag.restart | BlockFlag.gapBefore : x.block.flags;
    return [{ ...x, block: { ...x.block, firstIndex, flags } }];
  });
  const fused = await call(fuseCommand, [odd]);
  expect(fused.code).toBe(3);
  const align = JSON.parse(readFileSync(join(odd, "align.json"), "utf8")) as {
    clocks: Record<"segment" | "from_device" | "t0_ns" | "t1_ns" | "ns_per_unit", number>[];
  };
  const [first, second] = align.clocks;
  expect(align.clocks.map((c) => c.segment)).toEqual([1, 2]);
  const rows = second!.from_device - first!.from_device + 300;
  const trueNs = first!.t0_ns + rows * first!.ns_per_unit;
  const compared = JSON.parse(readFileSync(join(odd, "compare.json"), "utf8")) as {
    clock: { segments: { method: string; t0_ns: number; expanded_uncertainty_ns: number }[] };
    windows: { t0_ns: number; t1_ns: number; doubt?: string }[];
    warnings: string[];
  };
  const { segments } = compared.clock;
  // The second has too few edges: it rests on arrivals, less the delay that the first one's edges tell.
  expect(segments.map((s) => s.method)).toEqual(["sync-edges", "arrival"]);
  expect(segments[1]!.expanded_uncertainty_ns).toBeLessThan(4e6);
  expect(Math.abs(second!.t0_ns - trueNs)).toBeLessThan(segments[1]!.expanded_uncertainty_ns);
  expect(compared.warnings.join("\n")).toMatch(
    /restarted or lost count 1 times .* a line of its own/,
  );
  const across = compared.windows.filter((w) => w.t0_ns <= trueNs && w.t1_ns >= first!.t1_ns);
  const after = compared.windows.filter((w) => w.t0_ns > trueNs + 10e6);
  const before = compared.windows.filter((w) => w.t1_ns < first!.t1_ns - 10e6);
  const saidSo = (w: { doubt?: string }): boolean => w.doubt?.includes("restarted") ?? false;
  expect([across.length > 0, before.length > 0]).toEqual([true, true]);
  expect(across.every(saidSo)).toBe(true);
  expect([...before, ...after].some(saidSo)).toBe(false);
});

const commands = {
  compare: [compareCommand, {}],
  fuse: [fuseCommand, {}],
  report: [reportCommand, {}],
  verify: [verifyCommand, {}],
  "recover --out": [recoverCommand, { out: "" }],
  "export --csv": [exportCommand, { csv: "" }],
  "export --parquet": [exportCommand, { parquet: "" }],
  "export --nvml-csv": [exportCommand, { "nvml-csv": "" }],
} as const;

describe("no log at all", () => {
  test.each(Object.keys(commands))("%s: one line that names the file, exit 1", async (name) => {
    const [command, given] = commands[name as keyof typeof commands];
    for (const kind of ["empty", "prose", "noise", "absent"]) {
      const { bytes } = logs.get("virtual bench")!;
      const run =
        kind === "absent" ? place() : runOf(toBytes[kind]!(bytes, random(1, "no log at all")));
      const options = Object.fromEntries(Object.keys(given).map((k) => [k, join(place(), "out")]));
      const { error } = await call(command, [run], options);
      expect([kind, error?.tag]).toEqual([kind, "InputError"]);
      expect(error!.message).toContain(run);
      expect(error!.message).not.toContain("\n");
    }
  });
});

describe("derived files", () => {
  /** A fused, compared and reported run of its own. */
  async function derived(): Promise<string> {
    const run = place();
    copyFileSync(join(logs.get("PMD-USB")!.run, "capture.mcap"), join(run, "capture.mcap"));
    expect((await call(fuseCommand, [run])).error).toBeNull();
    return run;
  }

  test.each(["fused.arrow", "events.arrow", "telemetry.arrow", "compare.json", "align.json"])(
    "%s, spoiled: verify tells, report makes it again, export never copies it unseen",
    async (file) => {
      const run = await derived();
      const path = join(run, file);
      const good = readFileSync(path);
      expect((await call(reportCommand, [run])).error).toBeNull();
      const report = readFileSync(join(run, "report.html"));
      for (const [kind, damage] of Object.entries(toBytes)) {
        const bad = damage(good, random(1, file + kind));
        if (bad.equals(good)) continue;
        writeFileSync(path, bad);
        const verified = await call(verifyCommand, [run]);
        expect([kind, verified.error, verified.code]).toEqual([kind, null, 3]);
        const exported = await call(exportCommand, [run], { csv: join(run, "out.csv") });
        expect(exported.error?.tag).toBe(file === "fused.arrow" ? "InputError" : undefined);
      }
      expect((await call(reportCommand, [run])).error).toBeNull();
      expect(readFileSync(join(run, "report.html")).equals(report)).toBe(true);
      expect(readFileSync(path).equals(good)).toBe(true);
    },
  );
});

test("the log on which all this rests has many chunks", () => {
  for (const { run, bytes } of logs.values()) {
    expect(wholeChunks(join(run, "capture.mcap"), bytes.length)).toBeGreaterThan(2);
    expect([...readCapture(join(run, "capture.mcap"))].some((r) => r.kind === "damage")).toBe(
      false,
    );
  }
});
