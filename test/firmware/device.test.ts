// The emulated board's manners: enumeration to the letter, commands, storage, DTR, the bootloader.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Board, type BoardOptions } from "../../firmware/emulator/board.ts";
import type { Pins } from "../../firmware/emulator/pins.ts";
import {
  haltAndClear,
  setInterface,
  unknownRequest,
} from "../../firmware/emulator/usb-enumeration.ts";
import { bootCrc, buildImage } from "../../firmware/image.ts";
import {
  CommandType,
  encodeBootloader,
  encodeCommand,
  encodeConfigure,
  encodeReadCalibration,
  encodeWriteCalibration,
} from "../../schema/wire/frame-commands.ts";
import {
  decodeEdges,
  decodeReadings,
  decodeSamples,
  decodeStatus,
} from "../../schema/wire/frame-records.ts";
import {
  decodeCapabilities,
  decodeIdentity,
  decodeMarked,
  decodePong,
  decodeReply,
  type Reply,
} from "../../schema/wire/frame-replies.ts";
import { FrameSplitter } from "../../schema/wire/frame-splitter.ts";
import { type Frame, RecordType } from "../../schema/wire/frame.ts";
import { whyNot } from "./trial.ts";

const suite = whyNot ? describe.skip : describe;
const MS = 1e6;

const still: Pins = { adc: (input) => 100 * (input + 1), edgesNs: [], sensors: [] };

/** A board, and the host's end of a conversation with it. */
class Bench {
  readonly board: Board;
  readonly frames: Frame[] = [];
  readonly #splitter = new FrameSplitter((f) => {
    const { buffer, byteOffset, byteLength } = f.payload;
    const copy = buffer.slice(byteOffset, byteOffset + byteLength);
    this.frames.push({ ...f, payload: new DataView(copy) });
  });
  #sequence = 1;

  constructor(options: Omit<BoardOptions, "pins"> & { pins?: Pins }) {
    const onData = (b: Uint8Array): void => this.#splitter.push(b, null, null);
    this.board = new Board({ pins: still, onData, limitNs: 20e9, ...options });
    this.board.run(300 * MS);
  }

  run(ms: number): void {
    this.board.run(this.board.nowNs + ms * MS);
  }

  /** @returns the reply, which must come within 50 ms (docs/wire.md, Commands). */
  ask(command: (sequence: number) => Uint8Array, limitMs = 50): Reply {
    const sequence = this.#sequence++;
    this.board.usb.send(command(sequence));
    const find = (): Reply | undefined =>
      this.frames.map((f) => decodeReply(f)).find((r) => r?.request === sequence);
    for (let ms = 0; ms < limitMs && !find(); ms++) this.run(1);
    const reply = find();
    if (!reply) throw new Error(`no reply to command ${sequence}`);
    return reply;
  }

  /** Page by page; the reply to the last comes within a second, when all is stored. */
  store(text: Uint8Array): void {
    for (let at = 0; at < text.length; at += 256) {
      const page = text.subarray(at, at + 256);
      const limitMs = at + 256 < text.length ? 50 : 1000;
      expect(this.ask((n) => encodeWriteCalibration(text, at, page, n), limitMs).result).toBe(0);
    }
  }

  simple(type: number): Reply {
    return this.ask((n) => encodeCommand(type, n));
  }

  records(type: number): Frame[] {
    return this.frames.filter((f) => f.type === type);
  }
}

suite(`the emulated board${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-board-"));
  let image: Uint8Array;
  let singleIn: Uint8Array;
  beforeAll(() => {
    image = buildImage(folder).bytes;
    singleIn = buildImage(folder, { singleIn: true }).bytes;
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  test("enumerates as Linux does it, and keeps to the rules after a stall and a halt", () => {
    const b = new Bench({ image });
    expect(b.board.usb.isOpen).toBe(true);
    const text = (i: number): string =>
      Buffer.from(b.board.usb.descriptors.get(`string ${i}`)!.subarray(2)).toString("utf16le");
    expect([text(1), text(2), text(3)]).toEqual(["truejoule", "truejoule DAQ", "E661010203040506"]);
    b.board.usb.control(unknownRequest());
    b.run(20);
    b.board.usb.control(haltAndClear(0x82));
    b.board.usb.control(haltAndClear(0x02));
    b.run(20);
    b.board.usb.clearToggles();
    expect(b.simple(CommandType.identify).result).toBe(0);
    expect(b.simple(CommandType.identify).result).toBe(0);
    expect(b.board.usb.errors).toEqual([]);
  });

  test.each([false, true])(
    "a halt while it streams: silent until cleared, then from DATA0 and the first buffer (two buffers: %s)",
    (two) => {
      const b = new Bench({ image: two ? singleIn : image });
      for (let k = 0; k < 8; k++) {
        b.simple(CommandType.start);
        b.run(20 + 0.013 * k); // one buffer or the other is next
        b.board.usb.stall(true); // what is halted is not asked for data meanwhile
        b.run(1);
        b.board.usb.control(haltAndClear(0x82));
        b.board.usb.control(haltAndClear(0x02));
        b.run(20);
        b.board.usb.clearToggles();
        b.board.usb.stall(false);
        const n = b.records(RecordType.samples).length;
        b.run(50);
        expect(b.records(RecordType.samples).length).toBeGreaterThan(n + 5);
      }
      expect(b.board.usb.errors).toEqual([]);
    },
  );

  test("the data interface chosen again while it streams: its endpoints begin with DATA0", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    b.run(20.02);
    b.board.usb.stall(true);
    b.run(1);
    b.board.usb.control(setInterface());
    b.run(5);
    b.board.usb.clearToggles();
    b.board.usb.stall(false);
    const n = b.records(RecordType.samples).length;
    b.run(50);
    expect(b.records(RecordType.samples).length).toBeGreaterThan(n + 5);
    expect(b.simple(CommandType.ping).result).toBe(0);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("a controller that hangs is reset: off the bus, back again, and it answers", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    b.run(100);
    b.board.usb.hang();
    b.run(1500);
    const n = b.frames.length;
    b.run(1500);
    expect(b.board.usb.isOpen).toBe(true);
    expect(b.frames.length).toBe(n);
    const reply = b.simple(CommandType.identify);
    expect([reply.result, reply.running]).toEqual([0, false]);
    expect(b.simple(CommandType.start).result).toBe(0);
    b.run(100);
    expect(b.records(RecordType.samples).length).toBeGreaterThan(20);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("a controller that hangs before it is asked anything is reset too", () => {
    const onData = (): void => undefined;
    const board = new Board({ pins: still, onData, limitNs: 20e9, image });
    board.run(112 * MS); // within the host's first reset
    board.usb.hang();
    board.run(3000 * MS);
    expect(board.usb.isOpen).toBe(true);
  });

  test("a host that reads nothing for ten seconds is waited for", () => {
    const b = new Bench({ image });
    const { run } = b.simple(CommandType.start);
    b.run(50);
    b.board.usb.stall(true);
    b.run(10_000);
    b.board.usb.stall(false);
    b.run(50);
    const reply = b.simple(CommandType.ping);
    expect([reply.running, reply.run]).toEqual([true, run]);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("chips before B2 come up beside busy devices on a hub, and their trigger pin works after", () => {
    const edgesNs = Array.from({ length: 10 }, (_, i) => 500 * MS + i * MS);
    const link = { hub: true, busy: true };
    const b = new Bench({ image, revision: 1, link, pins: { ...still, edgesNs } });
    b.run(50);
    expect([b.board.usb.isOpen, b.board.usb.errors]).toEqual([true, []]);
    b.simple(CommandType.start);
    b.run(250);
    const edges = b.records(RecordType.edges).flatMap((f) => decodeEdges(f)!);
    expect(edges.map((e) => e.level)).toEqual([1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
  });

  test("interrupts off at any place in a frame: nothing is handed over in its last fifth", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    for (let k = 0; k < 60; k++) {
      b.run(5.017);
      b.board.freeze((0.1 + 0.031 * k) * MS);
    }
    expect(b.board.usb.errors).toEqual([]);
    b.run(50);
    expect(b.simple(CommandType.ping).running).toBe(true);
  });

  test("crafted false syncs cost the host its time, not the rows", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    b.run(20);
    const sync = Uint8Array.of(0xf7, 0x54, 0x4a, 1, 0x40, 0, 0xfc, 0x1f, 0, 0, 0, 0); // 8,188 bytes follow
    b.board.usb.send(Uint8Array.from({ length: 24_000 }, (_, i) => sync[i % 12]!));
    b.run(400);
    const status = decodeStatus(b.records(RecordType.status).at(-1)!)!;
    expect(status).toMatchObject({ rowsOverrun: 0, framesDropped: 0, running: true });
    expect(status.commandsRefused).toBeGreaterThan(50);
    const indices = b.records(RecordType.samples).map((f) => Number(decodeSamples(f)!.index));
    expect(indices).toEqual(indices.map((_, i) => 512 * i));
    expect(indices.length).toBeGreaterThan(70);
  });

  test("the boot stage's CRC is what the ROM checks, and a flipped bit is refused", () => {
    // Known answer: CRC-32/MPEG-2 of "123456789".
    expect(bootCrc(new TextEncoder().encode("123456789"))).toBe(0x0376e6e7);
    const spoilt = image.slice();
    spoilt[10]! ^= 1;
    expect(() => new Board({ image: spoilt, pins: still })).toThrow(/CRC/);
  });

  test("says who it is, what it can, and what it took for a wish", () => {
    const b = new Bench({ image, uniqueId: Uint8Array.of(1, 2, 3, 0xab, 5, 6, 7, 0xff) });
    const identity = decodeIdentity(b.simple(CommandType.identify).body)!;
    expect(identity).toMatchObject({
      platform: "emulator",
      model: "truejoule rp2040",
      serial: "010203AB050607FF",
    });
    const c = decodeCapabilities(b.simple(CommandType.capabilities).body)!;
    expect(c).toMatchObject({
      tickHz: 1e6,
      rowHz: 100_000,
      maxSamplesHz: 500_000,
      mask: 15,
      bits: 12,
    });
    expect(c).toMatchObject({ edgeLines: 1, sampledLines: 0, rowsPerBlock: 512 });
    expect(c.channels.map((x) => x.skewNs)).toEqual([0, 2500, 5000, 7500]);
    const wish = (rowHz: number, mask: number, bits: number): Reply =>
      b.ask((n) => encodeConfigure({ rowHz, mask, bits }, n));
    const full = decodeCapabilities(wish(125_000, 15, 12).body)!;
    expect([full.rowHz, full.channels.map((x) => x.skewNs)]).toEqual([
      125_000,
      [0, 2000, 4000, 6000],
    ]);
    const two = decodeCapabilities(wish(9e5, 0b1010, 12).body)!;
    expect([two.rowHz, two.channels.map((x) => x.skewNs)]).toEqual([250_000, [0, 0, 0, 2000]]);
    expect(decodeCapabilities(wish(0.001, 15, 12).body)!.rowHz).toBeCloseTo(183.105, 2);
    expect([wish(1e5, 16, 12), wish(1e5, 0, 12), wish(1e5, 15, 16)].map((r) => r.result)).toEqual([
      2, 2, 2,
    ]);
    expect(b.simple(0x5a).result).toBe(1);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("runs: numbered, configured only at rest, marked and pinged on one clock, stopped for good", () => {
    const b = new Bench({ image });
    const markAtRest = (): unknown => {
      const { run, body } = b.simple(CommandType.mark);
      return [run, decodeMarked(body)!.index];
    };
    expect(markAtRest()).toEqual([0, 0]);
    const first = b.simple(CommandType.start);
    expect([first.run, first.running]).toEqual([1, true]);
    expect(b.ask((n) => encodeConfigure({ rowHz: 1e5, mask: 1, bits: 12 }, n)).result).toBe(3);
    b.run(50);
    const pong = decodePong(b.simple(CommandType.ping).body)!;
    expect(Number(pong.sent - pong.received)).toBeLessThan(1000);
    const mark = decodeMarked(b.simple(CommandType.mark).body)!;
    const block = decodeSamples(b.records(RecordType.samples)[0]!)!;
    const rowsSince = Number(mark.tick - block.tick) / 10;
    expect(mark.index).toBe(Math.floor(rowsSince) + 1);
    expect(b.simple(CommandType.start).run).toBe(2);
    b.run(250);
    const status = decodeStatus(b.records(RecordType.status).at(-1)!)!;
    expect(status).toMatchObject({ run: 2, running: true, framesDropped: 0, commandsRefused: 0 });
    expect(b.simple(CommandType.stop).running).toBe(false);
    expect(markAtRest()).toEqual([2, 0]);
    const n = b.frames.length;
    b.run(100);
    expect(b.frames.length).toBe(n);
    // One number for every frame of any type.
    expect(b.frames.map((f) => f.sequence)).toEqual(b.frames.map((_, i) => i));
    expect(b.board.usb.errors).toEqual([]);
  });

  test("command bytes that are no command are counted", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    const wrong = encodeCommand(CommandType.stop, 99);
    wrong[15]! ^= 1;
    b.board.usb.send(wrong);
    b.board.usb.send(Uint8Array.of(1, 2, 3, 0xf7, 0x54));
    expect(b.simple(0x5a).result).toBe(1);
    b.run(120);
    const status = decodeStatus(b.records(RecordType.status).at(-1)!)!;
    expect(status).toMatchObject({ running: true, commandsRefused: 2 });
  });

  test("keeps a calibration in flash, over a power cycle; a reply of whole packets arrives at once", () => {
    const text = new TextEncoder().encode('{"adc0":{"gain":1.012}}'.padEnd(1000));
    const b = new Bench({ image });
    b.store(text);
    const again = new Bench({ image: b.board.mcu.flash });
    const read = (bench: Bench, offset: number): Buffer => {
      const { body } = bench.ask((n) => encodeReadCalibration(offset, n));
      expect(body.getUint32(4, true)).toBe(1000);
      return Buffer.from(body.buffer, body.byteOffset + 8, body.byteLength - 8);
    };
    const pages = [0, 256, 512, 768].map((offset) => read(again, offset));
    expect(Buffer.concat(pages).toString()).toBe(Buffer.from(text).toString());
    // 36 bytes of frame and 28 of text: one whole packet, which needs an empty one behind it.
    expect(read(again, 972).length).toBe(28);
    again.simple(CommandType.start);
    expect(again.ask((n) => encodeWriteCalibration(text, 0, text.subarray(0, 256), n)).result).toBe(
      3,
    );
  });

  test("a calibration of the greatest length: two sectors as slow as they may be, and the watchdog is content", () => {
    const b = new Bench({ image });
    const text = Uint8Array.from({ length: 4096 }, (_, i) => 32 + (i % 90));
    b.store(text);
    const { flash } = b.board.mcu;
    const at = 2048 * 1024 - 8192;
    expect(Buffer.from(flash.subarray(at + 12, at + 12 + 4096)).equals(Buffer.from(text))).toBe(
      true,
    );
    const from = b.board.nowNs;
    b.store(text.subarray(0, 1000)); // one sector will do
    expect(b.board.nowNs - from).toBeLessThan(480 * MS);
    b.run(1500);
    expect(b.simple(CommandType.identify).result).toBe(0);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("DTR falls: it stops and forgets; DTR rises: it answers again", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    b.run(50);
    b.board.usb.setDtr(false);
    b.run(20);
    const n = b.frames.length;
    b.run(100);
    expect(b.frames.length).toBe(n);
    b.board.usb.setDtr(true);
    b.run(5);
    const reply = b.simple(CommandType.identify);
    expect([reply.result, reply.running]).toEqual([0, false]);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("a start that came just before DTR fell starts nothing", () => {
    const b = new Bench({ image });
    b.board.usb.send(encodeCommand(CommandType.start, 1));
    b.board.usb.setDtr(false);
    b.board.freeze(3 * MS); // both have come when the processor looks
    b.run(100);
    expect(b.frames).toEqual([]);
    b.board.usb.setDtr(true);
    b.run(5);
    const reply = b.simple(CommandType.identify);
    expect([reply.run, reply.running]).toEqual([0, false]);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("a sensor that is not there is silent; one that vanishes is told as not read", () => {
    const mean = (): { shuntV: number; busV: number } => ({ shuntV: -0.05, busV: 12 });
    const pins: Pins = {
      ...still,
      sensors: [0x40, 0x41].map((address) => ({ address, slowness: 0.97, mean })),
    };
    const b = new Bench({ image, pins });
    b.simple(CommandType.start);
    b.run(100);
    const all = (): { address: number; status: number; shunt: number }[] =>
      b.records(RecordType.readings).flatMap((f) => decodeReadings(f)!);
    expect(new Set(all().map((r) => r.address))).toEqual(new Set([0x40, 0x41]));
    // One clock for both: ends that cannot be told apart carry their bound.
    expect(all().every((r) => (r.status & 3) === 0 && r.shunt === -20_000)).toBe(true);
    const before = all().length;
    expect(before).toBeGreaterThan(18);
    b.board.sensors.chips[1]!.present = false;
    b.run(100);
    const later = all().slice(before + 1);
    expect(later.filter((r) => r.address === 0x41).every((r) => (r.status & 1) === 1)).toBe(true);
    expect(later.filter((r) => r.address === 0x40 && (r.status & 3) === 0).length).toBeGreaterThan(
      8,
    );
    b.board.sensors.chips[1]!.present = true;
    b.run(100);
    expect((all().at(-1)!.status | all().at(-2)!.status) & 3).toBe(0);
  });

  test.each([1, 9])("a chip that holds the data line for %i clocks is clocked free", (clocks) => {
    const mean = (): { shuntV: number; busV: number } => ({ shuntV: 0.01, busV: 12 });
    const pins: Pins = { ...still, sensors: [{ address: 0x40, slowness: 1, mean }] };
    const b = new Bench({ image, pins });
    b.simple(CommandType.start);
    b.run(50);
    b.board.sensors.hold(clocks);
    b.run(100);
    const all = b.records(RecordType.readings).flatMap((f) => decodeReadings(f)!);
    expect(all.filter((r) => r.status === 1).length).toBe(1); // the one that was cut off
    expect(all.at(-1)!.status).toBe(0);
    expect(all.length).toBeGreaterThan(14);
    expect(b.board.usb.errors).toEqual([]);
  });

  test("idles for ten seconds with a sensor beside it, and the watchdog is content", () => {
    const mean = (): { shuntV: number; busV: number } => ({ shuntV: 0.01, busV: 12 });
    const pins: Pins = { ...still, sensors: [{ address: 0x40, slowness: 1.003, mean }] };
    const b = new Bench({ image, pins });
    b.run(10_000);
    expect(b.simple(CommandType.identify).result).toBe(0);
  });

  test("the converter's FIFO overflows: rows are counted as lost, and no input slips into another's place", () => {
    const b = new Bench({ image });
    b.simple(CommandType.start);
    for (let k = 0; k < 20; k++) {
      b.run(7);
      b.board.starve(true);
      b.board.run(b.board.nowNs + 12_500 + 2_500 * k); // five samples and more, of which four are kept
      b.board.starve(false);
    }
    b.run(150);
    const blocks = b.records(RecordType.samples).map((f) => decodeSamples(f)!);
    expect(blocks.length).toBeGreaterThan(20);
    const row = Buffer.of(100, 0x80, 12, 44, 0x01, 25).toString("hex"); // 100, 200, 300, 400 as 12 bits each
    for (const { data } of blocks) expect(Buffer.from(data).toString("hex")).toBe(row.repeat(512));
    const status = decodeStatus(b.records(RecordType.status).at(-1)!)!;
    expect(status.framesDropped).toBe(0);
    expect(status.rowsOverrun).toBeGreaterThan(20);
    const last = blocks.at(-1)!;
    expect(Number(last.index) + 512 - 512 * blocks.length).toBe(status.rowsOverrun);
    // After each, index and tick are in step again: 100 rows a millisecond.
    for (const x of blocks)
      expect(
        Math.abs(Number(x.tick - blocks[0]!.tick) - 10 * Number(x.index - blocks[0]!.index)),
      ).toBeLessThan(2);
  });

  test("a converter that begins one period late: slow rates stream, ticks say when it began", () => {
    const began: number[] = [];
    const onSample = (input: number, tNs: number): void => void (input === 0 && began.push(tNs));
    const b = new Bench({ image, onSample, firstConversionLate: true });
    b.ask((n) => encodeConfigure({ rowHz: 1000, mask: 1, bits: 12 }, n));
    b.simple(CommandType.start);
    b.run(1800);
    const blocks = b.records(RecordType.samples).map((f) => decodeSamples(f)!);
    expect(blocks.map((x) => Number(x.index))).toEqual([0, 512, 1024]);
    for (const x of blocks) {
      const off = began[Number(x.index)]! / 1e3 - Number(x.tick);
      expect([off >= 0, off < 1]).toEqual([true, true]);
    }
    const status = decodeStatus(b.records(RecordType.status).at(-1)!)!;
    expect(status.rowsOverrun).toBe(0);
  });

  test("goes to the ROM's bootloader when told so by the right word", () => {
    const b = new Bench({ image });
    const almost = encodeCommand(CommandType.bootloader, 7, Uint8Array.of(0x42, 0x4f, 0x4f, 0x55));
    b.board.usb.send(almost);
    b.run(50);
    expect(b.board.inBootloader).toBe(false);
    expect(b.ask(encodeBootloader).result).toBe(0);
    b.run(50);
    expect(b.board.inBootloader).toBe(true);
    expect(b.board.usb.isOpen).toBe(false);
  });
});
