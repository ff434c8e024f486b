import { describe, expect, test } from "@jest/globals";
import { FrameDecoder } from "../../ingest/pmd-usb/frames.ts";
import { baudFor, uartCommand } from "../../ingest/pmd-usb/handshake.ts";
import { random } from "../../schema/random.ts";

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
    (frame, _tick, damaged) => told.push({ hex: Buffer.from(frame).toString("hex"), damaged }),
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
  expect([100, 640, 641, 2560, 2561, 4780].map(baudFor)).toEqual([
    115_200, 115_200, 230_400, 460_800, 921_600, 921_600,
  ]);
  expect(() => baudFor(6000)).toThrow(/more than a PMD-USB can send/);
  expect(Buffer.from(uartCommand(460_800)).toString("hex")).toBe(
    "08" + "00080700" + "02000000" + "00000000" + "00000000",
  );
});
