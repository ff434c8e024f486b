// The whole conversation: first with a device in this process (memory port), then with the virtual DAQ
// over a real pty, its own account held against ours.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { type DaqSource, startDaq } from "../../ingest/instruments/truejoule-daq/daq-source.ts";
import { enterBootloader } from "../../ingest/instruments/truejoule-daq/bootloader.ts";
import {
  readCalibration,
  writeCalibration,
} from "../../ingest/instruments/truejoule-daq/calibration-store.ts";
import {
  converse,
  deviceJson,
  probe,
  sourceOf,
} from "../../ingest/instruments/truejoule-daq/handshake.ts";
import { memoryPort, type MemoryPort } from "../../ingest/ports/memory-port.ts";
import { findDevices } from "../../ingest/instruments/recognise.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import { serialPort } from "../../ingest/ports/serial-port.ts";
import { builtInRig } from "../../rigs/load.ts";
import { Conversation } from "../../virtual/daq/conversation.ts";
import { VirtualDevice } from "../../virtual/daq/device.ts";
import { type VirtualDaqProcess, spawnVirtualDaq } from "../../virtual/daq/spawn.ts";
import { benchTruth } from "../../virtual/daq/truth.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import { SourceError } from "../../schema/errors.ts";
import { CommandType } from "../../schema/wire/frame-commands.ts";
import { encodeStatus } from "../../schema/wire/frame-records.ts";
import { FrameSplitter } from "../../schema/wire/frame-splitter.ts";
import { BlockFlag } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { Collector } from "./collect.ts";

jest.setTimeout(30_000); // processes start slowly on a busy machine
const ROW_HZ = 100_000;
const { rig } = await builtInRig("virtual");
const bench = new VirtualBench(rig, { seed: 5, durationS: 20 });
const until = async (met: () => boolean): Promise<void> => {
  for (let k = 0; k < 2000 && !met(); k++) await new Promise((r) => setTimeout(r, 5));
  expect(met()).toBe(true);
};

/** What the model says the rows of a block are. */
function trueRows(first: number, rows: number): Buffer {
  const words = new Uint16Array(rows * 4);
  bench.fillRows(first, rows, words);
  const out = Buffer.alloc(rows * 6);
  for (let i = 0; i < rows * 2; i++) {
    const [a, b] = [words[2 * i]! & 0xfff, words[2 * i + 1]! & 0xfff];
    out.set([a & 255, (a >> 8) | ((b & 15) << 4), b >> 4], 3 * i);
  }
  return out;
}

/** A device behind a memory port, on a clock that the test moves. */
class InProcess {
  readonly port: MemoryPort = memoryPort();
  readonly device: VirtualDevice;
  nowNs = 1e9;
  silent = false;
  /** Times it went to its bootloader. */
  left = 0;
  /** What the line keeps back from the first start on; null while it keeps nothing. */
  held: Uint8Array[] | null = null;

  constructor(trigger: "edges" | "bitmap" = "edges") {
    const stamp = (): ReturnType<typeof instant<"host">> => instant<"host">(BigInt(this.nowNs));
    this.device = new VirtualDevice(benchTruth(bench), trigger, (frame) => {
      if (this.held) this.held.push(frame.slice());
      else if (!this.silent) this.port.feed(frame, stamp(), stamp());
      return true;
    });
    const talk = new Conversation(this.device, "S1", () => this.left++);
    const splitter = new FrameSplitter((f) => talk.command(f, this.nowNs));
    this.port.onWrite = (b) => splitter.push(b, null, null);
  }

  run(ms: number): void {
    for (let k = 0; k < ms; k++) {
      this.nowNs += 1e6;
      this.device.advance(this.nowNs);
    }
  }
}

let source: DaqSource | undefined;
let process_: VirtualDaqProcess | undefined;
let dir: string | undefined;
afterEach(async () => {
  await source?.stop();
  await process_?.stop();
  if (dir) rmSync(dir, { recursive: true });
  source = process_ = dir = undefined;
});

describe("in process", () => {
  test("handshake, rows bit for bit, edges where they were, clock exchanges", async () => {
    const d = new InProcess();
    const sink = new Collector();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ, pingMs: 20 }, sink);
    expect(source.identity).toEqual({
      platform: "program",
      model: "truejoule virtual",
      serial: "S1",
      firmware: "1.0.0",
    });
    d.run(2000);
    await until(() => sink.exchanges.length > 2);
    expect(sink.layouts[0]!.fields.map((f) => f.name)).toEqual([
      "slot_v",
      "slot_i",
      "hpwr_v",
      "hpwr_i",
    ]);
    const first = bench.clock.rowAt(1e9);
    for (const b of sink.blocks)
      expect(trueRows(first + b.firstIndex, b.rows).equals(b.bytes)).toBe(true);
    const wanted = Array.from(bench.trigger.edgesNs).filter((t) => t > 1e9 && t < 2.99e9);
    const edges = sink.edges.slice(0, wanted.length);
    expect(edges).toHaveLength(wanted.length);
    edges.forEach((e, i) => {
      const ns = bench.clock.rowNs(first) + e.index! * bench.clock.periodNs;
      expect(Math.abs(ns - wanted[i]!)).toBeLessThan(2000); // a tick and the clock's jitter
      expect(e.level).toBe(i % 2 === 0 ? edges[0]!.level : 1 - edges[0]!.level!);
    });
    expect(source.counts()).toMatchObject({
      framesLost: 0,
      rowsLost: 0,
      badFrames: 0,
      edgesLost: 0,
      edgesWrong: 0,
    });
  });

  test("the bitmap finds the same edges within a row", async () => {
    const found = await Promise.all(
      (["edges", "bitmap"] as const).map(async (trigger) => {
        const d = new InProcess(trigger);
        const sink = new Collector();
        const s = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ }, sink);
        d.run(1500);
        await s.stop();
        return sink.edges;
      }),
    );
    expect(found[0]!.length).toBeGreaterThan(5);
    expect(found[1]!.map((e) => e.level)).toEqual(found[0]!.map((e) => e.level));
    found[1]!.forEach((e, i) =>
      expect(Math.abs(e.index! - found[0]![i]!.index!)).toBeLessThanOrEqual(0.61),
    );
  });

  test("a mark is placed on the device's clock", async () => {
    const d = new InProcess();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ }, new Collector());
    await expect(source.mark()).rejects.toThrow(/before the first rows of its run/);
    d.run(100);
    const mark = await source.mark();
    // The instant lies within the row before: the device does not speak of rows by their blocks.
    const [row] = d.device.starts.list;
    expect(mark.tick).toBe(BigInt((row!.row + mark.index - 1) * 10));
    expect(mark.index).toBe(100 * 100 + 1);
    expect(mark.received).not.toBeNull();
  });

  test.each([
    ["rests since its reset", (d: InProcess) => d.device.reset(d.nowNs)],
    ["began another run", (d: InProcess) => d.device.start(d.nowNs)],
    [
      "began again",
      (d: InProcess) => {
        d.device.reset(d.nowNs);
        d.device.start(d.nowNs);
      },
    ],
  ])("a mark by a device that %s is none of the run", async (_what, restart) => {
    const d = new InProcess();
    const sink = new Collector();
    const pingMs = 1e6;
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ, pingMs }, sink);
    d.run(100);
    restart(d);
    await expect(source.mark()).rejects.toThrow(/cannot be of the run/);
  });

  test("a clock exchange with another run than the present one is not used", async () => {
    const d = new InProcess();
    const sink = new Collector();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ, pingMs: 5 }, sink);
    d.run(100);
    await until(() => sink.exchanges.length > 2);
    d.device.start(d.nowNs);
    const answer = d.port.onWrite;
    let asked = 0;
    d.port.onWrite = (bytes) => {
      asked++;
      answer(bytes);
    };
    const before = sink.exchanges.length;
    await until(() => asked > 5);
    expect(sink.exchanges).toHaveLength(before);
    d.run(100); // its rows say when it began
    await until(() => sink.exchanges.length > before);
  });

  test("a reset in silence: noticed, started again, the pause counted", async () => {
    const d = new InProcess();
    const sink = new Collector();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ, pingMs: 10 }, sink);
    d.run(100);
    d.device.reset(d.nowNs);
    d.nowNs += 500e6;
    await until(() => source!.counts().reconnects === 1);
    d.run(100);
    const restart = sink.blocks.find((b) => b.flags & BlockFlag.restart)!;
    const before = sink.blocks[sink.blocks.indexOf(restart) - 1]!;
    const pause = restart.firstIndex - (before.firstIndex + before.rows);
    expect(Math.abs(pause - 50_000)).toBeLessThan(1500); // 500 ms, less what the blocks hold
    expect(source.counts()).toMatchObject({ restarts: 1, rowsLost: pause, framesLost: 0 });
    expect(sink.notes.some((n) => n.level === "loss" && /reset/.test(n.text))).toBe(true);
  });

  test("what a device says it lost stays counted when it starts again by itself, and is counted once", async () => {
    const d = new InProcess();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ }, new Collector());
    d.run(100);
    const none = { run: 1, running: true, nextIndex: 0, stalls: 0, longestStallTicks: 0 };
    const status = (sequence: number, tick: bigint, framesDropped: number, rowsOverrun: number) => {
      const counters = { framesDropped, rowsOverrun, edgesDropped: 0, commandsRefused: 0 };
      d.port.feed(encodeStatus({ ...none, tick, ...counters }, sequence), null, null);
    };
    const lost = (): number[] => [source!.counts().deviceDropped, source!.counts().deviceOverrun];
    status(1000, 0n, 5, 0);
    status(1001, 0n, 5, 512);
    status(1000, 0n, 5, 0); // an echo
    status(1002, 0n, 5, 512);
    expect(lost()).toEqual([5, 512]);
    status(0, 2n ** 40n, 0, 0);
    status(1, 2n ** 40n, 2, 0);
    expect(lost()).toEqual([7, 512]);
  });

  test.each([
    ["another run", { run: 2 }],
    ["an earlier tick", { tick: 4n }],
    ["an earlier row", { nextIndex: 9 }],
  ])(
    "a status of %s is of a device that began again, however much it lost since",
    async (_what, more) => {
      const d = new InProcess();
      source = await startDaq(
        { open: d.port.open, stream: "main", rowHz: ROW_HZ },
        new Collector(),
      );
      d.run(100);
      const none = { running: true, rowsOverrun: 0, stalls: 0, longestStallTicks: 0 };
      const at = { ...none, run: 1, tick: 5n, nextIndex: 10, edgesDropped: 0, commandsRefused: 0 };
      d.port.feed(encodeStatus({ ...at, framesDropped: 5 }, 1000), null, null);
      d.port.feed(encodeStatus({ ...at, ...more, framesDropped: 6 }, 1001), null, null);
      expect(source.counts().deviceDropped).toBe(11);
    },
  );

  test("a reset in the middle of a frame, whose replies pass for its rest: noticed as silence", async () => {
    const d = new InProcess();
    const sink = new Collector();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ, pingMs: 50 }, sink);
    d.run(100);
    expect(source.awayNs()).toBe(0);
    d.held = [];
    d.run(20);
    const cut = d.held.find((f) => f.length > 1000)!.subarray(0, 20);
    d.held = null;
    const now = instant<"host">(BigInt(d.nowNs));
    d.port.feed(cut, now, now);
    d.device.reset(d.nowNs);
    await until(() => source!.counts().reconnects === 1);
    expect(sink.notes.some((n) => n.level === "loss" && /fell silent|reset/.test(n.text))).toBe(
      true,
    );
    d.run(100);
    expect(source.counts()).toMatchObject({ restarts: 1, reconnects: 1 });
  });

  /** A head that claims 16 kB, which do not come. */
  const FALSE_HEAD = Uint8Array.of(0xf7, 0x54, 0x4a, 1, 1, 0, 0, 0x40);

  test.each([
    ["an unplugging", async (d: InProcess) => d.port.fail(new SourceError("unplugged"))],
    ["a reset", async (d: InProcess) => d.device.reset(d.nowNs)],
    ["the end", async () => source!.stop()],
  ])("whole frames behind a false length are used at %s", async (_what, end) => {
    const d = new InProcess();
    const sink = new Collector();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ, pingMs: 10 }, sink);
    d.run(100);
    const now = instant<"host">(BigInt(d.nowNs));
    d.port.feed(FALSE_HEAD, now, now);
    const known = sink.of("main").length;
    d.held = [];
    d.run(20);
    const [held, made] = [d.held, d.held.filter((f) => f[4] === 1).length];
    d.held = null;
    for (const f of held) d.port.feed(f, now, now);
    expect(sink.of("main")).toHaveLength(known);
    await end(d);
    await until(() => sink.of("main").length >= known + made);
    expect(made).toBeGreaterThan(2);
    expect(
      sink
        .of("main")
        .slice(0, known + made)
        .map((b) => b.flags),
    ).toEqual(Array(known + made).fill(0));
    expect(source.counts()).toMatchObject({ badFrames: 1, indexFaults: 0, framesLost: 0 });
  });

  test("an answer behind a false length is not waited for in vain", async () => {
    const d = new InProcess();
    const take = d.port.onWrite;
    let asked = 0;
    d.port.onWrite = (bytes) => {
      if (asked++ % 2 === 0) d.port.feed(FALSE_HEAD, null, null);
      take(bytes);
    };
    expect((await probe(d.port.open)).identity.serial).toBe("S1");
    const sink = new Collector();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ }, sink);
    d.port.onWrite = take;
    await source.stop();
    expect(source.counts().badFrames).toBeGreaterThan(0);
  });

  test("the end does not wait for a device that is mute since it was lost", async () => {
    const d = new InProcess();
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ }, new Collector());
    d.silent = true;
    d.port.fail(new SourceError("unplugged"));
    await until(() => source!.awayNs() > 0.3e9);
    const before = performance.now();
    await source.stop();
    expect(performance.now() - before).toBeLessThan(2000); // an unanswered command takes 5 s
  });

  test("another device at the port after an unplugging ends the recording", async () => {
    const d = new InProcess();
    const stranger = new InProcess();
    new Conversation(stranger.device, "S2", () => undefined);
    let fatal: unknown;
    const options = {
      open: d.port.open,
      stream: "main",
      rowHz: ROW_HZ,
      onFatal: (e: unknown) => (fatal = e),
    };
    source = await startDaq(options, new Collector());
    const talk = new Conversation(d.device, "S2", () => undefined);
    const splitter = new FrameSplitter((f) => talk.command(f, d.nowNs));
    d.port.onWrite = (b) => splitter.push(b, null, null);
    d.port.fail(new SourceError("unplugged"));
    await until(() => fatal !== undefined);
    expect((fatal as Error).message).toMatch(/another device answers/);
  });

  test("the calibration text survives the device, pages and padding", async () => {
    const d = new InProcess();
    for (const text of ["", "{}", "µ".repeat(300), "x".repeat(4093)]) {
      await converse(d.port.open, (channel) => writeCalibration(channel, text));
      // Nothing is written for an empty text, so the device keeps what it had: nothing.
      expect(await converse(d.port.open, readCalibration)).toBe(text);
    }
    const long = converse(d.port.open, (c) => writeCalibration(c, "x".repeat(4097)));
    await expect(long).rejects.toThrow(/the device keeps 4096/);
    expect(await converse(d.port.open, readCalibration)).toHaveLength(4093);
  });

  test("goes to its bootloader when asked, and says who went", async () => {
    const d = new InProcess();
    expect((await enterBootloader(d.port.open)).serial).toBe("S1");
    expect(d.left).toBe(1);
  });

  test("what the DAQ says of itself goes into the log as JSON", async () => {
    const greeting = await probe(new InProcess().port.open);
    expect(sourceOf(greeting.identity)).toBe("virtual");
    expect(JSON.parse(deviceJson(greeting))).toMatchObject({
      schema: "device/1",
      serial: "S1",
      tick_hz: 1_000_000,
      row_hz: ROW_HZ,
      channels: [
        { channel: 0, name: "slot_v", skew_ns: 0, full_scale_v: 3.3, bandwidth_hz: null },
        {},
        {},
        {},
      ],
    });
  });

  test("a start that was answered late and repeated begins one run, not two", async () => {
    const d = new InProcess();
    const sink = new Collector();
    const take = d.port.onWrite;
    let starts = 0;
    d.port.onWrite = (bytes) => {
      if (bytes[4] === CommandType.start && starts++ === 0) {
        d.held = [];
        setTimeout(() => {
          const late = d.held!;
          d.held = null;
          const now = instant<"host">(BigInt(d.nowNs));
          for (const frame of late) d.port.feed(frame, now, now);
        }, 250);
      }
      take(bytes);
      if (d.held) d.run(20);
    };
    source = await startDaq({ open: d.port.open, stream: "main", rowHz: ROW_HZ }, sink);
    d.run(50);
    expect(starts).toBe(2);
    expect(source.counts()).toMatchObject({ rowsLost: 0, framesLost: 0 });
    expect(sink.blocks[0]).toMatchObject({ firstIndex: 0, flags: 0 });
    expect(sink.notes.map((n) => n.text).join()).not.toMatch(/restarted/);
  });

  test("what cannot work is said in one line", async () => {
    const sink = new Collector();
    const d = new InProcess();
    const start = (rowHz: number, mask?: number): Promise<DaqSource> =>
      startDaq({ open: d.port.open, stream: "main", rowHz, ...(mask ? { mask } : {}) }, sink);
    await expect(start(50_000)).rejects.toThrow(
      /the rig says 50000 rows\/s, the device can do 100000/,
    );
    await expect(start(ROW_HZ, 0x30)).rejects.toThrow(/configure: bad argument/);
    d.silent = true;
    await expect(start(ROW_HZ)).rejects.toThrow(/no answer to identify; truejoule devices lists/);
  });

  test("a sink that fails ends the recording and says why", async () => {
    const d = new InProcess();
    let fatal: unknown;
    const sink = new Collector();
    source = await startDaq(
      { open: d.port.open, stream: "main", rowHz: ROW_HZ, onFatal: (e) => (fatal = e) },
      sink,
    );
    sink.rows = () => {
      throw new Error("no space left");
    };
    d.run(100);
    await until(() => fatal !== undefined);
    expect((fatal as Error).message).toBe("no space left");
  });

  test("a sink that fails with what waited when the device went ends the recording too", async () => {
    const d = new InProcess();
    let fatal: unknown;
    const sink = new Collector();
    source = await startDaq(
      { open: d.port.open, stream: "main", rowHz: ROW_HZ, onFatal: (e) => (fatal = e) },
      sink,
    );
    d.run(100);
    d.port.feed(FALSE_HEAD, null, null);
    d.run(20);
    sink.rows = () => {
      throw new Error("no space left");
    };
    d.port.fail(new SourceError("unplugged"));
    await until(() => fatal !== undefined);
    expect((fatal as Error).message).toBe("no space left");
  });
});

const onLinux = process.platform === "linux" ? describe : describe.skip;

onLinux("over a pty, from a process of its own", () => {
  async function record(seconds: number, args: string[]) {
    dir = mkdtempSync(join(tmpdir(), "truejoule-daq-"));
    const link = join(dir, "tty");
    process_ = await spawnVirtualDaq(rig, [
      "--seed",
      "5",
      "--seconds",
      "20",
      "--link",
      link,
      ...args,
    ]);
    const sink = new Collector();
    source = await startDaq(
      { open: ttyPort(link), stream: "main", rowHz: ROW_HZ, pingMs: 50 },
      sink,
    );
    await new Promise((r) => setTimeout(r, seconds * 1000));
    await source.stop();
    const counts = source.counts();
    const account = await process_.stop();
    source = process_ = undefined;
    return { sink, counts, account };
  }

  test("nothing is lost when nothing happens; blocks are stamped; the clock exchanges are plausible", async () => {
    const { sink, counts, account } = await record(0.7, []);
    expect(counts).toMatchObject({
      framesLost: 0,
      rowsLost: 0,
      badFrames: 0,
      skippedBytes: 0,
      deviceDropped: 0,
    });
    expect(account.framesDropped).toBe(0);
    expect(counts.rows).toBeGreaterThan(30_000);
    for (const b of sink.blocks) expect(b.hostBefore! < b.hostAfter!).toBe(true);
    expect(sink.exchanges.length).toBeGreaterThan(5);
    const [a, z] = [sink.exchanges[0]!, sink.exchanges.at(-1)!];
    for (const x of sink.exchanges) expect(x.sent < x.received).toBe(true);
    // 1 tick is 1 µs; rates agree within what one exchange's width allows.
    const deviceNs = Number(z.deviceReceived - a.deviceReceived) * 1000;
    const slack = Number(a.received - a.sent + (z.received - z.sent)) + 2000;
    expect(Math.abs(deviceNs - Number(z.sent - a.sent))).toBeLessThan(slack + 1e-4 * deviceNs);
  });

  test("garbage, flipped bits, lost, doubled and swapped frames: each counted exactly", async () => {
    const { counts, account } = await record(0.8, [
      ...["--fault", "garbage@0.1:777", "--fault", "flip@0.2:3", "--fault", "lose@0.3:5"],
      ...["--fault", "duplicate@0.4:2", "--fault", "swap@0.5:2"],
    ]);
    expect(account.faults).toMatchObject({ garbage: 777, flip: 3, lose: 5, duplicate: 2, swap: 2 });
    expect(counts).toMatchObject({
      framesLost: 8,
      duplicates: 2,
      reordered: 2,
      deviceDropped: 0,
      restarts: 0,
    });
    expect(counts.rowsLost % 512).toBe(0);
    expect(counts.rowsLost).toBeLessThanOrEqual(8 * 512);
    expect(counts.skippedBytes).toBeGreaterThanOrEqual(777);
    expect(counts.rows + counts.rowsLost).toBeGreaterThan(account.rowsMade - 4 * 512);
  });

  test("a stall: what the device dropped is what the host misses", async () => {
    const { counts, account } = await record(1.2, [
      "--buffer",
      "32768",
      "--fault",
      "stall@0.2:150",
    ]);
    expect(account.framesDropped).toBeGreaterThan(10);
    expect(counts.framesLost).toBe(account.framesDropped);
    expect(counts.deviceDropped).toBe(account.framesDropped);
    expect(counts.deviceStalls).toBeGreaterThanOrEqual(1); // a busy machine adds its own
    expect(account.longestStallNs).toBeGreaterThan(100e6);
  });

  test("unplugged and back: reconnected, one restart, the gap as long as the pause", async () => {
    const { sink, counts } = await record(1.5, ["--fault", "unplug@0.2:200"]);
    expect(counts).toMatchObject({ reconnects: 1, restarts: 1, framesLost: 0 });
    const restart = sink.blocks.find((b) => b.flags & BlockFlag.restart)!;
    const before = sink.blocks[sink.blocks.indexOf(restart) - 1]!;
    const gapRows = restart.firstIndex - before.firstIndex - before.rows;
    const pauseNs = Number(restart.hostAfter! - before.hostAfter!);
    expect(Math.abs(gapRows + restart.rows - (pauseNs * ROW_HZ) / 1e9)).toBeLessThan(2);
    expect(counts.rowsLost).toBe(gapRows);
    // The device's ticks began at 0 again; the stream's go on over the gap, 10 to a row.
    const ticks = Number(restart.deviceTick! - before.deviceTick!);
    expect(Math.abs(ticks - 10 * (restart.firstIndex - before.firstIndex))).toBeLessThanOrEqual(1);
    expect(sink.notes.filter((n) => n.level === "loss").length).toBeGreaterThan(0);
  });

  test("reset with the line up: started again", async () => {
    // A frame that the reset cut hides the replies: then it is silence that tells.
    const { counts } = await record(3, ["--fault", "restart@0.2"]);
    expect(counts).toMatchObject({ reconnects: 1, restarts: 1 });
    expect(counts.badFrames).toBeLessThanOrEqual(1); // the frame that the reset cut
    expect(counts.rows).toBeGreaterThan(25_000);
  });

  test("the port is locked, and the serialport library works too", async () => {
    process_ = await spawnVirtualDaq(rig, ["--seconds", "20", "--serial", "LOCK"]);
    const { path } = process_;
    const found = await findDevices([{ path }, { path: "/dev/ttyNONE9" }], ttyPort);
    expect(found).toMatchObject([
      { device: { kind: "truejoule-daq", serial: "LOCK" } },
      { problem: "/dev/ttyNONE9: no such device; is it plugged in?" },
    ]);
    const sink = new Collector();
    source = await startDaq({ open: serialPort(path), stream: "main", rowHz: ROW_HZ }, sink);
    await expect(probe(ttyPort(path))).rejects.toThrow(/in use by another program/);
    await until(() => source!.counts().rows > 10_000);
    expect(source.counts()).toMatchObject({ framesLost: 0, rowsLost: 0 });
    expect(source.timing).toBe("event loop");
  });

  test("no port, no permission to speak of, no DAQ", async () => {
    await expect(probe(ttyPort("/dev/ttyNONE9"))).rejects.toThrow(
      /no such device; is it plugged in/,
    );
    await expect(probe(serialPort("/dev/ttyNONE9"))).rejects.toThrow(/no such device/);
    await expect(probe(ttyPort("/dev/null"))).rejects.toThrow(
      /not a serial device or terminal; truejoule devices lists/,
    );
    await expect(probe(ttyPort("/dev"))).rejects.toThrow("/dev: a folder, not a serial device");
  });
});
