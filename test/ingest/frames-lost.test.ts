// Where the host's account of a device begins, and what it counts over the border of two runs (docs/wire.md,
// Sequence and Joining).

import { describe, expect, test } from "@jest/globals";
import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import { CommandType } from "../../schema/wire/frame-commands.ts";
import { encodeReply } from "../../schema/wire/frame-replies.ts";
import {
  encodeEdges,
  encodeReadings,
  encodeSamples,
  type Samples,
} from "../../schema/wire/frame-records.ts";
import { random } from "../../stats/random.ts";
import { Collector } from "./collect.ts";

const OPTIONS = { stream: "main", rowHz: 1e5, tickHz: 1e6 };

/** Blocks of 8 rows of a run, numbered on from `sequence`. */
function blocks(run: number, n: number, sequence: number, more: Partial<Samples> = {}) {
  return Array.from({ length: n }, (_, k) => {
    const data = new Uint8Array(48).map((_byte, i) => (i + k + 31 * run) & 255);
    const at = { index: 8 * k, tick: BigInt(80 * k + 1000 * run) };
    const lines = { levels: 0, sampledLines: 0, bitmap: null };
    return encodeSamples(
      { run, rows: 8, mask: 15, bits: 12, data, ...at, ...lines, ...more },
      (sequence + k) % 2 ** 32,
    );
  });
}

function heard(frames: readonly Uint8Array[]) {
  const sink = new Collector();
  const d = new FrameDecoder(sink, OPTIONS);
  for (const f of frames) d.push(f, null, null);
  d.cut();
  return { sink, c: d.counts };
}

describe("over the border of two runs", () => {
  test("frames lost anywhere between two heard are counted where the numbers go on", () => {
    const r = random(5, "border");
    let overBorder = 0;
    for (let round = 0; round < 200; round++) {
      const at = round % 2 === 0 ? 100 : 2 ** 32 - 30;
      const made = [...blocks(1, 30, at), ...blocks(2, 30, at + 30)];
      const came = made.map((_, k) => k === 0 || r.uniform() < 0.6);
      for (let k = 30 - r.integer(8); k < 30 + r.integer(8); k++) came[k] = false;
      const [before, after] = [came.lastIndexOf(true, 29), came.indexOf(true, 30)];
      overBorder += after - before - 1;
      const truth = came.slice(0, came.lastIndexOf(true)).filter((c) => !c).length;
      const { c } = heard(made.filter((_, k) => came[k]));
      expect([c.framesLost, c.restarts]).toEqual([truth, 1]);
    }
    expect(overBorder).toBeGreaterThan(500);
  });

  test("one that comes late after all is taken off again", () => {
    const [old, again] = [blocks(1, 20, 0), blocks(2, 20, 20)];
    const { c } = heard([...old, ...again.slice(3, 6), again[1]!, ...again.slice(6)]);
    expect(c).toMatchObject({ framesLost: 2, rowsLost: 16, reordered: 1, restarts: 1 });
  });

  test.each([
    ["back", 200, 0],
    ["further than can have been made", 200, 1e7],
  ])("numbers that start again, %s, lost none", (_what, from, to) => {
    const { c } = heard([...blocks(1, 20, from), ...blocks(2, 20, to)]);
    expect(c).toMatchObject({ framesLost: 0, rowsLost: 0, restarts: 1 });
  });

  test("levels are not compared", () => {
    const lines = { sampledLines: 1 };
    const { sink, c } = heard([
      ...blocks(1, 3, 0, { ...lines, levels: 0 }),
      ...blocks(2, 3, 3, { ...lines, levels: 1 }),
    ]);
    expect([sink.edges, c.edgesUnplaced]).toEqual([[], 0]);
  });
});

describe("replies with numbers that were missed", () => {
  const answer = (sequence: number, more: object): Uint8Array => {
    const pong = { command: CommandType.ping, request: 7, result: 0, running: true, run: 1 };
    return encodeReply({ ...pong, ...more }, new Uint8Array(16), sequence);
  };

  test.each([
    ["late ones of the run are taken off the losses", {}, 3],
    ["none of a device that rests since its reset", { running: false }, 6],
    ["none of another run", { run: 2 }, 6],
  ])("%s", (_what, more, lost) => {
    const run = blocks(1, 30, 0).filter((_, k) => k < 4 || k > 9); // 4 to 9 are missing
    const replies = [4, 5, 6].map((sequence) => answer(sequence, more));
    const { c } = heard([...run, ...replies]);
    expect(c).toMatchObject({ framesLost: lost, reordered: 6 - lost, rowsLost: 48 });
  });
});

describe("where the account begins", () => {
  test("with the reply that began the run", () => {
    const d = new FrameDecoder(new Collector(), OPTIONS, {
      reply: ({ run }) => d.expectRun(run),
    });
    d.expectNone();
    const reply = { command: CommandType.start, request: 7, result: 0, running: true, run: 3 };
    d.push(encodeReply(reply, new Uint8Array(0), 40), null, null);
    for (const f of blocks(3, 9, 41).slice(4)) d.push(f, null, null);
    expect(d.counts).toMatchObject({ framesLost: 4, rowsLost: 32, restarts: 0 });
  });

  test("with whatever comes first, where the host joins a run", () => {
    const end = { endTick: 1330n, durationTicks: 80, number: 5, shunt: 0, bus: 0 };
    const edge = { line: 0, level: 1 as const, index: 34, tick: 1335n, count: 9 };
    const { c } = heard([
      ...blocks(1, 6, 500).slice(3),
      encodeEdges([edge], 1, 506),
      encodeReadings([{ ...end, config: 0, address: 64, status: 0 }], 1, 507),
    ]);
    expect(c).toMatchObject({ framesLost: 0, rowsLost: 0, edges: 1, edgesLost: 0 });
    expect(c).toMatchObject({ rows: 24, readings: 1, readingsWrong: 0 });
  });
});

test("rows and readings are counted once, however often they come", () => {
  const end = { endTick: 1070n, durationTicks: 80, number: 0, shunt: 0, bus: 0 };
  const reading = encodeReadings([{ ...end, config: 0, address: 64, status: 0 }], 1, 3);
  const frames = [...blocks(1, 3, 0), reading];
  const { sink, c } = heard([...frames, ...frames, ...blocks(1, 5, 1).slice(3)]);
  expect(sink.of("main")).toHaveLength(8); // an echo is kept, as evidence
  expect(c).toMatchObject({ rows: 40, readings: 1, duplicates: 4, framesLost: 0 });
});
