// The portable core in all its builds: the golden frames of test/vectors, the splitter against the
// host's, edges placed among rows, the INA226's registers.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Conversation } from "../../virtual/daq/conversation.ts";
import { VirtualDevice } from "../../virtual/daq/device.ts";
import type { DaqTruth } from "../../virtual/daq/truth.ts";
import { decodeReadings } from "../../schema/wire/frame-records.ts";
import {
  encodeCommand,
  encodeConfigure,
  encodeReadCalibration,
  encodeWriteCalibration,
  words,
} from "../../schema/wire/frame-commands.ts";
import { decodeMarked, decodeReply, type Reply } from "../../schema/wire/frame-replies.ts";
import { FrameSplitter } from "../../schema/wire/frame-splitter.ts";
import { type Frame, openFrame } from "../../schema/wire/frame.ts";
import { random } from "../../stats/random.ts";
import * as ask from "./core-requests.ts";
import { type Core, CORE_BUILDS } from "./core-runners.ts";

const dir = new URL("../vectors/", import.meta.url);

type Fields = ask.SamplesFields & ask.StatusFields & ask.CapabilitiesFields & ReplyFields;
interface ReplyFields {
  type: number;
  request: number;
  result: number;
  running: number;
  entries: (ask.EdgeFields & ask.ReadingFields)[];
  platform: number;
  model: string;
  serial: string;
  firmware: string;
  data: string;
  received: string;
  sent: string;
}
interface Vector {
  name: string;
  kind: string;
  fields: Fields;
  hex: string;
}

const vectors = JSON.parse(readFileSync(new URL("wire.json", dir), "utf8")) as Vector[];
const hex = (b: Uint8Array): string => Buffer.from(b).toString("hex");
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

/** What brings the core to make a vector's bytes. Commands are the host's to make; see the replies. */
function requestFor({ kind, name, fields: f }: Vector): Uint8Array {
  if (kind === "samples") return ask.samplesRequest(f);
  if (kind === "edges") return ask.edgesRequest(f.sequence, f.run, f.entries);
  if (kind === "readings") return ask.readingsRequest(f.sequence, f.run, f.entries);
  if (kind === "status") return ask.statusRequest(f);
  const command = f.type & 0x7f;
  const payload = command === 0x42 ? new Uint8Array(4) : new Uint8Array(command === 0x46 ? 8 : 0);
  return ask.converseRequest(
    {
      ...f,
      taken: f.received ?? (f as { tick?: string }).tick ?? "1",
      now: f.sent ?? "1",
      row: f.running ? (f.index ?? "0") : "4711", // at rest there is no row to come, whatever the converter says
      ...(f.data ? { calibration: bytesOf(f.data) } : {}),
      ...(name === "reply: capabilities" ? { capabilities: f } : {}),
    },
    encodeCommand(command, f.request, payload),
  );
}

/** Whole frames in a row of bytes. */
function frames(bytes: Uint8Array): Frame[] {
  const out: Frame[] = [];
  const s = new FrameSplitter((f) =>
    out.push({
      ...f,
      payload: new DataView(f.payload.buffer.slice(0), f.payload.byteOffset, f.payload.byteLength),
    }),
  );
  s.push(bytes, null, null);
  expect(s.counts.skippedBytes).toBe(0);
  return out;
}

const repliesIn = (answer: Uint8Array): Reply[] =>
  frames(answer.subarray(16)).map((f) => decodeReply(f)!);

for (const { name, missing, build } of CORE_BUILDS) {
  const suite = missing ? describe.skip : describe;
  suite(`core, ${name}${missing ? ` (skipped: ${missing} is not installed)` : ""}`, () => {
    let core: Core;
    const folder = mkdtempSync(join(tmpdir(), "truejoule-core-"));
    beforeAll(() => {
      core = build(folder);
    }, 60_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const call = async (request: Uint8Array): Promise<Uint8Array> => (await core([request]))[0]!;

    test("makes the golden frames, byte for byte", async () => {
      const made = vectors.filter((v) => v.kind !== "command");
      const answers = await core(made.map(requestFor));
      expect(made.length).toBeGreaterThan(15);
      expect(answers.map((a, i) => [made[i]!.name, hex(a)])).toEqual(
        made.map((v) => [v.name, v.hex]),
      );
    });

    test("takes the golden commands", async () => {
      const commands = vectors.filter((v) => v.kind === "command");
      const answers = await core(commands.map((v, i) => ask.feedRequest(bytesOf(v.hex), i === 0)));
      const got = answers.map((a) => repliesIn(a)[0]!);
      expect(got.map((r) => [r.command, r.request, r.result])).toEqual(
        // Page 1 of a calibration that is not there yet is a bad argument; the rest is done.
        commands.map((v) => [v.fields.type, v.fields.sequence, v.fields.type === 0x42 ? 2 : 0]),
      );
    });

    test("splits a cable's accidents as the host does, whole and byte by byte", async () => {
      const cable = new Uint8Array(readFileSync(new URL("wire-stream.bin", dir)));
      const r = random(7, "splitter");
      const mutated = cable.map((b) => (r.uniform() < 0.002 ? Math.floor(r.uniform() * 256) : b));
      for (const bytes of [cable, mutated]) {
        const host = new FrameSplitter(() => undefined);
        host.push(bytes, null, null);
        const { frames: whole, badFrames, otherVersion, skippedBytes } = host.counts;
        const account = [whole, badFrames, otherVersion, skippedBytes];
        const pieces = Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1));
        const single = await core(pieces.map((p, i) => ask.feedRequest(p, i === 0)));
        const all = await call(ask.feedRequest(bytes, true));
        for (const answer of [all, single.at(-1)!])
          expect([...new Uint32Array(answer.slice(0, 16).buffer)]).toEqual(account);
      }
    });

    test("packs a block that wraps around the DMA's ring", async () => {
      const rows = Array.from({ length: 512 }, (_, k) => [k & 4095, (k * 7) & 4095, 4095 - k]);
      const f = {
        sequence: 1,
        run: 1,
        mask: 7,
        bits: 12,
        lines: 0,
        index: "0",
        tick: "0",
        bitmaps: "",
        rows,
      };
      const [straight, wrapped] = await core([
        ask.samplesRequest(f),
        ask.samplesRequest(f, { start: 1536, words: 2048 }),
      ]);
      expect(hex(wrapped!)).toBe(hex(straight!));
    });

    test("keeps a calibration page by page, refuses a wrong CRC and an odd place", async () => {
      const text = new TextEncoder().encode(JSON.stringify({ adc0: [1.01, -3] }).padEnd(300));
      const page = (at: number, end: number): Uint8Array =>
        encodeWriteCalibration(text, at, text.subarray(at, end), 5);
      const wrong = encodeWriteCalibration(text, 0, new Uint8Array(256), 5);
      const last = page(256, 300);
      const sent = [last, wrong, last, last, page(0, 256), last, last];
      sent.push(encodeReadCalibration(256, 6), encodeReadCalibration(2, 6));
      const answers = await core(sent.map((c, i) => ask.feedRequest(c, i === 0)));
      const got = answers.map((a) => repliesIn(a)[0]!);
      // A wrong page is found out when the whole is there; a page out of turn at once; the last may come again.
      expect(got.map((r) => r.result)).toEqual([2, 0, 4, 2, 0, 0, 0, 0, 2]);
      const data = new Uint8Array(got[7]!.body.buffer, got[7]!.body.byteOffset + 8, 44);
      expect(hex(data)).toBe(hex(text.subarray(256)));
    });

    test("answers as the virtual DAQ does: who counts what, marks and runs at rest", async () => {
      const text = new TextEncoder().encode("{}  ");
      const simple = (type: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array =>
        encodeCommand(type, 9, payload);
      const [start, stop, mark] = [0x44, 0x45, 0x48].map((t) => simple(t)) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      const odd = [0x42, 0x43, 0x46, 0x49].map((t) => simple(t)); // without their payloads
      odd.push(
        simple(0x5a),
        simple(0x01),
        encodeReadCalibration(4, 9),
        encodeReadCalibration(2, 9),
      );
      odd.push(encodeConfigure({ rowHz: 1e5, mask: 0, bits: 12 }, 9), simple(0x49, words(0)));
      const write = encodeWriteCalibration(text, 0, text, 9);
      const rest = [mark, write, ...odd];
      const sent = [...rest, start, write, ...odd, start, stop, ...rest, start];
      const told = (r: Reply): unknown => {
        const isMarkAtRest = r.command === 0x48 && !r.running;
        const index = isMarkAtRest ? decodeMarked(r.body)!.index : null;
        return [r.command, r.result, r.running, r.run, index];
      };
      const answers = await core(sent.map((c, i) => ask.feedRequest(c, i === 0)));
      const virtual = virtualReplies(sent);
      expect(answers.map((a) => repliesIn(a).map(told))).toEqual(virtual.map((a) => a.map(told)));
      expect(told(virtual[0]![0]!)).toEqual([0x48, 0, false, 0, 0]);
      expect(told(virtual.at(-1)![0]!)).toEqual([0x44, 0, true, 3, null]);
    });

    test("a calibration that shrinks under way is refused: its page would lie beyond what is kept", async () => {
      const [long, short] = [new Uint8Array(4096), new Uint8Array(4000)];
      const sent = Array.from({ length: 16 }, (_, i) =>
        encodeWriteCalibration(
          long,
          256 * i,
          long.subarray(256 * i, Math.min(256 * (i + 1), 4092)),
          5,
        ),
      );
      sent.push(encodeWriteCalibration(short, 4092, new Uint8Array(256).fill(255), 5));
      sent.push(encodeReadCalibration(0, 6));
      const answers = await core(sent.map((c, i) => ask.feedRequest(c, i === 0)));
      const results = answers.map((a) => repliesIn(a)[0]?.result);
      expect(results).toEqual([...Array<number>(16).fill(0), 2, 0]);
    });

    test("a page that ends beyond its calibration, or comes while it runs, is refused", async () => {
      const text = new Uint8Array(300).fill(32);
      const page = (at: number, bytes: number): Uint8Array =>
        encodeWriteCalibration(text, at, new Uint8Array(bytes).fill(32), 5);
      const sent = [page(0, 256), page(256, 48), encodeCommand(0x44, 6), page(0, 256)];
      sent.push(encodeCommand(0x45, 7), page(0, 256), page(256, 44));
      const answers = await core(sent.map((c, i) => ask.feedRequest(c, i === 0)));
      expect(answers.map((a) => repliesIn(a)[0]!.result)).toEqual([0, 2, 0, 3, 0, 0, 0]);
    });

    test("places an edge by what the DMA latched, with and without a pause between samples", async () => {
      const r = random(3, "edges");
      const cases = [
        { sampleCounts: 96, channels: 4 },
        { sampleCounts: 120, channels: 4 },
        { sampleCounts: 96, channels: 3 },
        { sampleCounts: 480, channels: 1 },
        { sampleCounts: 100, channels: 4 },
      ].flatMap((c) => Array.from({ length: 200 }, () => ({ ...c, edgeUs: r.uniform() * 60e6 })));
      const requests = cases.map(({ sampleCounts, channels, edgeUs }) => {
        const block = 512 * channels;
        const periodUs = sampleCounts / 48;
        // A conversion takes 96 counts, 2 µs, whatever the pause after it.
        const complete = Math.max(0, Math.floor((edgeUs - 2) / periodUs) + 1);
        const timing = {
          startTick: 5_000_000n,
          countsATick: 48,
          sampleCounts,
          channels,
          block,
          ring: 2048,
        };
        const blocks = Math.floor(complete / block);
        const [turn, each] = [blocks & 1, blocks >> 1];
        const offsets = [0, 0];
        offsets[turn] = (each * block + (complete % block)) % 2048;
        offsets[1 - turn] = ((each + turn) * block) % 2048;
        const converting = edgeUs >= complete * periodUs;
        const tick = 5_000_000n + BigInt(Math.floor(edgeUs));
        return ask.placeRequest(timing, tick, offsets, converting);
      });
      const answers = await core(requests);
      answers.forEach((a, i) => {
        const { sampleCounts, channels, edgeUs } = cases[i]!;
        const rowUs = (sampleCounts * channels) / 48;
        const v = new DataView(a.buffer);
        expect(v.getUint32(32, true)).toBe(1);
        expect(Number(v.getBigUint64(8, true))).toBe(Math.ceil(edgeUs / rowUs));
      });
    });

    test("an edge between a conversion's end and its word's arrival is placed by its tick", async () => {
      // 120 counts a sample, four inputs: a row every 10 µs, its first conversion from 0 to 2 µs. The edge
      // comes at 2.05 µs: no word has arrived, and the converter rests until 2.5 µs. Row 0 had begun.
      const timing = { startTick: 1000n, countsATick: 48, sampleCounts: 120, channels: 4 };
      const at = (tick: bigint, done: number, converting: boolean): Uint8Array =>
        ask.placeRequest({ ...timing, block: 2048, ring: 2048 }, tick, [done, 0], converting);
      // And the other way: a row's last word is there, its successor's first is said to be under way.
      const cases = [
        at(1002n, 0, false),
        at(1002n, 0, true),
        at(1009n, 4, true),
        at(1010n, 4, false),
      ];
      const rows = (await core(cases)).map((a) =>
        Number(new DataView(a.buffer).getBigUint64(8, true)),
      );
      expect(rows).toEqual([1, 1, 1, 1]);
    });

    test("drives an INA226: found, set up, read on alert and by time, lost and found again", async () => {
      const script = inaScript();
      const answers = await core(script.map((s) => s.request));
      script.forEach((s, i) => expect([s.says, s.read(answers[i]!)]).toEqual([s.says, s.expected]));
    });
  });
}

/** What the virtual DAQ answers to each, a millisecond apart. */
function virtualReplies(sent: readonly Uint8Array[]): Reply[][] {
  let out: Uint8Array[] = [];
  const truth: DaqTruth = {
    channelNames: ["a", "b", "c", "d"],
    rowHz: 100_000,
    rowsAt: (tNs) => Math.ceil(tNs / 1e4),
    fill: (_first, _rows, words) => void words.fill(0),
    edges: () => [],
    edge: () => undefined,
    lateEdges: () => 0,
  };
  const device = new VirtualDevice(truth, "edges", (f) => out.push(f.slice()) > 0);
  const talk = new Conversation(device, "S1", () => undefined);
  return sent.map((c, i) => {
    out = [];
    talk.command(openFrame(c)!, 1e6 * (i + 1));
    return out.map((f) => decodeReply(openFrame(f)!)!);
  });
}

interface Step {
  says: string;
  request: Uint8Array;
  read(answer: Uint8Array): string;
  expected: string;
}

/** The conversation with one chip at 0x40, 8.8 ms a conversion. */
function inaScript(): Step[] {
  const steps: Step[] = [];
  const wants = (now: number, expected: string, low = false): void => {
    const read = (a: Uint8Array): string => (a[0] === 0 ? "nothing" : hex(a.slice(1, 4 + a[2]!)));
    steps.push({ says: `wants at ${now}`, request: ask.ina.next(now, low), read, expected });
  };
  const done = (now: number, value: number | null, expected = ""): void => {
    const request = ask.ina.done(now, value !== null, value ?? 0);
    steps.push({ says: `outcome at ${now}`, request, read: readingText, expected });
  };
  const quiet = (request: Uint8Array): void => {
    steps.push({ says: "told", request, read: () => "", expected: "" });
  };
  // address, bytes written, reads back, the bytes
  const read = (reg: string): string => `400101${reg}`;
  quiet(ask.ina.begin(0x40, 0x4327));
  wants(0, read("fe"));
  wants(10, "nothing"); // one at a time
  done(100, 0x5449);
  wants(110, read("ff"));
  done(200, 0x2260);
  wants(210, "400300004327");
  done(300, 0);
  wants(310, "400300060400");
  done(400, 0);
  wants(5_000, "nothing");
  quiet(ask.ina.alert(9_123));
  wants(9_130, read("06"), true);
  done(9_200, 0x0408);
  wants(9_210, read("01"));
  done(9_300, 0xffff);
  wants(9_310, read("02"));
  done(9_400, 9_600);
  wants(9_410, read("00"));
  // The line rose as it was read: it is this chip's, and so was the fall.
  done(9_500, 0x4327, "9123 8800 #0 -1 9600 4327 0");
  // No alert: asked when its time is long up, and again while it is not ready.
  wants(19_170, "nothing");
  wants(19_180, read("06"));
  done(19_280, 0x0400);
  wants(19_290, read("06"));
  done(19_400, 0x040c);
  wants(19_410, read("01"));
  done(19_420, 7);
  wants(19_430, read("02"));
  done(19_440, 1);
  wants(19_450, read("00"));
  // It had lost its supply in between: averages of its default, an end between the two reads of its flag
  // (bits 3 to 7: 2^7 ticks either way), then set up again.
  done(19_500, 0x4127, `19290 2200 #1 7 1 4127 ${2 | 4 | (7 << 3)}`);
  wants(19_510, "400300004327");
  done(19_600, null, "19600 8800 #2 0 0 0 1");
  wants(20_000, "nothing");
  wants(28_400, "400300004327");
  done(28_500, 0);
  wants(28_510, "400300060400");
  return steps;
}

function readingText(answer: Uint8Array): string {
  if (answer.length === 0) return "";
  const r = decodeReadings(openFrame(answer)!)![0]!;
  const config = r.config.toString(16);
  return `${r.endTick} ${r.durationTicks} #${r.number} ${r.shunt} ${r.bus} ${config} ${r.status}`;
}
