import { describe, expect, test } from "@jest/globals";
import { decodeSensor } from "../../ingest/powersensor3/config.ts";
import { SetDecoder } from "../../ingest/powersensor3/sets.ts";
import { random } from "../../schema/random.ts";

const SET_BYTES = 18;

function encode(time: number, levels: readonly number[], marked = false): number[] {
  const word = (sensor: number, flag: boolean, level: number): number[] => [
    0x80 | (sensor << 4) | (level >> 6),
    (flag ? 0x40 : 0) | (level & 63),
  ];
  return [
    ...word(7, true, time),
    ...levels.flatMap((level, i) => word(i, marked && i === 0, level)),
  ];
}

interface Told {
  readonly words: number[];
  readonly marked: boolean;
  readonly damaged: boolean;
}

function decode(chunks: readonly Uint8Array[]): { told: Told[]; decoder: SetDecoder } {
  const told: Told[] = [];
  const decoder = new SetDecoder(
    (words, marked, damaged) => told.push({ words: [...words], marked, damaged }),
    50,
  );
  for (const chunk of chunks) decoder.push(chunk);
  return { told, decoder };
}

const r = random(11, "sets");
const SETS = Array.from({ length: 12 }, (_, k) => ({
  time: (50 * k + 900) % 1024,
  levels: Array.from({ length: 8 }, () => r.integer(1024)),
}));
const STREAM = Uint8Array.from(SETS.flatMap((s, k) => encode(s.time, s.levels, k === 5)));

describe("sets of a PowerSensor3", () => {
  test("split anywhere, every set is the same; the mark stays with its set; the last waits for the next", () => {
    const wanted = SETS.slice(0, -1).map((s, k) => ({
      words: [s.time, ...s.levels],
      marked: k === 5,
      damaged: false,
    }));
    for (let at = 0; at <= STREAM.length; at++) {
      const { told, decoder } = decode([STREAM.subarray(0, at), STREAM.subarray(at)]);
      expect(told).toEqual(wanted);
      expect(decoder.counts).toEqual({ bytesSkipped: 0, setsBroken: 0 });
    }
  });

  test("bytes lost anywhere, or foreign ones: no set that was not sent, and a gap that says so", () => {
    const sent = new Set(SETS.map((s) => [s.time, ...s.levels].join()));
    const check = (chunks: Uint8Array[], least: number): void => {
      const { told } = decode(chunks);
      expect(told.filter((s) => !sent.has(s.words.join()))).toEqual([]);
      expect(told.length).toBeGreaterThanOrEqual(least);
      expect(told.filter((s) => s.damaged)).toHaveLength(1);
    };
    for (let from = SET_BYTES + 1; from < 3 * SET_BYTES; from++) {
      for (let n = 1; n < 60; n++) check([STREAM.subarray(0, from), STREAM.subarray(from + n)], 4);
      const foreign = Uint8Array.from({ length: 7 }, () => r.integer(256));
      check([STREAM.subarray(0, from), foreign, STREAM.subarray(from)], 7);
    }
  });

  test("any bytes: no throw, whole sets only, nothing kept but a set", () => {
    const { told, decoder } = decode(
      Array.from({ length: 2000 }, () =>
        Uint8Array.from({ length: r.integer(300) }, () => r.integer(256)),
      ),
    );
    expect(decoder.counts.bytesSkipped).toBeGreaterThan(100_000);
    for (const { words } of told) expect(words.every((w) => w >= 0 && w < 1024)).toBe(true);
    decoder.push(STREAM);
    expect(told.slice(-SETS.length + 2).map((s) => s.words[0])).toEqual(
      SETS.slice(1, -1).map((s) => s.time),
    );
  });
});

test("a sensor's record: 41 bytes, packed", () => {
  const bytes = Buffer.alloc(41);
  bytes.write("MLX20", 0);
  bytes.write("PCIE 12V", 16);
  bytes.writeFloatLE(1.65, 32);
  bytes.writeFloatLE(-0.0625, 36);
  bytes[40] = 1;
  expect(decodeSensor(bytes)).toEqual({
    type: "MLX20",
    pair: "PCIE 12V",
    vrefV: Math.fround(1.65),
    sensitivity: -0.0625,
    inUse: true,
  });
  expect(decodeSensor(bytes.subarray(1))).toBeNull();
  bytes.writeFloatLE(NaN, 36);
  expect(decodeSensor(bytes)).toBeNull();
});
