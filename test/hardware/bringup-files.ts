// The tables beside a bring-up's page, to hold against a ramp and a logic analyser. In: counts of codes, stamps as
// they come. Out: CSV files that are new, written as the stream goes on, so that no length of it fills the memory.

import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { CODES, type StampSink } from "./watch.ts";

const CHUNK = 1 << 16;

/** A file that was not there before: what somebody filled in, or measured, is not written over. */
export class NewFile {
  readonly path: string;
  readonly #fd: number;
  #waiting = "";
  #written = false;

  /** @throws Error in one line when it is there or cannot be. */
  constructor(path: string) {
    this.path = path;
    try {
      this.#fd = openSync(path, "wx");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why =
        code === "EEXIST"
          ? "is already there; choose another --out or move it away"
          : `cannot be made (${code}); choose another --out`;
      throw new Error(`${path} ${why}`, { cause: message });
    }
  }

  line(text: string): void {
    this.#waiting += `${text}\n`;
    if (this.#waiting.length > CHUNK) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#fd);
  }

  /** After a failure: what was written so far stays, an empty file goes. */
  abandon(): void {
    this.close();
    if (!this.#written) rmSync(this.path);
  }

  #flush(): void {
    const bytes = Buffer.from(this.#waiting);
    if (bytes.length > 0) this.#written = true;
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at);
    this.#waiting = "";
  }
}

/** A line a code, a column an input: how often it came. */
export function writeCodes(file: NewFile, codes: ReadonlyMap<string, Float64Array>): void {
  file.line(["code", ...codes.keys()].join(","));
  const columns = [...codes.values()];
  for (let code = 0; code < CODES; code++)
    file.line([code, ...columns.map((c) => c[code]!)].join(","));
}

/** Ticks of the device, µs on an RP2040. */
export function stampFiles(edges: NewFile, readings: NewFile): StampSink {
  edges.line("tick,level,row");
  readings.line("stream,end_tick,bound_ticks,status");
  return {
    edge: ({ tick, level, index }) => edges.line(`${tick},${level},${index?.toFixed(3)}`),
    reading: (stream, end, bound, status) => readings.line(`${stream},${end},${bound},${status}`),
  };
}
