// What the first pass over a log leaves (scan.ts): everything in it that is small, and an outline of its DAQ stream.

import type { Damage } from "../capture/log-reader.ts";
import type { LateBlock } from "../capture/row-order.ts";
import type { LogReading } from "../capture/unchanged.ts";
import type {
  ClockExchange,
  Edge,
  Mark,
  Note,
  RowLayout,
  TelemetryChannel,
} from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import type { Session } from "../schema/session.ts";
import type { SessionNs } from "../schema/time.ts";
import type { KernelTable } from "./clocks/cuda-kernels.ts";
import type { Discipline } from "./reference/discipline.ts";
import type { MarkTable } from "./mark-table.ts";
import type { Outline } from "./clocks/outline.ts";
import type { ReadColumn } from "./read-column.ts";
import type { Learned, Oddity } from "./rows/learned.ts";
import type { Level } from "./rows/levels.ts";
import type { SliceSums } from "./rows/slice-sums.ts";
import type { WallClock } from "./clocks/wall-clock.ts";
import type { Finding } from "../schema/findings.ts";

/** All reads of one telemetry channel, columns on the session clock. A failed read is NaN with its code. */
export interface TelemetrySeries {
  readonly channel: TelemetryChannel;
  /** Middle of the host's stamps around the call, and half their distance. */
  readonly tNs: ReadColumn;
  readonly halfNs: ReadColumn;
  readonly value: ReadColumn;
  readonly code: ReadColumn;
}

/** The DAQ stream that the rig's rails read. */
export interface StreamScan {
  readonly layout: RowLayout;
  readonly rows: number;
  readonly blocks: number;
  /** Device time of the first and last row. */
  readonly firstDevice: number;
  readonly lastDevice: number;
  /** From each start of the device to its next; most streams have one. */
  readonly segments: readonly SegmentScan[];
  /** Rows that the index says are missing, and how often. */
  readonly missingRows: number;
  readonly gaps: number;
  /** Rows that the index leaves room for, but the source says were never taken: no loss. */
  readonly pausedRows: number;
  readonly outline: Outline;
  /** Of each rail of the rig. */
  readonly levels: readonly (Level | undefined)[];
  /** Changes of the trigger bit, in device time: half-way between the two rows that show it. */
  readonly triggerEdges: readonly { readonly device: number; readonly level: 0 | 1 }[];
  readonly firstTick: bigint | null;
  /** Blocks that stand out of order in the log; everything here is as if they stood in their places. */
  readonly late: readonly LateBlock[];
  /** Where in the log the whole frames lie that hold rows. */
  readonly frames: readonly number[];
  /** What all rows together show of some of them; the outline is without those. */
  readonly learned?: Learned | undefined;
  readonly oddities?: readonly Oddity[];
  /** The stream in slices; null where each row is to be looked at again. */
  readonly slices: SliceSums | null;
}

/** What the blocks of a segment say of its clock. */
export interface SegmentScan {
  /** Device time of its first and last row. */
  readonly firstDevice: number;
  readonly lastDevice: number;
  /** Host's stamps around the first block, if any; and one (device time, arrival) pair a block, thinned. */
  readonly startStamp: { readonly ns: SessionNs; readonly halfNs: number } | null;
  readonly arrivals: readonly { readonly device: number; readonly sessionNs: SessionNs }[];
  /** Device ticks of block starts beside their device time, thinned; empty where the device stamps none. */
  readonly blockTicks: readonly { readonly device: number; readonly tick: bigint }[];
}

export interface Scan extends LogReading {
  readonly session: Session;
  /** As declared, with the lines of its sensors corrected by their references, and the device's skews. */
  readonly rig: Rig | null;
  readonly disciplines: readonly Discipline[];
  /** What the rig says otherwise than the device. */
  readonly findings: readonly Finding[];
  readonly rigSha256: string;
  readonly attachments: ReadonlyMap<string, Uint8Array>;
  readonly stream: StreamScan | null;
  readonly telemetry: readonly TelemetrySeries[];
  /** All but those of kernels and launches. */
  readonly marks: MarkTable;
  /** Marks that bracket the edges which the host raised, with all they say. */
  readonly syncMarks: readonly Mark[];
  readonly kernels: KernelTable | undefined;
  readonly edges: readonly Edge[];
  readonly wall: Pick<WallClock, "first" | "steps">;
  readonly exchanges: Iterable<ClockExchange>;
  readonly notes: readonly Note[];
  readonly damages: readonly Damage[];
}

/** Of a log that has a physical trace: a stream, and the rig whose rails read it. */
export interface TracedScan extends Scan {
  readonly rig: Rig;
  readonly stream: StreamScan;
}

export const isTraced = (scan: Scan): scan is TracedScan =>
  scan.rig !== null && scan.stream !== null;
