import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importWav } from "../../../ingest/import/wav/wav.ts";
import { loadRig } from "../../../rigs/load.ts";
import { BlockFlag } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import {
  type Imported,
  lossCount,
  rowBytes,
  rowCount,
  runImport,
  scratch,
  sweep,
} from "./context.ts";

afterEach(sweep);

const chunk = (id: string, body: Buffer, size = body.length): Buffer => {
  const head = Buffer.alloc(8);
  head.write(id, "latin1");
  head.writeUInt32LE(size >>> 0, 4);
  return Buffer.concat([head, body, Buffer.alloc(body.length & 1)]);
};

interface Format {
  tag?: number;
  channels?: number;
  rate?: number;
  bits?: number;
  block?: number;
  extensible?: boolean;
}

function fmt({
  tag = 1,
  channels = 2,
  rate = 96_000,
  bits = 16,
  block = (channels * bits) / 8,
  extensible,
}: Format): Buffer {
  const b = Buffer.alloc(extensible ? 40 : 16);
  b.writeUInt16LE(extensible ? 0xfffe : tag, 0);
  b.writeUInt16LE(channels, 2);
  b.writeUInt32LE(rate, 4);
  b.writeUInt32LE(rate * block, 8);
  b.writeUInt16LE(block, 12);
  b.writeUInt16LE(bits, 14);
  if (extensible) b.writeUInt16LE(tag, 24);
  return chunk("fmt ", b);
}

const wave = (...chunks: Buffer[]): Buffer => {
  const body = Buffer.concat([Buffer.from("WAVE"), ...chunks]);
  return Buffer.concat([chunk("RIFF", body)]);
};

/** The example, written for 16 bits, with the end of another format's scale. */
async function rig(top = 32767): Promise<Rig> {
  const { rig } = await loadRig("rigs/example-sound-card.yaml");
  const clip = [-top, top] as const;
  const rails = rig.rails.map((rail) => ({
    ...rail,
    ...(rail.voltage ? { voltage: { ...rail.voltage, clip } } : {}),
    ...(rail.current ? { current: { ...rail.current, clip } } : {}),
  }));
  return { ...rig, rails };
}

async function importBytes(data: Buffer, given: Rig | undefined): Promise<Imported> {
  const path = join(scratch(), "scope.wav");
  writeFileSync(path, data);
  return runImport(importWav, path, given ? { rig: given } : {});
}

const ramp = (bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, (_, i) => (i * 31) & 255));

describe("samples", () => {
  test.each([
    [8, 1, "uint"],
    [16, 1, "int"],
    [24, 1, "int"],
    [32, 1, "int"],
  ])("%i-bit PCM stays as it is", async (bits, tag, kind) => {
    const data = ramp((2 * bits * 5000) / 8);
    const got = await importBytes(
      wave(fmt({ bits, tag }), chunk("LIST", ramp(7)), chunk("data", data)),
      await rig(bits === 8 ? 255 : 2 ** (bits - 1) - 1),
    );
    expect(rowBytes(got).equals(data)).toBe(true);
    expect(got.layouts[0]!.fields).toEqual([
      { name: "ch0", bitOffset: 0, bits, kind },
      { name: "ch1", bitOffset: bits, bits, kind },
    ]);
    expect(got.blocks.map((b) => b.firstIndex)).toEqual([0, 4096]);
    expect(got.rig!.device).toMatchObject({ rowHz: 96_000, clock: { hz: 96_000 } });
    expect(got.session).toMatchObject({ hostClock: "trace", hostEpoch: 0n, startUnix: null });
  });

  test.each([false, true])(
    "float, extensible header: %s; a NaN leaves a gap",
    async (extensible) => {
      const data = Buffer.alloc(8 * 100);
      for (let i = 0; i < 200; i++) data.writeFloatLE(Math.sin(i), 4 * i);
      data.writeFloatLE(NaN, 4 * 81);
      const got = await importBytes(
        wave(fmt({ tag: 3, bits: 32, extensible }), chunk("data", data)),
        await rig(1),
      );
      expect(got.blocks.map((b) => [b.firstIndex, b.rows, b.flags])).toEqual([
        [0, 40, 0],
        [41, 59, BlockFlag.gapBefore],
      ]);
      expect(lossCount(got)).toBe(1);
    },
  );

  test("a cut file loses what is missing, counted; a recorder's open end does not", async () => {
    const whole = wave(fmt({}), chunk("data", ramp(4000)));
    const cut = await importBytes(whole.subarray(0, whole.length - 1001), await rig());
    expect(rowCount(cut)).toBe(749);
    expect(lossCount(cut)).toBe(1001 + 3);
    const open = await importBytes(
      wave(fmt({}), chunk("data", ramp(4000), 0xffffffff)),
      await rig(),
    );
    expect(rowCount(open)).toBe(1000);
    expect(lossCount(open)).toBe(0);
  });

  test("RF64 takes its length from ds64", async () => {
    const ds64 = Buffer.alloc(28);
    ds64.writeBigUInt64LE(400n, 8);
    const data = wave(
      chunk("ds64", ds64),
      fmt({}),
      chunk("data", ramp(400), 0xffffffff),
      chunk("tail", ramp(20)),
    );
    data.write("RF64");
    expect(rowCount(await importBytes(data, await rig()))).toBe(100);
  });
});

describe("what is refused", () => {
  test.each([
    [8, 1],
    [24, 1],
    [32, 3],
  ])("samples of %i bits (format %i) under a rig for 16 bits", async (bits, tag) => {
    const data = wave(fmt({ bits, tag }), chunk("data", Buffer.alloc(960)));
    await expect(importBytes(data, await rig())).rejects.toThrow(
      /scope\.wav: samples of .* clips at 32767.*another format's|clips at 32767/,
    );
  });

  test("a file without a rig, and a rig with a channel too many", async () => {
    await expect(importBytes(wave(fmt({}), chunk("data", ramp(40))), undefined)).rejects.toThrow(
      /does not say how many volts.*--rig/,
    );
    await expect(
      importBytes(wave(fmt({ channels: 1 }), chunk("data", ramp(40))), await rig()),
    ).rejects.toThrow(/reads field ch1/);
  });

  test.each([
    ["nothing", Buffer.alloc(0), /empty/],
    ["text", Buffer.from("RIFFLES and other text"), /not a WAV file/],
    ["no data", wave(fmt({})), /no samples/],
    ["data first", wave(chunk("data", ramp(8)), fmt({})), /data before the format/],
    ["ADPCM", wave(fmt({ tag: 2, bits: 4 }), chunk("data", ramp(8))), /format not supported/],
    ["12 bits", wave(fmt({ bits: 12 }), chunk("data", ramp(8))), /format not supported/],
    ["no channels", wave(fmt({ channels: 0 }), chunk("data", ramp(8))), /contradicting/],
    ["a wrong block", wave(fmt({ block: 3 }), chunk("data", ramp(8))), /contradicting/],
    ["a short format", wave(chunk("fmt ", ramp(8)), chunk("data", ramp(8))), /too short/],
  ])("%s", async (_name, data, message) => {
    const failure = await importBytes(data, await rig()).catch((e: unknown) => e as Error);
    expect(failure).toMatchObject({ name: "InputError" });
    expect((failure as Error).message).toMatch(message);
  });
});
