// One case of the fault matrix, over a pseudo-terminal into a capture log: simulator, pipe with faults, source,
// log. Out: what was made, what stands in the log, what was counted as lost, and whether that adds up.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCapture } from "../capture/log-reader.ts";
import { LogWriter } from "../capture/log-writer.ts";
import { inRowOrder, lateBlocks } from "../capture/row-order.ts";
import { startDaq } from "../ingest/daq-source.ts";
import { startPmdUsb } from "../ingest/pmd-usb/source.ts";
import type { OpenAt } from "../ingest/port.ts";
import { startPowerSensor3 } from "../ingest/powersensor3/source.ts";
import { startPpk2 } from "../ingest/ppk2/source.ts";
import type { DaqSink } from "../ingest/sink.ts";
import { startText } from "../ingest/text-source.ts";
import { ttyPort } from "../ingest/tty-port.ts";
import { builtInRig } from "../rigs/load.ts";
import { spawnVirtualDaq, type VirtualDaqProcess } from "../rigs/virtual-daq/spawn.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import { instant } from "../schema/time.ts";
import type { DeviceName, FaultCase } from "./fault-cases.ts";
import { Pipe } from "./fault-pipe.ts";
import { align, rowsOf } from "./fault-rows.ts";
import { SESSION } from "./log.ts";

export interface FaultLine {
  readonly bench: "faults";
  readonly device: DeviceName;
  readonly case: string;
  readonly verdict: "ok" | "wrong";
  /** Rows from the first in the log to the last: made; of them in the log, and truly lost; counted as lost. */
  readonly made: number;
  readonly logged: number;
  readonly lost: number;
  readonly counted_lost: number;
  /** Rows in the log that were not made so: only of devices without a checksum, one a damaged byte at most. */
  readonly altered: number;
  /** `exact`, or why not and how far off it may be. */
  readonly holds: string;
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
/** Of a loss of more than a turn, the host tells the turns, and a busy one is late by this at most. */
const LATE_S = 0.3;
/** Of what the host's clock counts: rows by which a restart or a hole may be told short. */
const TURN_SHARE = 0.06; // the counter's rate and the row's are not the nominal ones
const CLOCK_S = 0.05;

async function rigFor(device: DeviceName): Promise<Rig> {
  const { rig } = await builtInRig(RIGS[device]);
  if (device === "wire") return { ...rig, device: { ...rig.device, rowHz: WIRE_HZ } };
  if (device !== "text-no-counter") return rig;
  const { tick, ...text } = rig.device.text!;
  const columns = text.columns.filter((c) => c !== tick!.column);
  const clock = { ...rig.device.clock, hz: rig.device.rowHz };
  return { ...rig, device: { ...rig.device, clock, text: { ...text, columns } } };
}

interface Live {
  rowsLost(): number;
  counts(): { readonly reconnects: number };
  stop(): Promise<void>;
}

async function start(device: DeviceName, rig: Rig, open: OpenAt, sink: DaqSink): Promise<Live> {
  const { stream, rowHz, clock, text } = rig.device;
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
    case "text-no-counter":
      return startText({ open: open(text!.baud), stream, format: text!, rowHz, clock }, sink);
  }
}

const pause = (s: number): Promise<void> => new Promise((r) => setTimeout(r, s * 1e3));

/** However slow this machine is: until the device has come back so often, and a second and a half more. */
async function connectedAgain(source: Live, times: number): Promise<void> {
  if (times === 0) return;
  for (let k = 0; k < 300 && source.counts().reconnects < times; k++) await pause(0.1);
  await pause(1.5);
}

async function act(what: FaultCase["act"], daq: VirtualDaqProcess): Promise<void> {
  if (what === undefined) return pause(SECONDS);
  await pause(1.5);
  if (what === "kill device") process.kill(daq.pid, "SIGKILL");
  else {
    const pid = what === "stop host" ? process.pid : daq.pid;
    const script = `kill -STOP ${pid}; sleep 1; kill -CONT ${pid}`;
    await new Promise((done) =>
      spawn("sh", ["-c", script], { stdio: "ignore" }).once("exit", done),
    );
  }
  return pause(SECONDS - 1.5);
}

export async function runCase(c: FaultCase): Promise<FaultLine> {
  const rig = await rigFor(c.device);
  const dir = mkdtempSync(join(tmpdir(), "truejoule-faults-"));
  const link = join(dir, "line");
  const faults = (c.faults ?? []).flatMap((f) => ["--fault", f]);
  const rate = c.device === "wire" ? ["--row-rate", String(WIRE_HZ)] : [];
  const daq = await spawnVirtualDaq(rig, [
    ...["--link", link, "--seed", String(SEED), "--seconds", "60"],
    ...rate,
    ...faults,
  ]);
  const pipe = new Pipe(c.pipe ?? [], SEED);
  const path = join(dir, "capture.mcap");
  const now = instant<"host">(process.hrtime.bigint());
  const log = new LogWriter(path, { ...SESSION, hostEpoch: now }, { flushMs: 500 });
  try {
    const open: OpenAt = (baud) => pipe.through(ttyPort(link, baud === undefined ? {} : { baud }));
    const source = await start(c.device, rig, open, log);
    await act(c.act, daq);
    await connectedAgain(source, (c.faults ?? []).filter((f) => f.startsWith("unplug")).length);
    await source.stop();
    const account = c.act === "kill device" ? null : ((await daq.stop()) as unknown as Account);
    log.close();
    return judge(c, rig, pipe, path, source.rowsLost(), account);
  } finally {
    if (c.act !== "kill device") await daq.stop().catch(() => undefined);
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Of any simulator, as far as it is needed here. */
interface Account {
  readonly rowsMade?: number;
  readonly rowsDropped?: number;
  readonly framesDropped?: number;
  readonly faults: Readonly<Record<string, number>>;
}

function judge(
  c: FaultCase,
  rig: Rig,
  pipe: Pipe,
  path: string,
  countedLost: number,
  account: Account | null,
): FaultLine {
  const { stream, rowHz } = rig.device;
  const late = lateBlocks(readCapture(path), stream);
  const blocks: SampleBlock[] = [];
  for (const r of inRowOrder(readCapture(path), path, stream, late)) {
    const leftOut = BlockFlag.duplicate | BlockFlag.reordered;
    if (r.kind === "rows" && r.block.stream === stream && !(r.block.flags & leftOut))
      blocks.push({ ...r.block, bytes: r.block.bytes.slice() });
  }
  const logged = blocks.reduce((n, b) => n + b.rows, 0);
  const sent = rowsOf(c.device, rig, pipe.clean);
  const { span, neverMade } = align(sent, blocks);
  const unsent = account === null ? 0 : droppedBy(c.device, account);
  const made = c.device === "wire" && account ? account.rowsMade! : span + unsent;
  const lost = made - logged;
  const off = countedLost - lost;
  const turn = turnRows(c.device, rig);
  const bound = holdsWithin(c, off, rowHz, turn);
  const ok = neverMade <= alterable(c) && logged > rowHz / 2 && bound !== null;
  return {
    bench: "faults",
    device: c.device,
    case: c.name,
    verdict: ok ? "ok" : "wrong",
    made,
    logged,
    lost,
    counted_lost: countedLost,
    altered: neverMade,
    holds: bound ?? `off by ${off} rows`,
    ...(off !== 0 && bound !== null ? { why: c.bound ?? TURNS } : {}),
  };
}

const TURNS = "whole turns of its counter are told by the host's clock, which was busy";

/**
 * Rows that may stand in the log otherwise than they were made: but for wire.md no device has a checksum, so a bit
 * or byte of a value that changes on the line is another value.
 */
function alterable({ device, pipe = [] }: FaultCase): number {
  if (device === "wire") return 0;
  return pipe.reduce(
    (n, f) => n + (f.kind === "flip" || f.kind === "double" ? f.n : f.kind === "hold" ? 0 : 2),
    0,
  );
}

/** How what was counted compares with what was lost; null: it does not add up. */
function holdsWithin(c: FaultCase, off: number, rowHz: number, turn: number | null): string | null {
  if (off === 0) return "exact";
  if (c.bound !== undefined && off >= -CLOCK_S * rowHz - 1) return `counted − lost = ${off} rows`;
  if (turn === null || Math.abs(off) > LATE_S * rowHz) return null;
  const turns = Math.round(off / turn);
  return turns !== 0 && Math.abs(off / turns / turn - 1) < TURN_SHARE
    ? `${turns} turns of its counter`
    : null;
}

/** Rows in a turn of the counter, where the host has to tell turns. */
function turnRows(device: DeviceName, rig: Rig): number | null {
  const bits = { powersensor3: 10, "pmd-usb": 16, ppk2: 6 }[device as string];
  return bits === undefined ? null : (2 ** bits * rig.device.rowHz) / rig.device.clock.hz;
}

/** Rows that the device made and that never came to the pipe. */
function droppedBy(device: DeviceName, { rowsDropped, framesDropped, faults }: Account): number {
  const dropped = device === "wire" ? 0 : (rowsDropped ?? framesDropped ?? 0);
  return dropped + faults["lose"]!;
}
