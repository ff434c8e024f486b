// A simulated line whose other end is another process: it writes every edge into a file, which the
// virtual DAQ reads (virtual/daq/line-file.ts). Nothing from it is ever labelled measured.
// An edge is 16 bytes, little-endian: i64 CLOCK_MONOTONIC ns, i32 level, i32 0.

import { closeSync, openSync, writeSync } from "node:fs";
import { inputError } from "../schema/errors.ts";
import type { OutputLine } from "./line.ts";

/** A line's name that begins so is a file. */
export const SIMULATED = "simulated:";

const EDGE_BYTES = 16;

export function fileOutput(name: string, path: string): OutputLine {
  let fd: number;
  try {
    fd = openSync(path, "a", 0o600);
  } catch (error) {
    throw inputError("cannot write the simulated line", path, undefined, (error as Error).message);
  }
  let level: 0 | 1 = 0;
  const edge = Buffer.alloc(EDGE_BYTES);
  const set = (to: 0 | 1): void => {
    if (to === level) return;
    level = to;
    edge.writeInt32LE(to, 8);
    edge.writeBigInt64LE(process.hrtime.bigint(), 0);
    writeSync(fd, edge);
  };
  return {
    name,
    set,
    close: () => {
      set(0);
      closeSync(fd);
    },
  };
}
