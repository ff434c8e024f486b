// One case of the fault matrix, over a pseudo-terminal into a capture log: simulator, pipe with faults, source,
// log. Out: what was made, what stands in the log, what was counted as lost, and whether that adds up.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../host/temporary.ts";
import { readCapture } from "../capture/log-reader.ts";
import { LogWriter } from "../capture/log-writer.ts";
import { inRowOrder, lateBlocks } from "../capture/row-order.ts";
import { startDaq } from "../ingest/instruments/truejoule-daq/daq-source.ts";
import { START as PMD_USB_START } from "../ingest/instruments/pmd-usb/handshake.ts";
import { startPmdUsb } from "../ingest/instruments/pmd-usb/source.ts";
import type { OpenAt } from "../ingest/ports/port.ts";
import { startPowerSensor3 } from "../ingest/instruments/powersensor3/source.ts";
import { START as PPK2_START } from "../ingest/instruments/ppk2/handshake.ts";
import { startPpk2 } from "../ingest/instruments/ppk2/source.ts";
import type { DaqSink } from "../ingest/stream/sink.ts";
import { startText } from "../ingest/instruments/text-lines/text-source.ts";
import { ttyPort } from "../ingest/ports/tty-port.ts";
import { builtInRig } from "../rigs/load.ts";
import {
  spawnVirtualDaq,
  type VirtualDaqAccount,
  type VirtualDaqProcess,
} from "../virtual/daq/spawn.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import { type Rig, textFormatOf } from "../schema/rig.ts";
import { instant } from "../schema/time.ts";
import { type Bound, boundOf, WINDOWS } from "./fault-bounds.ts";
import type { DeviceName, FaultCase } from "./fault-cases.ts";
import { type Opening, Pipe } from "./fault-pipe.ts";
import { placed } from "./fault-rows.ts";
import { lateness, sentBy } from "./fault-truth.ts";
import { SESSION } from "./log.ts";

export interface FaultLine {
  readonly bench: "faults";
  readonly device: DeviceName;
  readonly case: string;
  readonly verdict: "ok" | "wrong";
  /** Rows by the device's own clock from the first in the log to the last, those due while it was down too. */
  readonly made: number;
  readonly logged: number;
  /** made − logged; what was counted as lost, and as too much. */
  readonly lost: number;
  readonly counted_lost: number;
  readonly counted_excess: number;
  /** Rows, frames or sets left out, each told before. */
  readonly repeated: number;
  /** Rows in the log that were not made so: only of devices without a checksum, one a damaged byte at most. */
  readonly altered: number;
  /** counted_lost − counted_excess − lost, and the least and most that it may be. */
  readonly off: number;
  readonly bound: readonly [few: number, many: number];
  /** Why that is not 0 and 0. */
  readonly why?: string;
}

const SECONDS = 4;
const SEED = 3;
const RIGS: Readonly<Record<DeviceName, string>> = {
  wire: "virtual",
  text: "example-ina226",
  "text-no-counter": "example-ina226",
  powersensor3: "example-powersensor3",
  "pmd-usb": "example-pmd-usb",
  ppk2: "example-ppk2",
};
const WIRE_HZ = 20_000;
/** What begins a stream; absent: nothing does, or frames say where they begin. */
const STARTS: Readonly<Partial<Record<DeviceName, Uint8Array>>> = {
  powersensor3: Buffer.from("S"),
  "pmd-usb": PMD_USB_START,
  ppk2: PPK2_START,
};

async function rigFor(device: DeviceName): Promise<Rig> {
  const { rig } = await builtInRig(RIGS[device]);
  return device === "wire" ? { ...rig, device: { ...rig.device, rowHz: WIRE_HZ } } : rig;
}

/** What the source is told: of a counter that it is not told of only we know. */
function toldRig(device: DeviceName, rig: Rig): Rig {
  if (device !== "text-no-counter") return rig;
  const { lines, columns, baud } = textFormatOf(rig);
  const clock = { ...rig.device.clock, hz: rig.device.rowHz };
  return { ...rig, device: { ...rig.device, clock, text: { lines, columns, baud } } };
}

interface Live {
  rowsLost(): number;
  counts(): {
    readonly reconnects: number;
    readonly restarts?: number;
    readonly excess?: number;
    readonly repeated?: number;
    readonly duplicates?: number;
  };
  stop(): Promise<void>;
}

async function start(device: DeviceName, rig: Rig, open: OpenAt, sink: DaqSink): Promise<Live> {
  const { stream, rowHz, clock } = rig.device;
  switch (device) {
    case "wire": {
      const daq = await startDaq({ open: open(), stream, rowHz }, sink);
      return {
        rowsLost: () => daq.counts().rowsLost,
        counts: () => daq.counts(),
        stop: () => daq.stop(),
      };
    }
    case "powersensor3":
      return startPowerSensor3(open(), rig, sink);
    case "pmd-usb":
      return startPmdUsb(open, rig, sink);
    case "ppk2":
      return startPpk2(open(), rig, sink);
    case "text":
    case "text-no-counter": {
      const format = textFormatOf(rig);
      return startText({ open: open(format.baud), stream, format, rowHz, clock }, sink);
    }
  }
}

const pause = (s: number): Promise<void> => new Promise((r) => setTimeout(r, s * 1e3));

/** However slow this machine is: until the device has begun anew as often as it must, and a second and a half more. */
async function begunAnew(source: Live, { device, faults = [] }: FaultCase): Promise<void> {
  // A reset that takes no time shows in a counter alone.
  const shown = device === "text-no-counter" ? /^unplug@/ : /^(unplug|restart)@/;
  const times = faults.filter((f) => shown.test(f)).length;
  if (times === 0) return;
  const seen = (): number => {
    const { restarts, reconnects } = source.counts();
    return restarts ?? reconnects;
  };
  for (let k = 0; k < 300 && seen() < times; k++) await pause(0.1);
  await pause(1.5);
}

/** @returns the device's account, where it was ended. */
async function act(
  what: FaultCase["act"],
  daq: VirtualDaqProcess,
): Promise<VirtualDaqAccount | null> {
  if (what !== undefined) await pause(2);
  if (what === "end device") return await daq.stop().finally(() => pause(1));
  if (what !== undefined) {
    const pid = what === "stop host" ? process.pid : daq.pid;
    const script = `kill -STOP ${pid}; sleep 1; kill -CONT ${pid}`;
    await new Promise((done) =>
      spawn("sh", ["-c", script], { stdio: "ignore" }).once("exit", done),
    );
  }
  await pause(what === undefined ? SECONDS : SECONDS - 2);
  return null;
}

export async function runCase(c: FaultCase): Promise<FaultLine> {
  const rig = await rigFor(c.device);
  const told = toldRig(c.device, rig);
  const dir = mkdtempSync(join(tmpdir(), "truejoule-faults-"));
  const link = join(dir, "line");
  const faults = (c.faults ?? []).flatMap((f) => ["--fault", f]);
  const daq = await spawnVirtualDaq(rig, [
    ...["--link", link, "--seed", String(SEED), "--seconds", "60"],
    // On a busy machine a device of 256 bytes drops rows that no case means, and without a counter some go unseen.
    ...(c.device === "text-no-counter" ? ["--buffer", "65536"] : []),
    ...faults,
  ]);
  const pipe = new Pipe(c.pipe ?? [], STARTS[c.device] ?? null, SEED);
  const path = join(dir, "capture.mcap");
  const now = instant<"host">(process.hrtime.bigint());
  const log = new LogWriter(path, { ...SESSION, hostEpoch: now }, { flushMs: 500 });
  let account: VirtualDaqAccount | null = null;
  try {
    const open: OpenAt = (baud) => pipe.through(ttyPort(link, baud === undefined ? {} : { baud }));
    const source = await start(c.device, told, open, log);
    account = await act(c.act, daq);
    await begunAnew(source, c);
    await source.stop();
    account ??= await daq.stop();
    log.close();
    const blocks = blocksOf(path, told.device.stream);
    return judge({ of: c, rig: told, openings: pipe.openings, source }, blocks, account);
  } finally {
    if (account === null) await daq.stop().catch(() => undefined);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** A case that was gone through: what its source was told, what came out of its line, and the source's account. */
interface Trial {
  readonly of: FaultCase;
  readonly rig: Rig;
  readonly openings: readonly Opening[];
  readonly source: Live;
}

function judge(
  { of: c, rig, openings, source }: Trial,
  blocks: readonly SampleBlock[],
  { starts }: VirtualDaqAccount,
): FaultLine {
  const { rowHz } = rig.device;
  const logged = blocks.reduce((n, b) => n + b.rows, 0);
  const sent = sentBy(c.device, rig, openings, starts);
  const { first, last, neverSent, gaps } = placed(sent, blocks);
  const made = last - first + 1;
  const lost = made - logged;
  const { excess = 0, repeated = 0, duplicates = 0 } = source.counts();
  const off = source.rowsLost() - excess - lost;
  const bound = boundOf(c, rig, {
    gaps: lateness(rig, SEED, sent, gaps, WINDOWS[c.device]),
    restarted: starts.some(({ row }) => row > first && row <= last),
  });
  const ok = neverSent <= alterable(c) && logged > rowHz / 2 && within(off, bound);
  return {
    bench: "faults",
    device: c.device,
    case: c.name,
    verdict: ok ? "ok" : "wrong",
    made,
    logged,
    lost,
    counted_lost: source.rowsLost(),
    counted_excess: excess,
    repeated: repeated + duplicates,
    altered: neverSent,
    off,
    bound: [-bound.few, bound.many],
    ...(bound.why === "" ? {} : { why: bound.why }),
  };
}

const within = (off: number, { few, many }: Bound): boolean => off >= -few && off <= many;

/** In the order of their rows; late ones in their places, doubled ones not. */
function blocksOf(path: string, stream: string): SampleBlock[] {
  const late = lateBlocks(readCapture(path), stream);
  const blocks: SampleBlock[] = [];
  for (const r of inRowOrder(readCapture(path), path, stream, late)) {
    const leftOut = BlockFlag.duplicate | BlockFlag.reordered;
    if (r.kind === "rows" && r.block.stream === stream && !(r.block.flags & leftOut))
      blocks.push({ ...r.block, bytes: r.block.bytes.slice() });
  }
  return blocks;
}

/**
 * Rows that may stand in the log otherwise than they were made: but for wire.md no device has a checksum, so a bit
 * or byte of a value that changes on the line is another value; and without a counter a line sent twice is a row.
 */
function alterable({ device, pipe = [] }: FaultCase): number {
  if (device === "wire") return 0;
  const each = { hold: 0, flip: 1, double: device === "text-no-counter" ? 1 : 0 };
  return pipe.reduce((n, f) => {
    const per = (each as Partial<Record<string, number>>)[f.kind];
    return n + (per === undefined ? 2 : per * f.n);
  }, 0);
}
