// What a device sent once and the line brought twice is one row: frames carry a counter, and none says the same
// count twice within a turn of it.

import { describe, expect, test } from "@jest/globals";
import { FrameDecoder } from "../../ingest/instruments/pmd-usb/frames.ts";
import { SetDecoder } from "../../ingest/instruments/powersensor3/sets.ts";
import { WordDecoder } from "../../ingest/instruments/ppk2/words.ts";
import { random } from "../../stats/random.ts";

const r = random(51, "sent again");
const FRAMES = 300;

/** Bytes of each frame in the order of their making. */
const DEVICES = {
  "pmd-usb": Array.from({ length: FRAMES }, (_, k) => {
    const frame = Buffer.alloc(18);
    frame.writeUInt16LE((k * 620) & 0xffff, 0);
    for (let i = 0; i < 4; i++) {
      frame.writeInt16LE((1590 + r.integer(20)) << 4, 2 + 4 * i);
      frame.writeInt16LE(r.integer(900) << 4, 4 + 4 * i);
    }
    return frame;
  }),
  powersensor3: Array.from({ length: FRAMES }, (_, k) => {
    const time = (50 * k) & 1023;
    const words = Array.from({ length: 8 }, (_, i) => {
      const level = r.integer(1024);
      return [0x80 | (i << 4) | (level >> 6), level & 63];
    });
    return Buffer.from([0xf0 | (time >> 6), 0x40 | (time & 63), ...words.flat()]);
  }),
  ppk2: Array.from({ length: FRAMES }, (_, k) => {
    const word = Buffer.alloc(4);
    word.writeUInt32LE((100 + r.integer(8) + ((k & 63) << 18)) >>> 0, 0);
    return word;
  }),
};
type Device = keyof typeof DEVICES;

function decode(device: Device, bytes: Uint8Array) {
  const told: string[] = [];
  let between = 0;
  const decoder =
    device === "pmd-usb"
      ? new FrameDecoder((frame, _tick, b) => {
          told.push(Buffer.from(frame).toString("hex"));
          between += b;
        }, 620)
      : device === "powersensor3"
        ? new SetDecoder((words, _marked, b) => {
            told.push([...words].join());
            between += b;
          }, 50)
        : new WordDecoder((word, _counter, b) => {
            told.push(String(word));
            between += b;
          });
  for (let at = 0; at < bytes.length; at += 31) decoder.push(bytes.subarray(at, at + 31));
  return { told, between, repeated: decoder.counts.repeated };
}

const joined = (frames: readonly Buffer[]): Buffer => Buffer.concat(frames);

describe.each(Object.keys(DEVICES) as Device[])("%s", (device) => {
  const frames = DEVICES[device];
  const once = decode(device, joined(frames)).told;

  test("each of ten frames sent twice: ten are told, ten counted, and nothing is missing", () => {
    const twice = frames.flatMap((f, k) => (k >= 100 && k < 110 ? [f, f] : [f]));
    expect(decode(device, joined(twice))).toEqual({ told: once, between: 0, repeated: 10 });
  });

  test.each([2, 5, 10, 18])("%i frames in a row sent again behind the last of them", (n) => {
    const again = [...frames.slice(0, 120), ...frames.slice(120 - n)];
    expect(decode(device, joined(again))).toEqual({ told: once, between: 0, repeated: n });
  });

  test("sent again and again", () => {
    const last = frames.slice(110, 120);
    const again = [...frames.slice(0, 120), ...last, ...last, ...frames.slice(120)];
    expect(decode(device, joined(again))).toEqual({ told: once, between: 0, repeated: 20 });
  });

  test("frames that are missing are no frames sent again", () => {
    for (const n of [1, 3, 7, 19, 40, 47, 63]) {
      const { repeated } = decode(device, joined(frames.filter((_, k) => k < 100 || k >= 100 + n)));
      expect({ n, repeated }).toEqual({ n, repeated: 0 });
    }
  });
});

test("ppk2: samples that are all alike may as well be missing ones", () => {
  const idle = DEVICES.ppk2.map((_, k) => {
    const word = Buffer.alloc(4);
    word.writeUInt32LE((100 + ((k & 63) << 18)) >>> 0, 0);
    return word;
  });
  const { told, repeated } = decode("ppk2", joined(idle.filter((_, k) => k < 100 || k >= 116)));
  expect(repeated).toBe(0);
  expect(told.length).toBeGreaterThan(FRAMES - 16 - 10);
});
