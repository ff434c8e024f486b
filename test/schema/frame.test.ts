// The golden frames of test/vectors (made from docs/wire.md by a script that shares no code with us):
// every one is decoded to its fields and encoded back to its bytes.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import * as commands from "../../schema/wire/frame-commands.ts";
import * as replies from "../../schema/wire/frame-replies.ts";
import * as records from "../../schema/wire/frame-records.ts";
import { type Frame, makeFrame, openFrame } from "../../schema/wire/frame.ts";

const dir = new URL("../vectors/", import.meta.url);

/** Every field any kind has; a vector holds those of its kind. */
interface Fields {
  sequence: number;
  run: number;
  type: number;
  mask: number;
  bits: number;
  lines: number;
  index: string;
  tick: string;
  rows: number[][];
  bitmaps: string;
  entries: object[];
  offset: number;
  data: string;
  row_millihertz: number;
}
interface Vector {
  name: string;
  kind: string;
  fields: Fields;
  hex: string;
}

const vectors = JSON.parse(readFileSync(new URL("wire.json", dir), "utf8")) as Vector[];
const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");
const camel = (s: string): string => s.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());
const camelKeys = (o: object): object =>
  Object.fromEntries(Object.entries(o).map(([k, v]) => [camel(k), v as unknown]));

/** Rows out of packed bytes by one big integer a row: another way than any product code. */
function unpack(data: Uint8Array, rows: number, channels: number, bits: number): number[][] {
  const rowBytes = data.length / rows;
  return Array.from({ length: rows }, (_, r) => {
    const text = hex(data.slice(r * rowBytes, (r + 1) * rowBytes).reverse());
    const word = BigInt(`0x${text}`);
    return Array.from({ length: channels }, (_, c) =>
      Number((word >> BigInt(c * bits)) & ((1n << BigInt(bits)) - 1n)),
    );
  });
}

function checkSamples(frame: Frame, f: Fields): Uint8Array {
  const s = records.decodeSamples(frame)!;
  const channels = records.channelsOf(s.mask);
  expect({ ...s, data: 0, bitmap: 0 }).toEqual({
    run: f.run,
    rows: f.rows.length,
    mask: f.mask,
    bits: f.bits,
    levels: f.lines & 15,
    sampledLines: f.lines >> 4,
    index: Number(f.index),
    tick: BigInt(f.tick),
    data: 0,
    bitmap: 0,
  });
  expect(unpack(s.data, s.rows, channels.length, s.bits)).toEqual(f.rows);
  const bitmap = s.bitmap ? hex(new Uint8Array(s.bitmap.buffer)) : "";
  expect(bitmap).toBe(f.bitmaps);
  return records.encodeSamples(s, frame.sequence);
}

function checkRecord(kind: string, frame: Frame, f: Fields): Uint8Array {
  const run = records.runOf(frame.flags);
  expect(run).toBe(f.run);
  if (kind === "edges") {
    const edges = records.decodeEdges(frame)!;
    expect(edges.map((e) => ({ ...e, index: `${e.index}`, tick: `${e.tick}` }))).toEqual(f.entries);
    return records.encodeEdges(edges, run, frame.sequence);
  }
  if (kind === "readings") {
    const list = records.decodeReadings(frame)!;
    expect(list.map((r) => ({ ...r, endTick: `${r.endTick}` }))).toEqual(f.entries.map(camelKeys));
    return records.encodeReadings(list, run, frame.sequence);
  }
  const s = records.decodeStatus(frame)!;
  const { state, sequence, ...rest } = camelKeys(f) as Record<string, unknown>;
  expect({ ...s, tick: `${s.tick}`, nextIndex: `${s.nextIndex}` }).toEqual({
    ...rest,
    running: state === 1,
  });
  return records.encodeStatus(s, sequence as number);
}

function checkCommand(frame: Frame, f: Fields): Uint8Array {
  expect(frame.type).toBe(f.type);
  const seq = frame.sequence;
  switch (frame.type) {
    case commands.CommandType.configure: {
      const c = commands.decodeConfigure(frame)!;
      expect(c).toEqual({ rowHz: f.row_millihertz / 1000, mask: f.mask, bits: f.bits });
      return commands.encodeConfigure(c, seq);
    }
    case commands.CommandType.readCalibration:
      return commands.encodeReadCalibration(f.offset, seq);
    case commands.CommandType.writeCalibration: {
      const data = Buffer.from(f.data, "hex");
      return commands.encodeWriteCalibration(data, f.offset, data, seq);
    }
    case commands.CommandType.bootloader:
      return commands.encodeBootloader(seq);
    default:
      return commands.encodeCommand(frame.type, seq);
  }
}

function checkReply(frame: Frame, f: Fields): Uint8Array {
  const r = replies.decodeReply(frame)!;
  const { type, request, result, running, run, sequence, ...rest } = f as unknown as Record<
    string,
    unknown
  >;
  expect({ ...r, body: 0 }).toEqual({
    command: (type as number) & 0x7f,
    request,
    result,
    running: running === 1,
    run,
    body: 0,
  });
  return replies.encodeReply(r, checkBody(r, rest), sequence as number);
}

function checkBody(r: replies.Reply, f: Record<string, unknown>): Uint8Array {
  if (r.result !== 0) return new Uint8Array(0);
  switch (r.command) {
    case commands.CommandType.identify: {
      const i = replies.decodeIdentity(r.body)!;
      expect(i).toEqual({
        ...f,
        platform: ["silicon", "emulator", "program"][f["platform"] as number],
      });
      return replies.encodeIdentity(i);
    }
    case commands.CommandType.capabilities: {
      const c = replies.decodeCapabilities(r.body)!;
      const { rowMillihertz, channels, ...rest } = camelKeys(f) as Record<string, unknown>;
      expect({ ...c, channels: 0 }).toEqual({
        ...rest,
        rowHz: (rowMillihertz as number) / 1000,
        channels: 0,
      });
      const quantities = ["unstated", "voltage", "current", "temperature"];
      expect(c.channels).toEqual(
        (channels as Record<string, number>[]).map((ch) => ({
          ...camelKeys(ch),
          signed: ch["signed"] === 1,
          quantity: quantities[ch["quantity"]!],
        })),
      );
      return replies.encodeCapabilities(c);
    }
    case commands.CommandType.readCalibration: {
      const p = replies.decodeCalibrationPage(r.body)!;
      expect({ ...p, data: hex(p.data) }).toEqual(f);
      return replies.encodeCalibrationPage(p);
    }
    case commands.CommandType.ping: {
      const p = replies.decodePong(r.body)!;
      expect({ received: `${p.received}`, sent: `${p.sent}` }).toEqual(f);
      return replies.encodePong(p.received, p.sent);
    }
    case commands.CommandType.mark: {
      const m = replies.decodeMarked(r.body)!;
      expect({ index: `${m.index}`, tick: `${m.tick}` }).toEqual(f);
      return replies.encodeMarked(m.index, m.tick);
    }
    default:
      throw new Error(`no check for a reply to ${r.command}`);
  }
}

function check(v: Vector, frame: Frame): Uint8Array {
  if (v.kind === "samples") return checkSamples(frame, v.fields);
  if (v.kind === "command") return checkCommand(frame, v.fields);
  if (v.kind === "reply") return checkReply(frame, v.fields);
  return checkRecord(v.kind, frame, v.fields);
}

describe("golden frames", () => {
  test.each(vectors.map((v) => [v.name, v] as const))("%s", (_name, v) => {
    const bytes = new Uint8Array(Buffer.from(v.hex, "hex"));
    const frame = openFrame(bytes)!;
    expect(frame).toBeDefined();
    expect(frame.sequence).toBe(v.fields.sequence);
    expect(hex(check(v, frame))).toBe(v.hex);
  });

  test("the files are what the script makes", () => {
    const out = mkdtempSync(join(tmpdir(), "truejoule-vectors-"));
    try {
      execFileSync("python3", [
        new URL("../../scripts/make-vectors.py", import.meta.url).pathname,
        out,
      ]);
      for (const name of ["wire.json", "wire-stream.bin", "wire-stream.json"])
        expect(readFileSync(join(out, name)).equals(readFileSync(new URL(name, dir)))).toBe(true);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // no Python here
    } finally {
      rmSync(out, { recursive: true });
    }
  });
});

describe("frames that are none", () => {
  const good = Buffer.from(vectors[0]!.hex, "hex");

  test("every single flipped bit is refused", () => {
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = new Uint8Array(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(openFrame(bad)).toBeUndefined();
    }
  });

  test("every shorter payload of a known record is refused or decodes within its bounds", () => {
    for (const v of vectors.filter((v) => v.kind !== "command")) {
      const { type, flags, payload } = openFrame(new Uint8Array(Buffer.from(v.hex, "hex")))!;
      const whole = new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
      for (let n = 0; n < Math.min(whole.length, 400); n += 4) {
        const short = openFrame(makeFrame(type, flags, 1, whole.subarray(0, n)))!;
        if (v.kind === "samples") expect(records.decodeSamples(short)).toBeUndefined();
        if (v.kind === "edges") expect(records.decodeEdges(short)).toBeUndefined();
        if (v.kind === "readings") expect(records.decodeReadings(short)).toBeUndefined();
        if (v.kind === "status") expect(records.decodeStatus(short)).toBeUndefined();
        if (v.kind === "reply") {
          const r = replies.decodeReply(short);
          if (r?.command === 0x40) expect(replies.decodeIdentity(r.body)).toBeUndefined();
          if (r?.command === 0x41) expect(replies.decodeCapabilities(r.body)).toBeUndefined();
        }
      }
    }
  });

  test("the identify probe holds no byte that another instrument obeys", () => {
    const probe = commands.encodeCommand(commands.CommandType.identify, commands.IDENTIFY_SEQUENCE);
    const harmful = [..."SXMIRWVQBZY\r\n"].map((c) => c.charCodeAt(0));
    for (const b of [...harmful, 0x05, 0x07, 0x08, 0xf0, 0xf1, 0xca, 0xac])
      expect([...probe]).not.toContain(b);
    expect(hex(probe)).toBe("f7544a0140000000020000001ee6d09e");
  });
});
