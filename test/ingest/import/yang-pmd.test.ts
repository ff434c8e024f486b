import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importYangPmd } from "../../../ingest/import/yang/yang-pmd.ts";
import { BlockFlag } from "../../../schema/records.ts";
import {
  lossCount,
  random,
  rowBytes,
  rowCount,
  runImport,
  scratch,
  sweep,
  trace,
} from "./context.ts";

afterEach(sweep);

const START_US = 1_700_000_000_000_000n;

interface Bench {
  frames?: number;
  /** Ticks between frames; jitter of ± 1 % and a stall of +60 % in every 22nd frame are added. */
  step?: number;
  /** Volts of the four inputs. */
  volts?: number[];
  seed?: number;
}

/** Frames of a bench that never existed: other steps, other voltages, other loads than any real capture. */
function frames({
  frames = 3000,
  step = 500,
  volts = [12.3, 11.9, 0, 12.1],
  seed = 1,
}: Bench = {}): Buffer {
  const next = random(seed);
  const out = Buffer.alloc(frames * 18);
  let tick = Math.floor(next() * 65536);
  for (let i = 0; i < frames; i++) {
    out.writeUInt16LE(tick, i * 18);
    for (let k = 0; k < 4; k++) {
      const v = Math.round(volts[k]! / 0.007568 + 4 * next() - 2);
      const a = Math.round((i % 400 < 200 ? 20 : 150) + 10 * next() - 12);
      out.writeInt16LE(v << 4, i * 18 + 2 + 4 * k);
      out.writeInt16LE(a << 4, i * 18 + 4 + 4 * k);
    }
    tick = (tick + Math.round(step * (0.99 + 0.02 * next() + (i % 22 === 5 ? 0.6 : 0)))) & 0xffff;
  }
  return out;
}

/** A whole capture folder; `change` spoils it. */
function capture(bin: Buffer, change: (dir: string) => void = () => undefined): string {
  const dir = join(scratch(), "card");
  mkdirSync(dir);
  writeFileSync(join(dir, "PMD_data.bin"), bin);
  writeFileSync(join(dir, "PMD_start_ts.txt"), `${START_US}\n`);
  const stamps = [10n, 10n, 60n, 110n, 110n, 160n, 160n, 300n].map((ms) => START_US + ms * 1000n);
  writeFileSync(join(dir, "timestamps.csv"), `timestamp\n${stamps.join("\n")}\n`);
  writeFileSync(
    join(dir, "gpudata.csv"),
    "timestamp, utilization.gpu [%], pstate, temperature.gpu, clocks.current.sm [MHz], power.draw.instant [W], name\n" +
      "2023/11/14 23:13:20.005, 17, P2, 54, 1800, 126.80, Some Card\n" +
      "2023/11/14 23:13:20.105, 98, P0, 55, 1815, [N/A], Some Card\n",
  );
  change(dir);
  return dir;
}

const importAt = (dir: string) => runImport(importYangPmd, dir, { zoneHours: 1 });

describe("a whole capture", () => {
  test("stores the frames byte for byte, timed by the start stamp alone", async () => {
    const bin = frames({ frames: 9000 });
    const got = await importAt(capture(bin));
    expect(rowBytes(got).equals(bin)).toBe(true);
    expect(got.blocks.map((b) => [b.firstIndex, b.rows])).toEqual([
      [0, 4096],
      [4096, 4096],
      [8192, 808],
    ]);
    expect(got.blocks.map((b) => b.hostBefore)).toEqual([START_US * 1000n, null, null]);
    expect(got.blocks.every((b) => b.flags === 0)).toBe(true);
    expect(got.notes.filter((n) => n.level !== "info")).toEqual([]);
    expect(got.session).toMatchObject({ hostClock: "unix", startUnix: START_US * 1000n });
    expect(got.origins).toHaveLength(4);
  });

  test("declares fields that decode to what the bench put in", async () => {
    const bin = frames();
    const [layout] = (await importAt(capture(bin))).layouts;
    expect(layout!.tick).toEqual({ name: "tick", bitOffset: 0, bits: 16, kind: "uint" });
    const at = (name: string): number => layout!.fields.find((f) => f.name === name)!.bitOffset;
    const count = (bit: number): number => bin.readInt16LE((bit - 4) / 8) >> 4;
    expect(count(at("pcie1_v")) * 0.007568).toBeCloseTo(12.3, 1);
    expect(count(at("eps1_v")) * 0.007568).toBeCloseTo(0, 1);
    expect(count(at("eps2_i"))).toBe(bin.readInt16LE(16) >> 4);
  });

  test("the frames' own pace is the rate of rows, whatever the rig's", async () => {
    const { rig } = await importAt(capture(frames({ step: 2900 })));
    expect(rig!.device.rowHz / (2.9345e6 / 2900)).toBeCloseTo(1, 1);
  });

  test("pairs the load stamps and keeps the end of the recording apart", async () => {
    const { marks } = await importAt(capture(frames()));
    expect(marks.map((m) => [m.name, m.phase, Number(m.t / 1000n - START_US) / 1000])).toEqual([
      ["load", "begin", 10],
      ["load", "end", 60],
      ["load", "begin", 110],
      ["load", "end", 160],
      ["recording_end", "instant", 300],
    ]);
  });

  test("turns nvidia-smi columns into SI and a missing value into a failed read", async () => {
    const { channels, reads } = await importAt(capture(frames()));
    expect(channels.map((c) => `${c.name} ${c.unit}`)).toEqual([
      "nvidia_smi.utilization_gpu 1",
      "nvidia_smi.pstate 1",
      "nvidia_smi.temperature_gpu degC",
      "nvidia_smi.clocks_current_sm Hz",
      "nvidia_smi.power_draw_instant W",
    ]);
    expect(reads.slice(0, 5).map((r) => r.value)).toEqual([0.17, 2, 54, 1.8e9, 126.8]);
    expect(reads[0]!.before).toBe((START_US + 5000n) * 1000n);
    expect(reads[9]).toMatchObject({ value: NaN, code: 3 });
  });

  test("starts the session at the load where that comes before the stream", async () => {
    const early = START_US - 700_000n;
    const got = await importAt(
      capture(frames(), (d) =>
        writeFileSync(join(d, "timestamps.csv"), `${early}\n${START_US}\n${START_US + 9n}\n`),
      ),
    );
    expect(got.session.hostEpoch).toBe(early * 1000n);
  });
});

describe("a load stamp that is missing", () => {
  /** 12 loads of `on` ms with `off` ms between, jitter of 10 %, and the end 300 ms after the last. */
  function stampsOf(on: number, off: number, seed = 5): bigint[] {
    const next = random(seed);
    const out: bigint[] = [];
    let t = 10;
    for (let i = 0; i < 24; i++) {
      out.push(START_US + BigInt(Math.round(t * 1000)));
      t += (i % 2 === 0 ? on : off) * (0.95 + 0.1 * next());
    }
    return [...out, out.at(-1)! + 300_000n];
  }
  const marksOf = async (stamps: readonly bigint[]) => {
    const got = await importAt(
      capture(frames(), (d) => writeFileSync(join(d, "timestamps.csv"), stamps.join("\n") + "\n")),
    );
    const texts = got.notes.filter((n) => /distinct stamps/.test(n.text)).map((n) => n.text);
    return { marks: got.marks.map((m) => [m.phase, m.t / 1000n]), texts };
  };
  const truth = (stamps: readonly bigint[]): unknown[] =>
    stamps.map((t, i) => [i === 24 ? "instant" : i % 2 === 0 ? "begin" : "end", t]);

  test.each([
    [1, "off", 50, 50],
    [2, "on", 50, 50],
    [11, "off", 80, 40],
    [12, "on", 40, 80],
    [21, "off", 50, 50],
    [22, "on", 50, 50],
  ])("stamp %i, an %s: all others are what they were", async (gone, kind, on, off) => {
    const stamps = stampsOf(on, off, gone);
    const { marks, texts } = await marksOf(stamps.filter((_, i) => i !== gone));
    expect(marks).toEqual(truth(stamps).filter((_, i) => i !== gone));
    expect(texts).toEqual([expect.stringContaining(`the ${kind} between`)]);
  });

  test("a pattern that does not tell which is not guessed at", async () => {
    const even = stampsOf(50, 50);
    const slow = stampsOf(500, 50);
    const next = random(9);
    let t = START_US;
    const irregular = Array.from(
      { length: 24 },
      () => (t += BigInt(Math.round(2e4 + 2e5 * next()))),
    );
    const without = (stamps: bigint[], gone: number) => stamps.filter((_, i) => i !== gone);
    for (const s of [without(even, 0), without(even, 24), without(slow, 11), irregular]) {
      const { marks, texts } = await marksOf(s);
      expect(texts).toEqual([expect.stringContaining("does not tell which")]);
      expect(marks.map(([phase]) => phase)).toEqual(
        s.map((_, i) => (i === 23 ? "instant" : i % 2 === 0 ? "begin" : "end")),
      );
    }
  });
});

describe("damaged frames", () => {
  test("a cut file loses its trailing part of a frame, counted", async () => {
    const bin = frames();
    const got = await importAt(capture(bin.subarray(0, bin.length - 7)));
    expect(rowCount(got)).toBe(2999);
    expect(lossCount(got)).toBe(11);
  });

  test.each(Array.from({ length: 17 }, (_, i) => i + 1))(
    "%i bytes lost in the middle cost at most three frames, and the rest is unharmed",
    async (cut) => {
      const bin = frames({ seed: cut });
      const at = 1500 * 18 + ((cut * 7) % 18);
      const got = await importAt(
        capture(Buffer.concat([bin.subarray(0, at), bin.subarray(at + cut)])),
      );
      const rows = rowCount(got);
      expect(rows).toBeGreaterThanOrEqual(2997);
      expect(rows).toBeLessThan(3000);
      // What is kept is whole original frames: everything before, everything after.
      const before = rowBytes(got).subarray(0, got.blocks[0]!.rows * 18);
      const after = rowBytes(got).subarray(before.length);
      expect(bin.subarray(0, before.length).equals(before)).toBe(true);
      expect(bin.subarray(bin.length - after.length).equals(after)).toBe(true);
      expect(got.blocks[1]!.flags).toBe(BlockFlag.gapBefore);
      // The index counts the frames that are gone, so time by index stays right too.
      const off = got.blocks[1]!.firstIndex - (3000 - after.length / 18);
      expect(Math.abs(off)).toBeLessThanOrEqual(1);
      expect(lossCount(got)).toBeGreaterThan(0);
    },
  );

  test("whole frames missing show as a gap in index and note", async () => {
    const bin = frames();
    const got = await importAt(
      capture(Buffer.concat([bin.subarray(0, 18000), bin.subarray(18000 + 40 * 18)])),
    );
    expect(rowCount(got)).toBe(2960);
    expect(got.blocks.at(-1)!.flags).toBe(BlockFlag.gapBefore);
    const jump = got.blocks.at(-1)!.firstIndex - 1000;
    expect(Math.abs(jump - 40)).toBeLessThanOrEqual(1);
    expect(lossCount(got)).toBe(jump);
  });

  test("a flipped high bit of one tick costs that frame alone", async () => {
    const bin = frames();
    bin[900 * 18 + 1]! ^= 0x80;
    const got = await importAt(capture(bin));
    expect(rowCount(got)).toBe(2999);
    expect(got.blocks.map((b) => [b.firstIndex, b.flags])).toEqual([
      [0, 0],
      [901, BlockFlag.gapBefore],
    ]);
  });

  test("a flipped bit of a voltage is kept as evidence and told", async () => {
    const bin = frames();
    bin[900 * 18 + 3]! ^= 0x40;
    const got = await importAt(capture(bin));
    expect(rowBytes(got).equals(bin)).toBe(true);
    const told = got.notes.filter((n) => n.level !== "info");
    expect(told).toEqual([expect.objectContaining({ level: "warning", count: 1 })]);
  });

  test("a file that begins inside a frame is found, and the lost bytes counted", async () => {
    const bin = frames();
    const got = await importAt(capture(bin.subarray(5)));
    expect(rowBytes(got).equals(bin.subarray(18))).toBe(true);
    expect(lossCount(got)).toBe(13);
  });

  test("any flipped byte anywhere: no throw, no frame that was not in the stream, bar the flipped one", async () => {
    const bin = frames({ frames: 400 });
    const next = random(7);
    for (let trial = 0; trial < 25; trial++) {
      const at = Math.floor(next() * bin.length);
      const spoiled = Buffer.from(bin);
      spoiled[at]! ^= 1 << Math.floor(next() * 8);
      const got = await importAt(capture(spoiled));
      expect(rowCount(got)).toBeGreaterThanOrEqual(399);
      for (const b of got.blocks)
        expect(
          spoiled.subarray(b.firstIndex * 18, (b.firstIndex + b.rows) * 18).equals(b.bytes),
        ).toBe(true);
    }
  });
});

describe("what is refused, in one line that names the file", () => {
  const refused: [string, (dir: string) => void, RegExp][] = [
    [
      "empty frames",
      (d) => writeFileSync(join(d, "PMD_data.bin"), ""),
      /PMD_data\.bin: empty file/,
    ],
    [
      "text as frames",
      (d) => writeFileSync(join(d, "PMD_data.bin"), "the quick brown fox\n".repeat(3000)),
      /PMD_data\.bin: not PMD-USB frames/,
    ],
    [
      "noise as frames",
      (d) => {
        const next = random(3);
        writeFileSync(
          join(d, "PMD_data.bin"),
          Buffer.from(Array.from({ length: 40000 }, () => next() * 256)),
        );
      },
      /not PMD-USB frames/,
    ],
    [
      "zeros as frames",
      (d) => writeFileSync(join(d, "PMD_data.bin"), Buffer.alloc(36000)),
      /not PMD-USB/,
    ],
    ["no frames", (d) => rmSync(join(d, "PMD_data.bin")), /PMD_data\.bin: no such file/],
    [
      "a start that is no number",
      (d) => writeFileSync(join(d, "PMD_start_ts.txt"), "soon"),
      /microseconds.*soon/,
    ],
    [
      "a start in seconds",
      (d) => writeFileSync(join(d, "PMD_start_ts.txt"), "1700000000"),
      /microseconds/,
    ],
    [
      "load stamps that go back",
      (d) => writeFileSync(join(d, "timestamps.csv"), `timestamp\n${START_US + 5n}\n${START_US}\n`),
      /timestamps\.csv:3: .*back in time/,
    ],
    [
      "a load stamp that is no number",
      (d) => writeFileSync(join(d, "timestamps.csv"), `timestamp\n${START_US}\nnan\n`),
      /timestamps\.csv:3: .*nan/,
    ],
    [
      "telemetry without stamps",
      (d) => writeFileSync(join(d, "gpudata.csv"), "power.draw [W]\n5\n"),
      /gpudata\.csv:1/,
    ],
    [
      "telemetry with a foreign date",
      (d) =>
        writeFileSync(join(d, "gpudata.csv"), "timestamp, power.draw [W]\n14.11.2023 22:13, 5\n"),
      /gpudata\.csv:2: bad time/,
    ],
  ];
  test.each(refused)("%s", async (_name, change, message) => {
    const failure = await importAt(capture(frames(), change)).then(
      () => undefined,
      (e: unknown) => e as Error,
    );
    expect(failure).toMatchObject({ name: "InputError" });
    expect(failure!.message).toMatch(message);
    expect(failure!.message).not.toContain("\n");
  });
});

describe("what is imported with a warning", () => {
  const warned: [string, (dir: string) => void, RegExp][] = [
    ["no telemetry file", (d) => rmSync(join(d, "gpudata.csv")), /no telemetry/],
    ["no load stamps", (d) => rmSync(join(d, "timestamps.csv")), /no load marks/],
    [
      "a wrong zone",
      (d) => {
        const path = join(d, "gpudata.csv");
        writeFileSync(path, readFileSync(path, "utf8").replaceAll(" 23:", " 22:"));
      },
      /begins -1\.00 h off: wrong --tz/,
    ],
    [
      "telemetry that goes back",
      (d) =>
        writeFileSync(
          join(d, "gpudata.csv"),
          "timestamp, power.draw [W]\n2023/11/14 23:13:20.105, 5\n2023/11/14 23:13:20.005, 5\n",
        ),
      /go back in time/,
    ],
    [
      "a load that never ends",
      (d) => writeFileSync(join(d, "timestamps.csv"), `${START_US}\n${START_US + 9n}\n`),
      /one is missing/,
    ],
  ];
  test.each(warned)("%s", async (_name, change, message) => {
    const got = await importAt(capture(frames(), change));
    const texts = got.notes.filter((n) => n.level === "warning").map((n) => n.text);
    expect(texts).toEqual([expect.stringMatching(message)]);
    expect(rowCount(got)).toBe(3000);
  });

  test("a telemetry line cut short is a counted loss", async () => {
    const got = await importAt(
      capture(frames(), (d) =>
        writeFileSync(
          join(d, "gpudata.csv"),
          "timestamp, power.draw [W]\n2023/11/14 23:13:20.005, 126.80\n2023/11/14 23:13:20.105, 12",
        ),
      ),
    );
    expect(got.reads.map((r) => r.value)).toEqual([126.8]);
    expect(lossCount(got)).toBe(1);
  });
});

const real = trace("yang-pmd");
(real ? describe : describe.skip)("real captures (TRUEJOULE_TRACES)", () => {
  test.each([
    ["5050/3090", 47_940, 160, 3],
    ["Transient_Response/3090_TR", 66_852, 2, 3],
    ["Transient_Response/4090_TR", 67_085, 2, 1],
  ])("%s", async (name, rows, loads, powers) => {
    const got = await importAt(join(real!, name));
    expect(rowCount(got)).toBe(rows);
    expect(rowBytes(got).equals(readFileSync(join(real!, name, "PMD_data.bin")))).toBe(true);
    expect(got.marks.filter((m) => m.name === "load")).toHaveLength(loads);
    expect(got.channels.filter((c) => c.quantity === "power")).toHaveLength(powers);
    expect(got.notes.filter((n) => n.level !== "info")).toEqual([]);
  });
});
