// Spoiled sources of every format through import and compare: refused in one line that leaves nothing
// behind, or flagged, or right within the stated uncertainty. Never a stack trace, never a wrong Joule
// without a word.

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { command as importCommand } from "../../cli/import.ts";
import { random } from "../../stats/random.ts";
import { call } from "./call.ts";
import { type Damage, isOneLine, toBytes, toLines } from "./damage.ts";
import { dishonest, dishonestOfTrace, judge, type Judged } from "./judge.ts";
import { type Source, sources } from "./sources.ts";

/** Damages of each kind to each file; more for a long search. */
const SEEDS = Number(process.env["TRUEJOULE_SEEDS"] ?? 1);

let dir: string;
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), "truejoule-bad-"))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let places = 0;
function place(): string {
  const path = join(dir, String(++places));
  mkdirSync(path);
  return path;
}

function damagesTo(source: Source, file: string): [string, Damage][] {
  const all = source.binary.includes(file) ? toBytes : { ...toBytes, ...toLines };
  return Object.entries(all);
}

/** Every damage to every file of a source; @returns how often each verdict came. */
async function spoilAll(
  source: Source,
  path: string,
  whole: Judged,
  seeds = SEEDS,
): Promise<Set<string>> {
  const run = join(place(), "run");
  const verdicts = new Set<string>();
  const faults: string[] = [];
  for (const file of source.files) {
    const at = file === "" ? path : join(path, file);
    const good = readFileSync(at);
    const isText = !source.binary.includes(file);
    for (const [kind, damage] of damagesTo(source, file))
      for (let seed = 0; seed < seeds; seed++) {
        const bad = damage(good, random(seed, `${source.name}/${file}/${kind}`));
        if (bad.equals(good)) continue;
        writeFileSync(at, bad);
        const judged = await judge(source, path, run);
        verdicts.add(judged.verdict);
        const lies = isText && isOneLine(good, bad) ? dishonestOfTrace : dishonest;
        faults.push(...lies(whole, judged).map((f) => `${file} ${kind} ${seed}: ${f}`));
      }
    writeFileSync(at, good);
  }
  expect(faults).toEqual([]);
  return verdicts;
}

describe.each(sources.map((s) => [s.name, s] as const))("%s", (_, source) => {
  test("whole, then cut, flipped, holed, repeated, zeroed, emptied, swapped for something else", async () => {
    const path = source.write(place());
    const whole = await judge(source, path, join(place(), "run"));
    expect(whole.verdict).not.toBe("refused");
    expect(whole.claims.length).toBeGreaterThan(0);
    const verdicts = await spoilAll(source, path, whole);
    expect(verdicts).toContain("refused");
    expect(verdicts).toContain("flagged");
  });

  test("sources of the other formats are refused", async () => {
    for (const other of sources) {
      if (other.format === source.format) continue;
      const judged = await judge(source, other.write(place()), join(place(), "run"));
      expect([other.name, judged.verdict]).toEqual([other.name, "refused"]);
    }
  });
});

describe("a wrong zone", () => {
  const yang = sources.find((s) => s.format === "yang-pmd")!;

  test("telemetry of another zone is told, and claims nothing inside the trace", async () => {
    const path = yang.write(place());
    const judged = await judge(
      { ...yang, options: { tz: "Asia/Tokyo" } },
      path,
      join(place(), "run"),
    );
    expect(judged.verdict).toBe("flagged");
    expect(judged.told.join("\n")).toMatch(/does not overlap the capture, it begins -9\.00 h off/);
  });

  test("no zone at all is told", async () => {
    const judged = await judge({ ...yang, options: {} }, yang.write(place()), join(place(), "run"));
    expect(judged.told.join("\n")).toMatch(/local times without a zone.*--tz/);
  });

  test("a zone that is none is refused", async () => {
    const judged = await judge(
      { ...yang, options: { tz: "Mars/Base" } },
      yang.write(place()),
      join(place(), "run"),
    );
    expect(judged.told.join()).toMatch(/Mars\/Base/);
    expect(judged.verdict).toBe("refused");
  });
});

describe("a rig that does not match", () => {
  test.each(["yang-pmd", "mlperf-tiny", "mlperf-power", "wav"])(
    "%s with the rig of another device",
    async (format) => {
      const source = sources.find((s) => s.format === format)!;
      const judged = await judge(
        { ...source, options: { ...source.options, rig: "virtual" } },
        source.write(place()),
        join(place(), "run"),
      );
      expect(judged.verdict).toBe("refused");
      expect(judged.told.join()).toMatch(/rig virtual: rail slot_12v reads field slot_v/);
    },
  );

  const wav = sources.find((s) => s.format === "wav")!;
  const rigText = (): string => readFileSync("rigs/example-sound-card.yaml", "utf8");

  test.each<[string, (text: string) => string, RegExp]>([
    ["wrong unit", (t) => t.replace(/rate: "[^"]*"/, 'rate: "48 kg"'), /rig\.yaml:\d+: .*kg/],
    ["no calibration", (t) => t.replace(/calibration:/, "remark:"), /rig\.yaml:\d+: /],
    ["a bare number", (t) => t.replace(/row_rate: .*/, "row_rate: 48000"), /rig\.yaml:\d+: .*unit/],
    ["a field that is not there", (t) => t.replace(/channel: ch0/, "channel: ch9"), /ch9/],
    ["cut", (t) => t.slice(0, t.length / 3), /rig\.yaml/],
    ["text", () => "the quick brown fox", /rig\.yaml/],
  ])("%s", async (_, change, told) => {
    const where = place();
    const path = wav.write(where);
    writeFileSync(join(where, "rig.yaml"), change(rigText()));
    const judged = await judge(
      { ...wav, options: { rig: join(where, "rig.yaml") } },
      path,
      join(where, "run"),
    );
    expect(judged.verdict).toBe("refused");
    expect(judged.told.join()).toMatch(told);
  });
});

describe("what is not a capture at all", () => {
  test.each(sources.map((s) => [s.name, s] as const))(
    "%s: nothing there, an empty folder, a folder for a file, a file for a folder",
    async (_, source) => {
      const empty = place();
      const aFile = join(place(), "file");
      writeFileSync(aFile, "x");
      for (const path of [join(empty, "missing"), empty, aFile]) {
        const judged = await judge(source, path, join(place(), "run"));
        expect([path, judged.verdict]).toEqual([path, "refused"]);
        expect(judged.told.join()).toContain(path);
      }
    },
  );

  test("an unknown format, and one source too many, are usage errors", async () => {
    for (const positionals of [["jls", "x"], ["csv"], ["csv", "a", "b"]])
      expect((await call(importCommand, positionals, { out: "x" })).error?.tag).toBe("UsageError");
  });
});

const traces = process.env["TRUEJOULE_TRACES"];
/** Small real captures, one of each format that has some; damaged once in each way. */
const captures: readonly Omit<Source, "write">[] = [
  {
    name: "yang-pmd/5050/3090",
    format: "yang-pmd",
    options: { tz: "Europe/London" },
    files: ["PMD_data.bin"],
    binary: ["PMD_data.bin"],
  },
  {
    name: "mlperf-tiny/three-clock/syntiant_9120_0v9_30mhz-kws",
    format: "mlperf-tiny",
    options: { tz: "UTC" },
    files: ["trace1-energy.bin", "trace1-timestamps.json"],
    binary: ["trace1-energy.bin"],
  },
  {
    name: "mlperf-tiny/open-runner-v1.3/stm-nucleo-l4r5-kws",
    format: "mlperf-tiny",
    files: ["results.json"],
    binary: [],
  },
  {
    name: "powersensor3-results/rtx4000ada-pmt-nvml.log",
    format: "pmt",
    files: [""],
    binary: [],
  },
];

(traces ? describe : describe.skip)("real captures, spoiled", () => {
  test.each(captures.map((c) => [c.name, c] as const))("%s", async (name, capture) => {
    const path = join(place(), "source");
    cpSync(join(traces!, name), path, { recursive: true });
    for (const file of capture.files) chmodSync(join(path, file), 0o644);
    const source: Source = { ...capture, write: () => path };
    await spoilAll(source, path, await judge(source, path, join(place(), "run")), 1);
  });
});
