// The virtual DAQ's end of a simulated trigger line: edges that another process writes into a file
// (gpio/sim-file.ts): 16 bytes each, little-endian: i64 CLOCK_MONOTONIC ns, i32 level, i32 0.

import { closeSync, openSync, readSync } from "node:fs";

const EDGE_BYTES = 16;

/** A line that another process drives, and its clock's zero. */
export interface OutsideLine {
  readonly file: LineFile;
  readonly epoch: bigint;
}

/** Rows are made this much after their time where another process drives the line: its edges need time to come. */
export const LINE_LAG_NS = 20e6;

export interface LineFile {
  /** Host ns of the edges written since the last look. The line is low at first, and they alternate. */
  take(): bigint[];
  close(): void;
}

export function lineFile(path: string): LineFile {
  const fd = openSync(path, "r");
  const chunk = Buffer.alloc(EDGE_BYTES * 256);
  let at = 0;
  return {
    take() {
      const edges: bigint[] = [];
      for (;;) {
        const got = readSync(fd, chunk, 0, chunk.length, at);
        const whole = got - (got % EDGE_BYTES);
        for (let i = 0; i < whole; i += EDGE_BYTES) edges.push(chunk.readBigInt64LE(i));
        at += whole;
        if (whole < chunk.length) return edges;
      }
    },
    close: () => closeSync(fd),
  };
}
