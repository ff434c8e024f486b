// What instruments that send a frame for each row have in common: the rows of the bench at its own pace, from
// a start command to a stop. In: how one kind answers and what its frame looks like. Out: an instrument.

import type { Rig } from "../../schema/rig.ts";
import { type BenchOptions, VirtualBench } from "../bench/bench.ts";
import type { Instrument, Send } from "./instrument.ts";
import { Starts } from "./starts.ts";
import { LINE_LAG_NS, type OutsideLine } from "./line-file.ts";
import { valueAt } from "../../stats/places.ts";

export interface Paced {
  /** Its rows timed by the bench's clock. */
  readonly rig: Rig;
  readonly bench: BenchOptions;
  /** What the device's own counter counts. */
  readonly tickHz: number;
  readonly send: Send;
  /** Where the trigger line's edges come from; null: the simulated work makes them. */
  readonly line: OutsideLine | null;
}

/** The row that a frame is made of, and the switch of the stream. */
export interface PacedRows {
  /** The bench's word of a field, trigger bit and all; 0 for a field that the rig does not read. */
  word(field: string): number;
  /** Ticks at the row since power-up. */
  ticks(): number;
  /** Its number since the start of the bench. */
  index(): number;
  /** Goes on with the row of the present, if it does not run. */
  start(nowNs: number): void;
  stop(): void;
}

/** One kind of instrument. */
export interface Protocol {
  /** Rate of its UART; absent behind USB. */
  readonly baud?: number;
  readonly take: (bytes: Uint8Array, nowNs: number) => void;
  /** Bytes of the row at hand. */
  frame(): Uint8Array;
  /** Whether there was room for them. */
  sent?(was: boolean): void;
  /** Power-up. */
  reset(): void;
  /** What it did besides frames. */
  account?(): object;
}

/** Bit of the bench's first word that is the trigger line. */
const TRIGGER_BIT = 15;
/** The trigger line's level in the row at hand, of any field: only the first word has it. */
export const levelOf = (word: number): 0 | 1 => ((word >> TRIGGER_BIT) & 1) as 0 | 1;

export function pacedInstrument(
  { rig, bench: options, tickHz, send, line }: Paced,
  make: (rows: PacedRows) => Protocol,
): Instrument {
  const bench = new VirtualBench(rig, { ...options, outsideLine: line !== null });
  const words = new Map(bench.layout.fields.map((f, word) => [f.name, word]));
  const row = new Uint16Array(bench.layout.rowBytes >> 1);
  const account = { framesMade: 0, framesDropped: 0 };
  const starts = new Starts();
  let running = false;
  let next = 0;
  let poweredRow = 0;
  const protocol = make({
    word(field) {
      const word = words.get(field);
      return word === undefined ? 0 : valueAt(row, word);
    },
    ticks: () => Math.floor(((next - poweredRow) * tickHz) / rig.device.rowHz),
    index: () => next,
    start(nowNs) {
      if (!running) starts.begin((next = bench.clock.rowAt(nowNs)));
      running = true;
    },
    stop: () => void (running = false),
  });
  const block = (): void => {
    bench.fillRows(next, 1, row);
    const sent = send(protocol.frame());
    account[sent ? "framesMade" : "framesDropped"]++;
    if (!sent) starts.drop(next);
    protocol.sent?.(sent);
    next++;
  };
  return {
    get running() {
      return running;
    },
    get baud() {
      return protocol.baud ?? null;
    },
    take: (bytes, nowNs) => protocol.take(bytes, nowNs),
    advance(nowNs) {
      if (line) for (const t of line.file.take()) bench.edge(Number(t - line.epoch));
      if (!running) return;
      for (const due = bench.clock.rowAt(nowNs - (line ? LINE_LAG_NS : 0)); next < due;) block();
    },
    block,
    reset(nowNs) {
      running = false;
      poweredRow = bench.clock.rowAt(nowNs);
      protocol.reset();
    },
    account: () => ({
      ...account,
      ...protocol.account?.(),
      lateEdges: bench.lateEdges,
      starts: starts.list,
    }),
    close: () => line?.file.close(),
  };
}

/**
 * Commands of one byte and their arguments, as they come in.
 * @param lengths bytes that follow a command; none follow any other.
 */
export function commandReader(
  lengths: Readonly<Record<number, number>>,
  onCommand: (code: number, rest: readonly number[], nowNs: number) => void,
): { readonly take: Protocol["take"]; readonly reset: () => void } {
  let waiting: number[] = [];
  return {
    take(bytes, nowNs) {
      for (const byte of bytes) {
        waiting.push(byte);
        const [code, ...rest] = waiting as [number, ...number[]];
        if (rest.length < (lengths[code] ?? 0)) continue;
        waiting = [];
        onCommand(code, rest, nowNs);
      }
    },
    reset: () => void (waiting = []),
  };
}
