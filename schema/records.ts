// The records that cross folders: what a source hands to the capture log and what align reads back.
// Their bytes on disk are specified in docs/capture.md.

import type { Instant } from "./time.ts";

/** Where the numbers came from; it travels with them into every output. */
export type Source = "hardware" | "emulated" | "virtual" | "imported";

/**
 * A converter that chooses its range by itself. The bits of its field above `countBits` are the range, those
 * below the count; the value is c0 + c1 · count + c2 · count², by the device's own calibration.
 */
export interface AutoRange {
  readonly countBits: number;
  /** [c0, c1, c2] of range 0, 1, …; a range beyond is no number. In V, A or W. */
  readonly ranges: readonly (readonly [c0: number, c1: number, c2: number])[];
}

/** What a code of such a field means; NaN for a range that the device does not have. */
export function rangedValue({ countBits, ranges }: AutoRange, code: number): number {
  const [c0, c1, c2] = ranges[code >> countBits] ?? [NaN, NaN, NaN];
  const count = code & (2 ** countBits - 1);
  return c0 + count * (c1 + count * c2);
}

/** One value inside a raw row. Bit k of a row is bit (k mod 8) of byte floor(k / 8): little-endian. */
export interface RowField {
  readonly name: string;
  readonly bitOffset: number;
  readonly bits: number;
  readonly kind: "uint" | "int" | "float";
  /** The sensor's line is then of this value instead of the code. */
  readonly autoRange?: AutoRange;
}

/** How the rows of one DAQ stream are laid out: the device's own bytes wherever its frames have a fixed size. */
export interface RowLayout {
  readonly stream: string;
  readonly rowBytes: number;
  readonly fields: readonly RowField[];
  /** Device time of each row, a counter of `bits` bits that wraps; absent where rows are timed by their index. */
  readonly tick?: RowField;
  /** Trigger input sampled with the row, one bit. */
  readonly trigger?: RowField;
}

/**
 * Block flags, as stored. `restart`: the device restarted, or its counter cannot tell how long a gap was;
 * index and tick go on from the last block by the host's clock, so its clock map has a new segment here.
 * `pause`: nothing was taken before this block, and what the index jumps over is a placeholder, no loss.
 */
export const BlockFlag = {
  gapBefore: 1,
  duplicate: 2,
  reordered: 4,
  restart: 8,
  pause: 16,
} as const;

/** Consecutive raw rows of one stream as the device sent them. */
export interface SampleBlock {
  readonly stream: string;
  /** Index of the first row since the stream began; a jump is a loss. */
  readonly firstIndex: number;
  /** Device time of the first row where the device stamps blocks, ticks, unwrapped or not; else null. */
  readonly deviceTick: bigint | null;
  /** Host clock before and after the read that completed the block; null for imported files. */
  readonly hostBefore: Instant<"host"> | null;
  readonly hostAfter: Instant<"host"> | null;
  readonly rows: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
}

/** What a telemetry channel measures; `energy` is a counter, the rest are gauges. SI units, named in `unit`. */
export interface TelemetryChannel {
  /** For example `nvml.power_instant`; the names of docs/reference.md. */
  readonly name: string;
  readonly quantity: "power" | "energy" | "temperature" | "frequency" | "ratio" | "bytes" | "state";
  readonly unit: string;
  /** Counter modulus in `unit`, where one is known (RAPL); the counter wraps there. */
  readonly wrapsAt?: number;
}

/** One read of one telemetry channel; `code` 0 is success, anything else is the source's own error code. */
export interface TelemetryRead {
  readonly channel: string;
  readonly before: Instant<"host">;
  readonly after: Instant<"host">;
  /** The source's own time stamp where it gives one, UTC. */
  readonly stamp: Instant<"unix"> | null;
  /** NaN when the read failed; never 0 for a failure. */
  readonly value: number;
  readonly code: number;
}

/** A named instant, on the host clock or on another named clock (`log`, `io`, `gpu`, …). */
export interface Mark {
  readonly name: string;
  readonly phase: "begin" | "end" | "instant";
  readonly clock: string;
  readonly t: bigint;
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

/** A hardware edge seen by the DAQ, at a row index (fractional where the device knows better) or device tick. */
export interface Edge {
  readonly line: string;
  readonly stream: string;
  readonly index?: number;
  readonly tick?: bigint;
  /** Seconds since the stream's first row, where the device stamps edges that way. */
  readonly seconds?: number;
  readonly level: 0 | 1 | null;
}

/** The host's clocks read together, so that a step of the wall clock is seen. */
export interface ClockPair {
  readonly mono: Instant<"host">;
  readonly unix: Instant<"unix">;
  readonly boot: bigint;
}

/** A host-to-device exchange of four time stamps: sent, device received, device replied, received. */
export interface ClockExchange {
  readonly stream: string;
  readonly sent: Instant<"host">;
  readonly deviceReceived: bigint;
  readonly deviceSent: bigint;
  readonly received: Instant<"host">;
}

/** Something worth telling whoever reads the run; `loss` is counted and makes commands exit 3. */
export interface Note {
  readonly level: "info" | "warning" | "loss";
  readonly text: string;
  readonly t?: Instant<"host">;
  readonly count?: number;
}
