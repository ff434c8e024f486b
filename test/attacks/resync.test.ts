// What finds its way back into a stream does so in a number of looks at its bytes that grows as the bytes do: four
// times the garbage is four times the work. Counted, not timed.

import { afterEach, describe, expect, jest, test } from "@jest/globals";
import * as zlib from "node:zlib";
import { random } from "../../stats/random.ts";

let looks = 0;
jest.unstable_mockModule("node:zlib", () => ({
  ...zlib,
  crc32: (bytes: Uint8Array) => {
    looks += bytes.length;
    return zlib.crc32(bytes);
  },
}));
const { FrameSplitter } = await import("../../schema/wire/frame-splitter.ts");
const { MAX_PAYLOAD, SYNC, VERSION } = await import("../../schema/wire/frame.ts");
const { FrameDecoder } = await import("../../ingest/instruments/pmd-usb/frames.ts");
const { SetDecoder } = await import("../../ingest/instruments/powersensor3/sets.ts");
const { WordDecoder } = await import("../../ingest/instruments/ppk2/words.ts");
const { LastFrames } = await import("../../ingest/stream/sent-again.ts");

const r = random(71, "garbage");
const noise = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => r.integer(256));
const again = (piece: Uint8Array, n: number): Uint8Array =>
  Uint8Array.from({ length: n }, (_, i) => piece[i % piece.length]!);

/** Frames that go on as they must, and then do not, over and over: the search succeeds, the stream breaks. */
const PMD = Buffer.alloc(18 * 9 + 5);
for (let k = 0; k < 9; k++) {
  PMD.writeUInt16LE((k * 620) & 0xffff, 18 * k);
  for (const at of [2, 6, 10, 14]) PMD.writeInt16LE(1590 << 4, 18 * k + at);
}
const PPK2 = Buffer.alloc(4 * 13 + 1);
for (let k = 0; k < 13; k++) PPK2.writeUInt32LE((100 + k + ((k & 63) << 18)) >>> 0, 4 * k);
const PS3 = Uint8Array.from([0, 50, 100].flatMap((t) => set(t)).concat(0xf0, 0x81, 0x7f));
function set(t: number): number[] {
  const levels = Array.from({ length: 8 }, (_, i) => [0x80 | (i << 4), 5]);
  return [0xf0 | (t >> 6), 0x40 | (t & 63), ...levels.flat()];
}
/** The longest frames that there are, each beginning in the midst of the one before. */
const HEAD = Uint8Array.of(...SYNC, VERSION, 1, 0, MAX_PAYLOAD & 255, MAX_PAYLOAD >> 8, 0, 0, 0, 0);

/** Frames of a turn of the PMD-USB's tick: no device has more to look through. */
const PMD_TURN = 105;

afterEach(() => void jest.restoreAllMocks());

/** Calls `looked` with what a method is given, before it does its work. */
function spyOn<T extends object>(
  prototype: T,
  name: keyof T & string,
  looked: (self: T, args: readonly unknown[]) => number,
): void {
  const method = (prototype as Record<string, unknown>)[name] as (...args: unknown[]) => unknown;
  const spy = jest.spyOn(prototype as Record<string, () => unknown>, name);
  spy.mockImplementation(function (this: T, ...args: unknown[]) {
    looks += looked(this, args);
    return method.apply(this, args);
  });
}

function countViews(): void {
  for (const name of ["getUint16", "getInt16", "getUint32"] as const)
    spyOn(DataView.prototype, name, () => 1);
  spyOn(Uint8Array.prototype, "copyWithin", ({ length }, [, from, end]) => {
    return Number(end ?? length) - Number(from);
  });
  spyOn(LastFrames.prototype, "has", (_, [frame]) => (frame as Uint8Array).length * PMD_TURN);
}

/** Each byte that is asked for is a look. */
const watched = (chunk: Uint8Array): Uint8Array =>
  new Proxy(chunk, {
    get(target, key): unknown {
      if (typeof key === "string" && /^\d+$/.test(key)) looks++;
      return Reflect.get(target, key, target);
    },
  });

type Push = (chunk: Uint8Array) => void;
const DECODERS: Readonly<Record<string, { make: () => Push; piece: Uint8Array; most: number }>> = {
  wire: {
    make: () => {
      const s = new FrameSplitter(() => undefined);
      return (chunk) => s.push(chunk, null, null);
    },
    piece: HEAD,
    most: MAX_PAYLOAD / HEAD.length + 2, // each head may begin a frame, whose CRC is looked at
  },
  "pmd-usb": {
    make: () => {
      const d = new FrameDecoder(() => undefined, 620);
      return (chunk) => d.push(chunk);
    },
    piece: PMD,
    most: 256,
  },
  powersensor3: {
    make: () => {
      const d = new SetDecoder(() => undefined, 50);
      return (chunk) => d.push(watched(chunk));
    },
    piece: PS3,
    most: 256,
  },
  ppk2: {
    make: () => {
      const d = new WordDecoder(() => undefined);
      return (chunk) => d.push(chunk);
    },
    piece: PPK2,
    most: 256,
  },
};

const BYTES = 20_000;
const CHUNKS = [1, 61, 4096];

describe.each(Object.entries(DECODERS))("resynchronising: %s", (_, { make, piece, most }) => {
  const work = (bytes: Uint8Array, chunk: number): number => {
    looks = 0;
    const push = make();
    for (let at = 0; at < bytes.length; at += chunk) push(bytes.subarray(at, at + chunk));
    return looks;
  };

  test.each([
    ["random bytes", noise(4 * BYTES)],
    ["zeros", new Uint8Array(4 * BYTES)],
    ["ones", new Uint8Array(4 * BYTES).fill(255)],
    ["what begins well, over and over", again(piece, 4 * BYTES)],
  ])("%s: linear in the bytes, however they come", (_name, bytes) => {
    countViews();
    for (const chunk of CHUNKS) {
      const of = (n: number): number => work(bytes.subarray(0, n * BYTES), chunk);
      const [one, two, four] = [of(1), of(2), of(4)];
      // Without what is begun and not finished, the same in all three.
      expect(four - two).toBeLessThanOrEqual(2.1 * (two - one));
      expect(four / (4 * BYTES)).toBeLessThanOrEqual(most);
    }
  });
});
