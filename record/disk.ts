// How much room there is, and whether a recording and the fuse that follows it fit.

import { statfsSync } from "node:fs";
import { InputError } from "../schema/errors.ts";
import type { Rig } from "../schema/rig.ts";
import { fusedColumns, rowBytes } from "../schema/tables.ts";

export function freeBytes(dir: string): number {
  const s = statfsSync(dir);
  return s.bavail * s.bsize;
}

/** Power channels of telemetry that a machine with a GPU has; how many there are is known once they are read. */
const ASSUMED_CHANNELS = 4;
/** Reads a second of one GPU at the default pace: four channels at 100 Hz and some at 10 Hz. */
const ASSUMED_READ_HZ = 450;
/** Bytes of a read in the log, and of its row of telemetry.arrow with what fuse keeps beside it meanwhile. */
const LOG_BYTES_A_READ = 84;
const FUSE_BYTES_A_READ = 53 + 24;
/** Left for other programs, and for what is small. */
const SPARE_BYTES = 512 << 20;
/** Without an end in sight: so long at least, s. */
const OPEN_END_S = 60;

/** Bytes per second that a rig makes in the log: 12-bit channels packed, and a tenth for all the rest. */
export function bytesPerSecond(rig: Rig): number {
  const channels = rig.rails.reduce(
    (n, r) => n + [r.voltage, r.current, r.power].filter((s) => s !== undefined).length,
    0,
  );
  return 1.1 * rig.device.rowHz * channels * 1.5;
}

/** Bytes of a row of fused.arrow. @param channels power channels of telemetry. */
export function fusedRowBytes(rig: Rig, channels = ASSUMED_CHANNELS): number {
  const names = Array.from({ length: channels }, (_, i) => String(i));
  return rowBytes(
    fusedColumns(
      rig.rails.map((r) => r.name),
      names,
    ),
  );
}

/** Bytes that fusing so many rows and reads takes. @param channels power channels of telemetry. */
export const fuseBytes = (rig: Rig, rows: number, reads: number, channels?: number): number =>
  rows * fusedRowBytes(rig, channels) + reads * FUSE_BYTES_A_READ;

export interface Room {
  readonly logBytes: number;
  /** 0 where it is not to be fused. */
  readonly fuseBytes: number;
}

/** What a recording of this length will take. @param durationS Infinity: a minute of it. */
export function roomFor(rig: Rig, durationS: number, fuse: boolean): Room {
  const seconds = Number.isFinite(durationS) ? durationS : OPEN_END_S;
  return {
    logBytes: (bytesPerSecond(rig) + ASSUMED_READ_HZ * LOG_BYTES_A_READ) * seconds + SPARE_BYTES,
    fuseBytes: fuse ? fuseBytes(rig, rig.device.rowHz * seconds, ASSUMED_READ_HZ * seconds) : 0,
  };
}

const gb = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;

/** @throws InputError where they do not fit. */
export function checkRoom(dir: string, { logBytes, fuseBytes }: Room, free = freeBytes(dir)): void {
  const need = logBytes + fuseBytes;
  if (free >= need) return;
  const parts =
    fuseBytes > 0
      ? ` (its log ${gb(logBytes)}, the fuse that follows ${gb(fuseBytes)}; --no-fuse needs ${gb(logBytes)} alone)`
      : "";
  throw new InputError(
    `${dir}: ${gb(free)} free, a recording of this length needs ${gb(need)}${parts}; free some space or choose another --out`,
  );
}

/** What is wrong with the room that is left, in words; null where the rest and its fuse will fit. */
export function shortage(free: number, rest: Room): string | null {
  if (free >= rest.logBytes + rest.fuseBytes) return null;
  const log = `${gb(free)} free, the rest of the log needs ${gb(rest.logBytes)}`;
  if (free < rest.logBytes) return `${log}: the recording will end early unless some is freed`;
  return `${log} and the fuse after it ${gb(rest.fuseBytes)}: unless some is freed, fuse elsewhere or at a lower --rate`;
}
