// The Perfetto trace against the run's tables, through a decoder of the protobuf wire format that shares
// nothing with the writer. Field numbers are spelled out again here, from perfetto_trace.proto.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Table, tableFromIPC } from "apache-arrow";
import { runPaths } from "../../capture/run.ts";
import { command as exportCommand } from "../../cli/export.ts";
import { command as importCommand } from "../../cli/import.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { ProtoBuffer } from "../../formats/protobuf.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { ScheduleBuilder } from "../../virtual/bench/schedule.ts";
import { call } from "../end-to-end/call.ts";
import { type Decoded, decode } from "./proto-decoder.ts";

interface Slice {
  readonly name: string;
  readonly t0: bigint;
  t1: bigint;
  readonly args: Readonly<Record<string, string | number>>;
}

interface TrackRead {
  readonly name: string;
  readonly parent: bigint | undefined;
  readonly unit: string | undefined;
  readonly process: string | undefined;
  readonly slices: Slice[];
  readonly instants: Slice[];
  readonly values: (readonly [bigint, number])[];
}

/** What a viewer would make of the file: events sorted by time, slices as a stack a track. */
function readTrace(bytes: Uint8Array): { tracks: TrackRead[]; packets: number } {
  const tracks = new Map<bigint, TrackRead>();
  const names = { event: new Map<bigint, string>(), argument: new Map<bigint, string>() };
  const packets = decode(bytes).messages(1);
  const events: { t: bigint; event: Decoded }[] = [];
  packets.forEach((packet, i) => {
    expect(packet.uint(10)).toBe(1n);
    expect(packet.uint(13)).toBe(i === 0 ? 1n : 2n);
    const interned = packet.message(12);
    for (const e of interned?.messages(2) ?? []) names.event.set(e.uint(1)!, e.text(2)!);
    for (const e of interned?.messages(3) ?? []) names.argument.set(e.uint(1)!, e.text(2)!);
    const d = packet.message(60);
    if (d)
      tracks.set(d.uint(1)!, {
        name: d.text(2) ?? "",
        parent: d.uint(5),
        unit: d.message(8)?.text(6),
        process: d.message(3)?.text(6),
        slices: [],
        instants: [],
        values: [],
      });
    const event = packet.message(11);
    if (event) events.push({ t: packet.uint(8)!, event });
  });
  const named = (e: Decoded): string => e.text(23) ?? names.event.get(e.uint(10)!)!;
  const open = new Map<bigint, Slice[]>();
  events
    .map((e, i) => ({ ...e, i }))
    .sort((a, b) => (a.t < b.t ? -1 : a.t > b.t ? 1 : a.i - b.i))
    .forEach(({ t, event }) => {
      const uuid = event.uint(11)!;
      const track = tracks.get(uuid)!;
      const args = Object.fromEntries(
        event
          .messages(4)
          .map((a) => [names.argument.get(a.uint(1)!)!, a.text(6) ?? a.double(5) ?? -1]),
      );
      const stack = open.get(uuid) ?? [];
      open.set(uuid, stack);
      const type = event.uint(9);
      if (type === 1n) {
        const slice = { name: named(event), t0: t, t1: -1n, args };
        stack.push(slice);
        track.slices.push(slice);
      } else if (type === 2n) stack.pop()!.t1 = t;
      else if (type === 3n) track.instants.push({ name: named(event), t0: t, t1: t, args });
      else track.values.push([t, event.double(44)!]);
    });
  for (const stack of open.values()) expect(stack).toEqual([]);
  return { tracks: [...tracks.values()], packets: packets.length };
}

const EPOCH = 86_400_000_000_000n;
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-perfetto-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

async function exported(run: string): Promise<ReturnType<typeof readTrace>> {
  const out = join(dir, "out.pftrace");
  const done = await call(exportCommand, [run], { perfetto: out });
  expect([done.error, done.code]).toEqual([null, 0]);
  const read = readTrace(readFileSync(out));
  expect(done.document).toMatchObject({ files: [{ path: out, rows: read.packets }] });
  return read;
}

describe("a virtual run with kernels, marks, gaps and failed reads", () => {
  let tracks: TrackRead[];
  let fused: Table;
  let events: Table;
  let telemetry: Table;
  const of = (name: string): TrackRead => tracks.find((t) => t.name === name)!;

  beforeAll(async () => {
    const b = new ScheduleBuilder().hold(90, 0.4e9);
    for (let k = 0; k < 8; k++) {
      b.span("step", { batch: k }, () => {
        for (let i = 0; i < 5; i++)
          b.kernel(i % 2 ? "gemm" : "add", () => b.hold(370, 200e3 + 100e3 * i)).hold(90, 60e3);
      }).hold(90, 100e6);
    }
    const run = join(dir, "run");
    const options = { seed: 3, durationS: 2, schedule: b.hold(90, 1e9).build() };
    await writeVirtualCapture(run, { ...options, faults: { failedReads: 0.02, lostBlocks: 0.03 } });
    fuseRun(runPaths(run));
    tracks = (await exported(run)).tracks;
    const table = (name: string): Table => tableFromIPC(readFileSync(join(run, name)));
    [fused, events, telemetry] = ["fused.arrow", "events.arrow", "telemetry.arrow"].map(table) as [
      Table,
      Table,
      Table,
    ];
  }, 60_000);

  test("the whole says that it is simulated; every track has its place", () => {
    expect(tracks[0]!.process).toMatch(/virtual: simulated, not measured/);
    expect(tracks.slice(1).every((t) => t.parent !== undefined)).toBe(true);
    expect(of("hpwr_12v power").unit).toBe("W");
    expect(of("nvml.energy_counter").unit).toBe("J");
  });

  test("counters: means, least and most of each millisecond, the rows themselves near events", () => {
    const t = fused.getChild("t_ns")!.toArray() as BigInt64Array;
    const w = fused.getChild("power_hpwr_12v_w")!.toArray() as Float32Array;
    const flags = fused.getChild("flags")!.toArray() as Uint8Array;
    const byTime = new Map(Array.from(t, (x, i) => [x + EPOCH, i]));
    const raw = new Map(of("hpwr_12v power").values);
    const least = new Map(of("hpwr_12v power, least of a cell").values);
    const most = new Map(of("hpwr_12v power, most of a cell").values);
    let [cells, rows] = [0, 0];
    for (const at of least.keys()) {
      const first = byTime.get(at)!;
      let end = first + 1;
      const cell = Number(t[first]!) / 1e6;
      const same = (i: number): boolean =>
        i < t.length && Math.floor(Number(t[i]!) / 1e6) === Math.floor(cell) && !(flags[i]! & 1);
      while (same(end)) end++;
      const values = w.subarray(first, end);
      expect(least.get(at)).toBe(Math.min(...values));
      expect(most.get(at)).toBe(Math.max(...values));
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      if (Math.abs(raw.get(at)! - mean) < 1e-9) cells++;
    }
    for (const [at, value] of raw) if (w[byTime.get(at)!] === value) rows++;
    expect(cells).toBeGreaterThan(900);
    // Ten edges a step, 8 steps, a millisecond on each side at 100 kS/s.
    expect(rows).toBeGreaterThan(8 * 300);
    expect(cells + rows).toBeGreaterThanOrEqual(raw.size);
    const near = Array.from(events.getChild("t0_ns")!.toArray() as BigInt64Array).slice(1);
    for (const at of near) {
      const i = t.findIndex((x) => x > at);
      expect(raw.get(t[i]! + EPOCH)).toBe(w[i]);
    }
  });

  test("gaps are slices, trigger edges instants", () => {
    const flags = fused.getChild("flags")!.toArray() as Uint8Array;
    const count = (bit: number): number => flags.filter((f) => f & bit).length;
    expect(count(1)).toBeGreaterThan(0);
    expect(of("not observed").slices).toHaveLength(count(1));
    expect(of("trigger edges").instants).toHaveLength(count(4));
  });

  test("every event is a slice with its Joules; kernels by stream, spans by name", () => {
    const slices = tracks.flatMap((t) => t.slices).filter((s) => s.name !== "gap");
    expect(slices).toHaveLength(events.numRows);
    const key = (name: string, t0: bigint): string => `${name} ${t0}`;
    const byKey = new Map(slices.map((s) => [key(s.name, s.t0), s]));
    for (let i = 0; i < events.numRows; i++) {
      const get = (c: string): unknown => events.getChild(c)!.get(i);
      const slice = byKey.get(key(get("name") as string, (get("t0_ns") as bigint) + EPOCH))!;
      expect(slice.t1).toBe((get("t1_ns") as bigint) + EPOCH);
      expect(slice.args["energy_j"]).toBe(get("energy_j"));
      expect(slice.args["expanded_uncertainty_j"]).toBe(get("expanded_uncertainty_j"));
    }
    const stream = of("gpu:0000:01:00.0 stream 7");
    expect(stream.slices.map((s) => s.name).slice(0, 3)).toEqual(["add", "gemm", "add"]);
    expect(stream.slices[0]!.args).toMatchObject({ grid: "264x1x1", source: "cupti" });
    expect(of("step").slices.map((s) => s.args["batch"])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("telemetry: every read a value, every failure an instant with its code", () => {
    const channel = telemetry.getChild("channel")!;
    const value = telemetry.getChild("value")!;
    let [good, failed] = [0, 0];
    for (let i = 0; i < telemetry.numRows; i++) {
      if (channel.get(i) !== "nvml.power_usage") continue;
      if (value.get(i) === null) failed++;
      else good++;
    }
    expect(failed).toBeGreaterThan(0);
    expect(of("nvml.power_usage").values).toHaveLength(good);
    const failures = of("nvml.power_usage, failed reads").instants;
    expect(failures.map((f) => f.args["code"])).toEqual(Array(failed).fill(999));
  });
});

test("a run of telemetry and marks alone; a run that was not fused is one line", async () => {
  const source = join(dir, "log.csv");
  const text = "t_mono_ns,power_W,label\n1000,5,\n1500,MARK,first_token\n2000,nan,\n3000,7,\n";
  writeFileSync(source, text);
  const run = join(dir, "telemetry");
  await call(importCommand, ["nvml-csv", source], { out: run });
  const early = await call(exportCommand, [run], { perfetto: join(dir, "no.pftrace") });
  expect(early.error!.message).toMatch(/not fused yet/);
  fuseRun(runPaths(run));
  const { tracks } = await exported(run);
  const power = tracks.find((t) => t.name === "nvml.power_usage")!;
  expect(power.values.map(([, v]) => v)).toEqual([5, 7]);
  const marks = tracks.find((t) => t.name === "marks")!;
  expect(marks.instants.map((m) => m.name)).toEqual(["first_token"]);
  expect(marks.instants[0]!.t0 - power.values[0]![0]).toBe(500n);
});

test("the writer's numbers come back: small, large, negative exponents, text of any length", () => {
  const p = new ProtoBuffer();
  const whole = [
    0n,
    1n,
    127n,
    128n,
    300n,
    2n ** 32n - 1n,
    2n ** 32n,
    2n ** 53n + 1n,
    2n ** 64n - 1n,
  ];
  for (const x of whole) p.uint64(1, x);
  for (const x of whole.filter((w) => w < 2n ** 53n)) p.uint(2, Number(x));
  const message = p.begin(3);
  p.double(1, -1.5e-9);
  p.text(2, "µ".repeat(100_000));
  p.end(message);
  const d = decode(p.bytes);
  expect(d.uints(1)).toEqual(whole);
  expect(d.uints(2)).toEqual(whole.filter((w) => w < 2n ** 53n));
  expect(d.message(3)!.double(1)).toBe(-1.5e-9);
  expect(d.message(3)!.text(2)).toBe("µ".repeat(100_000));
});
