// A PPK2's bytes, its metadata and its handshake; what its codes mean, from the layout to amperes.

import { describe, expect, test } from "@jest/globals";
import { Calibrator } from "../../align/rows/calibrate.ts";
import { RowFlag } from "../../align/rows/row-flags.ts";
import { decodeLayout } from "../../capture/wire.ts";
import { type MemoryPort, memoryPort } from "../../ingest/ports/memory-port.ts";
import { probePpk2 } from "../../ingest/instruments/ppk2/handshake.ts";
import {
  autoRange,
  calibrationNotes,
  parseMetadata,
} from "../../ingest/instruments/ppk2/metadata.ts";
import { startPpk2 } from "../../ingest/instruments/ppk2/source.ts";
import { WordDecoder } from "../../ingest/instruments/ppk2/words.ts";
import { builtInRig } from "../../rigs/load.ts";
import { random } from "../../stats/random.ts";
import { rangedValue, type RowLayout, type SampleBlock } from "../../schema/records.ts";
import { Collector } from "./collect.ts";

const r = random(31, "ppk2");

const wordOf = (count: number, range: number, counter: number, logic = 0): number =>
  (count | (range << 14) | ((counter & 63) << 18) | (logic << 24)) >>> 0;

function bytesOf(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * words.length);
  words.forEach((word, k) => bytes.writeUInt32LE(word, 4 * k));
  return bytes;
}

/** A load near a boundary of ranges, and logic inputs that move. */
const SENT = Array.from({ length: 200 }, (_, k) => {
  const coarse = r.uniform() < 0.5;
  return wordOf(r.integer(coarse ? 200 : 16_384), coarse ? 4 : 3, k + 50, r.integer(256));
});
const STREAM = bytesOf(SENT);

function decode(chunks: readonly Uint8Array[]) {
  const told: number[] = [];
  const damaged: number[] = [];
  let wrong = 0; // expect() in here would take longer than all the rest
  const decoder = new WordDecoder((word, counter, isDamaged) => {
    if (counter !== ((word >>> 18) & 63)) wrong++;
    if (isDamaged) damaged.push(told.length);
    told.push(word);
  });
  for (const chunk of chunks) decoder.push(chunk);
  expect(wrong).toBe(0);
  return { told, damaged, counts: decoder.counts, decoder };
}

describe("samples of a PPK2", () => {
  test("split anywhere, every sample is the same; the last three wait for the next", () => {
    for (let at = 0; at <= STREAM.length; at += 5) {
      const { told, damaged, counts } = decode([STREAM.subarray(0, at), STREAM.subarray(at)]);
      expect(told).toEqual(SENT.slice(0, -3));
      expect([damaged, counts.bytesSkipped]).toEqual([[], 0]);
    }
    expect(decode([...STREAM].map((b) => Uint8Array.of(b))).told).toEqual(SENT.slice(0, -3));
    const changes = SENT.slice(1, -3).filter((w, k) => ((w ^ SENT[k]!) >>> 14) & 7).length;
    expect(decode([STREAM]).counts.rangeChanges).toBe(changes);
  });

  test("bytes lost, or foreign ones, anywhere: no sample that was not sent, in step again, told", () => {
    const sent = new Set(SENT);
    const check = (chunks: Uint8Array[], bytes: number): void => {
      const { told, damaged, counts } = decode(chunks);
      expect(told.filter((w) => !sent.has(w))).toEqual([]);
      expect(told.at(-1)).toBe(SENT[196]);
      expect(damaged).toHaveLength(1);
      expect(4 * (told.length + 3) + counts.bytesSkipped).toBe(bytes);
      expect(told.length).toBeGreaterThan(196 - 30);
    };
    for (let from = 160; from < 172; from++)
      for (const n of [1, 2, 3, 4, 5, 8, 17, 64]) {
        const [head, tail] = [STREAM.subarray(0, from), STREAM.subarray(from)];
        check([head, tail.subarray(n)], STREAM.length - n);
        check(
          [head, Uint8Array.from({ length: n }, () => r.integer(256)), tail],
          STREAM.length + n,
        );
      }
  });

  test("any bytes: no throw, hardly a sample, and in step when samples come", () => {
    const noise = Uint8Array.from({ length: 200_000 }, () => r.integer(256));
    const { told, decoder } = decode([noise]);
    expect(told.length).toBeLessThan(10);
    decoder.push(STREAM);
    expect(told.at(-1)).toBe(SENT[196]);
  });
});

const figures = (name: string, values: readonly (number | string)[]): string[] =>
  values.map((value, k) => `${name}${k}: ${value}`);
/** As a calibrated unit has them; names in either case. */
const METADATA = [
  "Calibrated: 1",
  ...figures("R", [1003.5, 101.6, 10.2, 0.944, 0.0431]),
  ...figures("GS", [0, 112.8, 18, 2.42, 0.073]),
  ...figures("GI", [1, 0.97, 0.961, 0.952, 0.958]),
  ...figures("O", [113, 75.5, 64.2, 50, 87]),
  ...figures("S", [5e-8, 6e-7, 5e-6, 6e-5, 2e-4]),
  ...figures("I", [-1e-7, -1e-6, -1.6e-5, -1.3e-4, -1.8e-3]),
  ...figures("ug", [1, 1.002, 0.998, 1.004, 0.993]),
  ...["VDD: 3300", "HW: 9173", "mode: 1", "IA: 59", "END", ""],
].join("\n");

describe("metadata", () => {
  test("what a code means is the maker's sum, in each range", () => {
    const device = parseMetadata(METADATA)!;
    expect(device).toMatchObject({ calibrated: true, hardware: "9173", vddV: 3.3, defaults: [] });
    expect(calibrationNotes(device)).toEqual([]);
    const meaning = autoRange(device, 3.3);
    device.ranges.forEach((k, range) => {
      for (const count of [0, 1, 200, 5000, 16_383]) {
        const x = ((4 * count - k.o) * (1.8 / 163_840)) / k.r;
        const amperes = k.ug * (x * (k.gs * x + k.gi) + k.s * 3.3 + k.i);
        const code = count | (range << 14);
        expect(rangedValue(meaning, code)).toBeCloseTo(amperes, 12);
      }
    });
    expect(rangedValue(meaning, 5 << 14)).toBeNaN();
  });

  test("a figure that is no number leaves the default, and is told", () => {
    const device = parseMetadata(
      METADATA.replace("GS0: 0", "GS0: -nan").replace("R4: 0.0431", "R4: 0"),
    )!;
    expect(device.defaults).toEqual(["GS0", "R4"]);
    expect([device.ranges[0]!.gs, device.ranges[4]!.r]).toEqual([1, 0.043]);
    expect(calibrationNotes(device)[0]!.text).toMatch(/uncalibrated.*GS0, R4/);
    const bare = parseMetadata(METADATA.replace(/: [-\d.e]+$/gm, ": -nan"))!;
    expect(bare.defaults).toHaveLength(35);
    expect(calibrationNotes(bare)[0]!.text).toMatch(/no calibration of its own/);
    expect(calibrationNotes({ ...device, calibrated: false })[0]!.text).toMatch(/is uncalibrated/);
  });

  test("a gain of zero is the default, as to the maker's program; a square term of zero is one", () => {
    const device = parseMetadata(
      METADATA.replace("GI4: 0.958", "GI4: 0").replace("ug3: 1.004", "ug3: 0"),
    )!;
    expect(device.defaults).toEqual(["UG3", "GI4"]);
    expect([device.ranges[4]!.gi, device.ranges[3]!.ug, device.ranges[0]!.gs]).toEqual([1, 1, 0]);
  });

  test("a user gain beyond 0.9 to 1.1: all five are 1, and it is told", () => {
    const device = parseMetadata(METADATA.replace("ug3: 1.004", "ug3: 1.2"))!;
    expect(device.ranges.map((k) => k.ug)).toEqual([1, 1, 1, 1, 1]);
    expect(calibrationNotes(device)[0]!.text).toMatch(/user gain .* all are taken as 1/);
  });

  test("as a unit was seen to print it: 20 decimals, another order, uncalibrated with all its figures", () => {
    const lines = METADATA.split("\n").slice(1, -6).reverse();
    const printed = lines.map((line) => {
      const [name, value] = line.split(": ");
      return `${name}: ${Number(value).toFixed(20)}`;
    });
    const text = [
      "Calibrated: 0",
      "VDD: 3700",
      "HW: 49625",
      "mode: 2",
      ...printed,
      "IA: 59.0",
      "END",
    ];
    const device = parseMetadata(text.join("\n"))!;
    expect(device).toMatchObject({ calibrated: false, hardware: "49625", mode: 2, vddV: 3.7 });
    expect(device.ranges).toEqual(parseMetadata(METADATA)!.ranges);
    expect(device.defaults).toEqual([]);
  });

  test("cut short, or somebody else's, it is none", () => {
    for (const text of ["", "END", "R0: 1\nEND", METADATA.replace("END", ""), METADATA.slice(300)])
      expect(parseMetadata(text)).toBeNull();
  });
});

/** A PPK2 that answers at once; what it was told. */
function scripted(answer: string | null, streaming = false): { port: MemoryPort; told: number[] } {
  const port = memoryPort("ppk2");
  const told: number[] = [];
  let timer: NodeJS.Timeout | undefined;
  if (streaming) timer = setInterval(() => port.feed(STREAM, null, null), 5);
  port.onWrite = (bytes) => {
    told.push(...bytes);
    if (bytes[0] === 0x07) clearInterval(timer);
    if (bytes[0] === 0x19 && answer !== null)
      for (const part of [answer.slice(0, 100), answer.slice(100)])
        port.feed(Buffer.from(part, "latin1"), null, null);
  };
  return { port, told };
}

describe("handshake", () => {
  test("a stream that somebody left running is stopped and drained first", async () => {
    const { port, told } = scripted(METADATA, true);
    expect((await probePpk2(port.open)).hardware).toBe("9173");
    expect(told).toEqual([0x07, 0x19]);
  });

  test.each([
    ["nobody", null, /no PPK2 answers \(silence\); .*other port/],
    ["text that breaks off", METADATA.slice(0, 200), /no PPK2 answers .* without END/],
    ["a stranger", "hello\nEND\n", /no PPK2 answers \("hello\\nEND\\n" for metadata\)/],
  ])("%s: one line with a remedy", async (_, answer, message) => {
    await expect(probePpk2(scripted(answer).port.open)).rejects.toThrow(message);
  });
});

describe("a PPK2 in a rig", () => {
  const ppk2Rig = async () => (await builtInRig("example-ppk2")).rig;

  test("as ampere meter VIN is joined to VOUT, at the regulator's own setting, and nothing is cut at the end", async () => {
    const { port, told } = scripted(METADATA);
    const sink = new Collector();
    const source = await startPpk2(port.open, await ppk2Rig(), sink);
    port.feed(STREAM, null, null);
    await source.stop();
    const before = [0x11, 1, 0x0d, 0x0c, 0xe4, 0x0c, 1];
    expect(told).toEqual([0x07, 0x19, 0x07, 0x19, ...before, 0x06, 0x07]);
    expect(sink.notes[0]!.text).toBe("the PPK2 joins VIN to VOUT until the end");
    // The words are in the log as they came.
    expect(Buffer.concat(sink.blocks.map((b) => b.bytes))).toEqual(STREAM.subarray(0, -12));
    expect(JSON.parse(source.device!)).toMatchObject({ model: "Nordic PPK2", feeds_v: null });
  });

  test.each([
    ["switched off for the change of mode", "mode: 1", [0x0c, 0]],
    ["left on where it is one already", "mode: 2", []],
  ])(
    "as source meter it feeds what the rig says, from the start to the end; %s",
    async (_, mode, first) => {
      const rig = await ppk2Rig();
      const { port, told } = scripted(METADATA.replace("mode: 1", mode));
      const feeding = { ...rig, device: { ...rig.device, feedsV: 3.3 } };
      const sink = new Collector();
      await (await startPpk2(port.open, feeding, sink)).stop();
      expect(sink.notes.map((n) => n.text)).toEqual([
        "the PPK2 feeds the rail, 3.3 V, until the end",
      ]);
      const feed = [0x0d, 0x0c, 0xe4, 0x11, 2, 0x0c, 1];
      expect(told.slice(4)).toEqual([...first, ...feed, 0x06, 0x07, 0x0c, 0]);
    },
  );

  test("what its layout says survives the log; amperes come of it, clipped where they must be", async () => {
    const rig = await ppk2Rig();
    const sink = new Collector();
    const source = await startPpk2(scripted(METADATA).port.open, rig, sink);
    await source.stop();
    const layout = decodeLayout(Buffer.from(JSON.stringify(sink.layouts[0])));
    expect(layout).toEqual(sink.layouts[0]);
    const words = [wordOf(300, 3, 0), wordOf(900, 4, 1), wordOf(1200, 4, 2), wordOf(5, 6, 3)];
    const flags = new Uint8Array(4);
    const { rails } = calibrated(layout, rig, bytesOf(words), flags);
    const meaning = autoRange(parseMetadata(METADATA)!, 3.3);
    const wanted = words.map((w) => rangedValue(meaning, w & 0x1ffff));
    expect([...rails[0]!.currentA!.subarray(0, 3)]).toEqual(wanted.slice(0, 3));
    expect(rails[0]!.powerW[0]).toBeCloseTo(3.3 * wanted[0]!, 12);
    expect(wanted[1]).toBeLessThan(1);
    expect([...flags].map((f) => f & RowFlag.clipped)).toEqual([0, 0, 2, 2]);
    expect(rails[0]!.currentA![3]).toBeNaN();
  });

  function calibrated(
    layout: RowLayout,
    rig: Parameters<typeof startPpk2>[1],
    bytes: Buffer,
    flags: Uint8Array,
  ) {
    const calibrator = new Calibrator(layout, rig, 4);
    expect(calibrator.alwaysNumbers).toBe(false);
    const block: SampleBlock = {
      ...{ stream: layout.stream, firstIndex: 0, deviceTick: null, flags: 0 },
      ...{ hostBefore: null, hostAfter: null, rows: 4, bytes },
    };
    calibrator.read(block, flags);
    return calibrator;
  }

  test("a layout whose ranges are none is refused", () => {
    const field = { name: "a", bitOffset: 0, bits: 17, kind: "uint" };
    const of = (autoRange: object, more = {}): Buffer =>
      Buffer.from(
        JSON.stringify({ stream: "s", rowBytes: 4, fields: [{ ...field, ...more, autoRange }] }),
      );
    const good = { countBits: 14, ranges: [[0, 1, 0]] };
    expect(decodeLayout(of(good)).fields[0]).toMatchObject({ autoRange: good });
    for (const bad of [
      of({}),
      of({ countBits: 14, ranges: [] }),
      of({ countBits: 14, ranges: [[0, 1]] }),
      of({ countBits: 14, ranges: [[0, null, 1]] }),
      of({ countBits: 18, ranges: [[0, 1, 0]] }),
      of(good, { kind: "int" }),
      of(good, { bits: 24 }),
    ])
      expect(() => decodeLayout(bad)).toThrow();
  });

  test("a rig that takes the current for counts, or another rate, is refused", async () => {
    const rig = await ppk2Rig();
    const start = (changed: typeof rig) =>
      startPpk2(scripted(METADATA).port.open, changed, new Collector());
    const counts = { ...rig.rails[0]!.current!, perCount: 0.001 };
    await expect(start({ ...rig, rails: [{ ...rig.rails[0]!, current: counts }] })).rejects.toThrow(
      /is in amperes.*per_count: "1 A"/,
    );
    const slow = { ...rig.device, rowHz: 1000 };
    await expect(start({ ...rig, device: slow })).rejects.toThrow(/100,000 samples a second/);
  });
});
