// A log of known power, written as a recorder would: rows of watts on the session's own clock, marks, reads.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogWriter } from "../../capture/log-writer.ts";
import { BlockFlag, type TelemetryChannel } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "./evidence.ts";
import { rigOf } from "./rig.ts";

export interface MadeRun {
  readonly seconds: number;
  /** W at an instant, s. */
  readonly powerW: (s: number) => number;
  /** Name, begin and end, s. */
  readonly windows?: readonly (readonly [name: string, from: number, to: number])[];
  /** Kernels as CUPTI dates them: name, begin and end, s. */
  readonly kernels?: readonly (readonly [name: string, from: number, to: number])[];
  readonly telemetry?: readonly {
    readonly channel: TelemetryChannel;
    readonly atS: readonly number[];
    readonly value: (s: number) => number;
    /** Of the source, where the read fails. */
    readonly code?: number;
  }[];
  /** Rows of 1 kHz that never came: [first, end). */
  readonly lost?: readonly [number, number];
  /** They were never taken, by the source's own word. */
  readonly pause?: boolean;
  readonly rig?: Rig;
}

const BLOCK_ROWS = 500;

/** Writes the log into a folder of its own. */
export function runFolder(run: MadeRun): { readonly path: string; readonly remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-made-"));
  const path = join(dir, "capture.mcap");
  write(path, run);
  return { path, remove: () => rmSync(dir, { recursive: true }) };
}

/** Writes the log, hands its path over, and takes it away again. */
export function withRun<T>(run: MadeRun, use: (path: string) => T): T {
  const { path, remove } = runFolder(run);
  try {
    return use(path);
  } finally {
    remove();
  }
}

function write(path: string, run: MadeRun): void {
  const rig = run.rig ?? rigOf();
  const log = new LogWriter(path, { ...SESSION, hostClock: "trace" });
  const at = (s: number) => instant<"host">(SESSION.hostEpoch + BigInt(Math.round(s * 1e9)));
  log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
  const field = {
    name: rig.rails[0]!.power!.field,
    bitOffset: 0,
    bits: 64,
    kind: "float",
  } as const;
  log.declareRows({ stream: "main", rowBytes: 8, fields: [field] });
  const { rowHz } = rig.device;
  const gap = BlockFlag.gapBefore | (run.pause ? BlockFlag.pause : 0);
  const total = Math.round(run.seconds * rowHz) + 1;
  const [lostFrom, lostTo] = run.lost ?? [total, total];
  const write = (from: number, to: number, flags: number): void => {
    const watts = Float64Array.from({ length: to - from }, (_, i) =>
      run.powerW((from + i) / rowHz),
    );
    log.rows({
      ...{ stream: "main", firstIndex: from, deviceTick: null, hostBefore: null, hostAfter: null },
      ...{ rows: to - from, flags, bytes: new Uint8Array(watts.buffer) },
    });
  };
  for (let i = 0; i < lostFrom; i += BLOCK_ROWS) write(i, Math.min(i + BLOCK_ROWS, lostFrom), 0);
  for (let i = lostTo; i < total; i += BLOCK_ROWS)
    write(i, Math.min(i + BLOCK_ROWS, total), i === lostTo ? gap : 0);
  for (const { channel, atS, value, code = 1 } of run.telemetry ?? []) {
    log.declareTelemetry(channel);
    for (const s of atS) {
      const w = value(s);
      const read = { channel: channel.name, before: at(s), after: at(s), stamp: null, value: w };
      log.read({ ...read, code: Number.isNaN(w) ? code : 0 });
    }
  }
  for (const [name, from, to] of run.windows ?? []) {
    log.mark({ name, phase: "begin", clock: "host", t: at(from) });
    log.mark({ name, phase: "end", clock: "host", t: at(to) });
  }
  for (const [i, [name, from, to]] of (run.kernels ?? []).entries()) {
    const launch = { pid: 1, tid: 1, kind: "kernel", correlation: i, span: `0#${i}` };
    const where = { gpu: "gpu:0000:01:00.0", stream: 0, grid: "1x1x1", block: "1x1x1" };
    const fields = { ...launch, ...where };
    log.mark({ name, phase: "begin", clock: "host", t: at(from), fields });
    log.mark({ name, phase: "end", clock: "host", t: at(to), fields: launch });
  }
  log.close();
}
