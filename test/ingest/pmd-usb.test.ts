import { describe, expect, test } from "@jest/globals";
import { memoryPort } from "../../ingest/ports/memory-port.ts";
import { configNotes, decodeConfig } from "../../ingest/instruments/pmd-usb/config.ts";
import { FrameDecoder } from "../../ingest/instruments/pmd-usb/frames.ts";
import {
  baudFor,
  greetPmdUsb,
  probePmdUsb,
  uartCommand,
} from "../../ingest/instruments/pmd-usb/handshake.ts";
import { startPmdUsb } from "../../ingest/instruments/pmd-usb/source.ts";
import { builtInRig } from "../../rigs/load.ts";
import { random } from "../../stats/random.ts";
import { Collector } from "./collect.ts";

const FRAME = 18;
const STEP = 620;
const r = random(21, "frames");

/** Frames as published captures have them: 12 V inputs with noise, currents that jump, steps that vary. */
function frames(count: number): Buffer {
  const bytes = Buffer.alloc(count * FRAME);
  let tick = r.integer(65536);
  for (let k = 0; k < count; k++) {
    bytes.writeUInt16LE(tick & 0xffff, k * FRAME);
    for (let input = 0; input < 4; input++) {
      const volts = input === 3 ? 0 : 1590 + r.integer(20);
      bytes.writeInt16LE(volts << 4, k * FRAME + 2 + 4 * input);
      bytes.writeInt16LE((r.integer(900) - 20) << 4, k * FRAME + 4 + 4 * input);
    }
    tick += r.uniform() < 0.2 ? 739 : 602;
  }
  return bytes;
}

function decode(chunks: readonly Uint8Array[]) {
  const told: { hex: string; damaged: boolean }[] = [];
  const decoder = new FrameDecoder(
    (frame, _tick, between) =>
      told.push({ hex: Buffer.from(frame).toString("hex"), damaged: between > 0 }),
    STEP,
  );
  for (const chunk of chunks) decoder.push(chunk);
  return { told, skipped: decoder.counts.bytesSkipped, decoder };
}

const hexOf = (bytes: Buffer): string[] =>
  Array.from({ length: bytes.length / FRAME }, (_, k) =>
    bytes.toString("hex", k * FRAME, (k + 1) * FRAME),
  );

const STREAM = frames(60);
const SENT = hexOf(STREAM);

describe("frames of a PMD-USB", () => {
  test("split anywhere, every frame is the same; the last waits for the next", () => {
    for (let at = 0; at <= STREAM.length; at += 7) {
      const { told, skipped } = decode([STREAM.subarray(0, at), STREAM.subarray(at)]);
      expect(told.map((f) => f.hex)).toEqual(SENT.slice(0, -1));
      expect(told.some((f) => f.damaged)).toBe(false);
      expect(skipped).toBe(0);
    }
    expect(decode([...STREAM].map((b) => Uint8Array.of(b))).told).toHaveLength(59);
  });

  test("bytes lost, or foreign ones, anywhere: no frame that was not sent, in step again, told", () => {
    const sent = new Set(SENT);
    const check = (chunks: Uint8Array[], least: number): void => {
      const { told } = decode(chunks);
      expect(told.filter((f) => !sent.has(f.hex))).toEqual([]);
      expect(told.length).toBeGreaterThanOrEqual(least);
      expect(told.at(-1)!.hex).toBe(SENT[58]);
    };
    for (let from = 20 * FRAME; from < 22 * FRAME; from++) {
      for (const n of [1, 2, 3, 4, 7, 9, 16, 17]) {
        check([STREAM.subarray(0, from), STREAM.subarray(from + n)], 55);
        const foreign = Uint8Array.from({ length: n }, () => r.integer(256));
        check([STREAM.subarray(0, from), foreign, STREAM.subarray(from)], 55);
      }
    }
  });

  test("whole frames lost: nothing is skipped, the ticks show the gap", () => {
    const at = 30 * FRAME;
    const { told, skipped } = decode([STREAM.subarray(0, at), STREAM.subarray(at + 9 * FRAME)]);
    expect(told.map((f) => f.hex)).toEqual([...SENT.slice(0, 30), ...SENT.slice(39, -1)]);
    expect(skipped).toBe(0);
  });

  test("any bytes: no throw, hardly a frame, and in step when frames come", () => {
    const noise = Array.from({ length: 1000 }, () =>
      Uint8Array.from({ length: r.integer(400) }, () => r.integer(256)),
    );
    const { told, decoder } = decode(noise);
    expect(told.length).toBeLessThan(10);
    decoder.push(STREAM);
    expect(told.at(-1)!.hex).toBe(SENT[58]);
  });
});

test("the slowest UART that carries the rows, and the command that sets it", () => {
  expect([100, 640, 641, 2560, 2561, 4780, 6000, 11_000].map(baudFor)).toEqual([
    115_200, 115_200, 230_400, 460_800, 921_600, 921_600, 1_500_000, 2_000_000,
  ]);
  expect(() => baudFor(11_200)).toThrow(/more than a PMD-USB can send/);
  expect(Buffer.from(uartCommand(460_800)).toString("hex")).toBe(
    "08" + "00080700" + "02000000" + "00000000" + "00000000",
  );
});

/** What `04` answers: offsets of the channels in counts, and which averaging. */
function configOf(firmware: number, offsets: readonly number[], averaging: number): Buffer {
  const bytes = Buffer.alloc(firmware < 6 ? 26 : 34);
  bytes[0] = firmware < 6 ? 4 : 5;
  offsets.forEach((offset, k) => bytes.writeInt8(offset, 4 + k));
  bytes[22] = averaging;
  if (firmware >= 6) bytes.writeInt8(-3, 23);
  return bytes;
}

const OFFSETS = [0, -2, 1, 0, 0, 0, 0, 7];

describe("configuration", () => {
  test("26 bytes, and 34 from firmware 6 on", () => {
    const averaging = { conversions: 64, time: "1.87 ms" };
    expect(decodeConfig(configOf(5, OFFSETS, 1), 5)).toEqual({
      ...{ averaging, offsets: OFFSETS, gainOffsets: null },
    });
    expect(decodeConfig(configOf(6, OFFSETS, 1), 6)).toEqual({
      ...{ averaging, offsets: OFFSETS, gainOffsets: [-3, 0, 0, 0, 0, 0, 0, 0] },
    });
    expect(decodeConfig(configOf(6, OFFSETS, 1), 5)).toBeNull();
    expect(decodeConfig(configOf(6, OFFSETS, 9), 6)).toBeNull();
    expect(decodeConfig(Buffer.alloc(0), 6)).toBeNull();
  });

  test("offsets that the rig does not state, and averaging, are told where the rig reads them", async () => {
    const { rig } = await builtInRig("example-pmd-usb");
    const notesOf = (offsets: readonly number[], averaging: number): string[] =>
      configNotes(decodeConfig(configOf(6, offsets, averaging), 6)!, rig).map((n) => n.text);
    expect(notesOf(OFFSETS, 0)).toEqual([]); // within ±100 mA and ±20 mV
    expect(notesOf([0, 5, -4, 0, 0, 90, 0, 90], 2)).toEqual([
      "the PMD-USB is set to average 4096 conversions (119 ms): its rows may be slower than they come",
      "pcie1_i: the device's zero differs by -0.24: the rig's value is used",
      "pcie2_v: the device's zero differs by 0.030: the rig's value is used",
    ]);
  });
});

/** A PMD-USB that was left at a rate; what it was told. */
function scripted(baudLeft: number, config: Buffer | null) {
  const port = memoryPort("pmd");
  const told: number[][] = [];
  let baud = 0;
  port.onWrite = (bytes) => {
    if (baud !== baudLeft) return;
    told.push([...bytes]);
    const answer = (text: Uint8Array): void => port.feed(text, null, null);
    if (bytes[0] === 0x00) answer(Buffer.from("ElmorLabs PMD-USB"));
    if (bytes[0] === 0x01) answer(Uint8Array.of(0xee, 0x0a, 6));
    if (bytes[0] === 0x04 && config) answer(config);
  };
  const open = (rate = 0): typeof port.open => {
    baud = rate;
    return port.open;
  };
  return { open, told, port };
}

describe("handshake", () => {
  test("found at the 2,000,000 baud that somebody's program has left it at, and set back", async () => {
    const { open, told } = scripted(2_000_000, configOf(6, OFFSETS, 0));
    expect((await greetPmdUsb(open)).baud).toBe(2_000_000);
    expect((await probePmdUsb(open)).config?.offsets).toEqual(OFFSETS);
    expect(told.at(-1)).toEqual([...uartCommand(115_200)]);
  }, 20_000);

  test("its own offsets are in device.json; a device that does not tell them is one all the same", async () => {
    const { rig } = await builtInRig("example-pmd-usb");
    const slow = { ...rig, device: { ...rig.device, rowHz: 600 } };
    for (const config of [configOf(6, OFFSETS, 0), null]) {
      const source = await startPmdUsb(scripted(115_200, config).open, slow, new Collector());
      await source.stop();
      expect(JSON.parse(source.device!)).toMatchObject({
        firmware: 6,
        averaging: config && 1,
        offsets_counts: config && OFFSETS,
      });
    }
  });
});
