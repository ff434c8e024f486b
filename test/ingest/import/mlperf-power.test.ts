import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importMlperfPower } from "../../../ingest/import/mlperf/mlperf-power.ts";
import { BlockFlag } from "../../../schema/records.ts";
import {
  type Imported,
  lossCount,
  rowBytes,
  rowCount,
  runImport,
  scratch,
  sweep,
  trace,
} from "./context.ts";

afterEach(sweep);

const T0 = 1_700_000_000_000_000_000n;
const clock = (s: number, zone = 1): string => {
  const iso = new Date(Number(T0 / 1_000_000n) + s * 1000 + zone * 3_600_000).toISOString();
  return `${iso.slice(5, 7)}-${iso.slice(8, 10)}-${iso.slice(0, 4)} ${iso.slice(11, 23)}`;
};
const amps = (watts: number): string => (watts / 230.1 / 0.97).toFixed(4);
const sample = (s: number, watts: string | number = 100 + s): string =>
  `Time,${clock(s)},Watts,${watts},Volts,230.1,Amps,${amps(100 + s)},PF,0.97,Mark,x_testing`;
const event = (key: string, s: number, zone = 1): string =>
  `:::MLLOG {"key": "${key}", "value": "${clock(s, zone)}", "time_ms": 1.5}`;

interface Parts {
  spl?: string;
  detail?: string;
  name?: string;
}

function capture(parts: Parts = {}): string {
  const dir = join(scratch(), "system");
  mkdirSync(dir);
  const samples = Array.from({ length: 20 }, (_, s) => sample(s + 0.25));
  writeFileSync(
    join(dir, parts.name ?? "run_1-spl.txt"),
    parts.spl ?? samples.join("\r\n") + "\r\n",
  );
  const detail =
    parts.detail ?? `${event("power_begin", 3)}\n${event("other", 5)}\n${event("power_end", 15)}\n`;
  writeFileSync(join(dir, "run_1-mlperf_log_detail.txt"), detail);
  return dir;
}

const importAt = (path: string): Promise<Imported> =>
  runImport(importMlperfPower, path, { zoneHours: 1 });

describe("a meter's log", () => {
  test("a line of another year has no place; a log behind another is refused with its line", async () => {
    const lines = Array.from({ length: 20 }, (_, s) => sample(s + 0.25));
    const far = sample(4e7);
    const spl = [...lines.slice(0, 10), far, ...lines.slice(10), far].join("\n") + "\n";
    const got = await importAt(capture({ spl }));
    expect(rowCount(got)).toBe(20);
    expect(lossCount(got)).toBe(2);
    await expect(
      importAt(capture({ spl: [...lines, ...lines].join("\n") + "\n" })),
    ).rejects.toThrow(/spl\.txt:21: the time goes back.*split/);
  });

  test("its own rate is taken, ten a second or one in two", async () => {
    for (const period of [0.1, 2]) {
      const spl = Array.from({ length: 20 }, (_, i) => sample(0.25 + i * period)).join("\n") + "\n";
      expect((await importAt(capture({ spl }))).rig!.device.rowHz).toBeCloseTo(1 / period, 6);
    }
  });

  test("watts alone will do, and a power factor of −1 is none", async () => {
    const of = (change: (line: string) => string): string =>
      Array.from({ length: 20 }, (_, s) => change(sample(s + 0.25))).join("\n") + "\n";
    const watts = await importAt(capture({ spl: of((l) => l.replace(/Volts.*Mark/, "Mark")) }));
    expect(rowCount(watts)).toBe(20);
    expect(watts.rig!.rails.map((r) => Object.keys(r))).toEqual([["name", "plausible", "power"]]);
    const factor = await importAt(capture({ spl: of((l) => l.replace("PF,0.97", "PF,-1.0")) }));
    expect(factor.notes.filter((n) => n.level !== "info")).toEqual([]);
  });

  test("rows carry their time and the numbers as printed", async () => {
    const got = await importAt(capture());
    const [layout] = got.layouts;
    expect(layout!.fields.map((f) => f.name)).toEqual(["watts", "volts", "amps", "pf"]);
    const bytes = rowBytes(got);
    expect(bytes.readBigUInt64LE(layout!.rowBytes)).toBe(T0 + 1_250_000_000n);
    expect([1, 2, 3, 4].map((k) => bytes.readDoubleLE(layout!.rowBytes + 8 * k))).toEqual([
      101.25, 230.1, 0.4536, 0.97,
    ]);
    expect(rowCount(got)).toBe(20);
    expect(got.blocks[0]!.hostBefore).toBe(T0 + 250_000_000n);
    expect(got.session).toMatchObject({ hostClock: "unix", hostEpoch: T0 + 250_000_000n });
    expect(got.notes).toEqual([]);
  });

  test("power_begin and power_end bound the load", async () => {
    expect((await importAt(capture())).marks).toEqual([
      { name: "load", phase: "begin", clock: "host", t: T0 + 3_000_000_000n },
      { name: "load", phase: "end", clock: "host", t: T0 + 15_000_000_000n },
    ]);
  });

  test("phases of a polyphase meter become columns of their own", async () => {
    const spl = `${sample(1)},Ch1,Watts,60,Volts,230\n${sample(2)},Ch1,Watts,61,Volts,231\n`;
    const [layout] = (await importAt(capture({ spl }))).layouts;
    expect(layout!.fields.map((f) => f.name)).toContain("ch1_watts");
  });

  test("the log itself may be named; its neighbour is found by the prefix", async () => {
    const dir = capture();
    writeFileSync(join(dir, "run_2-spl.txt"), sample(1) + "\n");
    await expect(importAt(dir)).rejects.toThrow(
      /several sample logs.*run_1-spl.txt, run_2-spl.txt/,
    );
    expect((await importAt(join(dir, "run_1-spl.txt"))).marks).toHaveLength(2);
  });
});

describe("damage is counted, and a gap left in its place", () => {
  const lines = (change: (l: string[]) => void): string => {
    const l = Array.from({ length: 10 }, (_, s) => sample(s));
    change(l);
    return l.join("\n") + "\n";
  };
  test.each([
    ["a NaN", lines((l) => (l[4] = sample(4, "nan"))), 9, [0, 5]],
    ["a step back in time", lines((l) => (l[4] = sample(2.5))), 9, [0, 5]],
    ["a malformed line", lines((l) => (l[4] = l[4]!.replace("Watts", "W\u0001tts"))), 9, [0]],
    ["a line cut short", lines((l) => (l[4] = l[4]!.slice(0, 50))), 9, [0]],
  ])("%s", async (_name, spl, rows, firsts) => {
    const got = await importAt(capture({ spl }));
    expect(rowCount(got)).toBe(rows);
    expect(lossCount(got)).toBe(1);
    expect(got.blocks.map((b) => b.firstIndex)).toEqual(firsts);
    expect(got.blocks.slice(1).every((b) => b.flags === BlockFlag.gapBefore)).toBe(true);
  });

  test.each([
    ["a digit of the watts", sample(4, 904)],
    ["a digit of the volts", sample(4).replace("230.1", "130.1")],
    ["a phase", `${sample(4)},Ch1,Watts,52,Ch2,Watts,92`],
  ])("%s that contradicts the rest of its line is a warning", async (_name, line) => {
    const phases = line.includes("Ch1");
    const spl = lines((l) => {
      if (phases)
        l.forEach((x, s) => (l[s] = `${x},Ch1,Watts,${50 + s / 2},Ch2,Watts,${50 + s / 2}`));
      l[4] = line;
    });
    const got = await importAt(capture({ spl }));
    expect(rowCount(got)).toBe(10);
    expect(got.notes.filter((n) => /contradict|whose watts/.test(n.text))).toMatchObject([
      { level: "warning", count: 1 },
    ]);
  });

  test("the last line of a cut file", async () => {
    const whole = lines(() => undefined);
    for (const length of [whole.length - 1, whole.length - 20, whole.length - 70]) {
      const got = await importAt(capture({ spl: whole.slice(0, length) }));
      expect(rowCount(got) + lossCount(got)).toBe(10);
    }
  });
});

describe("what is refused or warned of", () => {
  test.each([
    ["an empty log", "", /run_1-spl\.txt: empty file/],
    ["another text", "hello\nworld\n", /spl\.txt:1: not a sample line/],
    [
      "a foreign date",
      sample(1).replace(/Time,[^,]*/, "Time,2023-11-14 22:00:00"),
      /spl\.txt:1: bad time/,
    ],
    ["binary data", "Time\0", /NUL/],
  ])("%s", async (_name, spl, message) => {
    const failure = await importAt(capture({ spl })).catch((e: unknown) => e as Error);
    expect(failure).toMatchObject({ name: "InputError" });
    expect((failure as Error).message).toMatch(message);
  });

  test.each([
    ["no window", "", "0 power_begin and 0 power_end"],
    ["half a window", event("power_begin", 3), "1 power_begin and 0 power_end"],
    [
      "a window in another zone",
      `${event("power_begin", 3, 2)}\n${event("power_end", 9, 2)}`,
      "outside the meter's log",
    ],
  ])("%s is a warning", async (_name, detail, text) => {
    const got = await importAt(capture({ detail: detail + "\n" }));
    expect(got.notes).toEqual([
      { level: "warning", text: expect.stringContaining(text) as unknown },
    ]);
  });

  test("no detail log is a warning", async () => {
    const dir = capture();
    rmSync(join(dir, "run_1-mlperf_log_detail.txt"));
    const got = await importAt(dir);
    expect(got.notes).toHaveLength(1);
    expect(rowCount(got)).toBe(20);
  });
});

const real = trace("mlperf-inference");
(real ? describe : describe.skip)("real captures (TRUEJOULE_TRACES)", () => {
  test.each([
    ["v1.0-agx-xavier-maxq-bert99-singlestream", 625, 600, 18.36],
    ["v4.1-h200x8-maxq-bert99-offline", 735, 659, 5531.25],
  ])("%s: the published mean of the samples in the window", async (name, rows, inside, watts) => {
    const got = await importAt(join(real!, name));
    const rowBytesEach = got.layouts[0]!.rowBytes;
    const bytes = rowBytes(got);
    const [begin, end] = got.marks.map((m) => m.t);
    let n = 0;
    let sum = 0;
    for (let at = 0; at < bytes.length; at += rowBytesEach) {
      const t = bytes.readBigUInt64LE(at);
      if (t < begin! || t > end!) continue;
      n++;
      sum += bytes.readDoubleLE(at + 8);
    }
    expect(rowCount(got)).toBe(rows);
    expect(n).toBe(inside);
    expect(Math.abs(sum / n / watts - 1)).toBeLessThan(3e-4);
    expect(got.notes).toEqual([]);
  });
});
