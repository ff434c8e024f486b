// What the live page's server sends and its script takes: the one definition of docs/live.md's messages for both
// sides. Names and units as there. Holds: no import, so that the page can have it.

/** Subprotocol of the socket, and what the token is offered as. */
export const PROTOCOL = "truejoule.live.1";
export const TOKEN_PREFIX = "token.";

/** First word of a binary message, and how many bytes stand before its numbers. */
export const Kind = { buckets: 1, reads: 2 } as const;
export const BUCKETS_HEAD = 48;
export const READS_HEAD = 8;

/** NaN where it is written, null where it is read: JSON knows no NaN. */
export type Known = number | null;

export type LiveMessage = HelloMessage | StateMessage | WindowsMessage | NotesMessage | EndMessage;

/** One plotted DAQ quantity; the total stands first. */
export interface LiveSeries {
  readonly name: string;
  readonly role: "total" | "power" | "voltage" | "current";
  readonly unit: "W" | "V" | "A";
}

export interface LiveChannel {
  readonly name: string;
  readonly quantity: string;
  readonly unit: string;
}

/** First of all, and again whenever streams or channels change: the page starts again. */
export interface HelloMessage {
  readonly type: "hello";
  readonly schema: "live/1";
  readonly source: string;
  readonly rig: string;
  readonly run: string;
  readonly row_hz: number;
  /** Of the finest level; level l has `ratio`^l as many. */
  readonly rows_per_bucket: number;
  readonly ratio: number;
  readonly levels: number;
  /** Buckets kept of each level. */
  readonly capacity: number;
  readonly series: readonly LiveSeries[];
  readonly channels: readonly LiveChannel[];
}

export interface StateMessage {
  readonly type: "state";
  readonly now_s: number;
  readonly elapsed_s: number;
  /** Mean of the last second. */
  readonly power_w: Known;
  readonly energy_j: Known;
  readonly rows: number;
  readonly lost_rows: number;
  readonly clipped_rows: number;
  /** Session seconds. */
  readonly gaps: readonly (readonly [Known, Known])[];
  readonly edges: readonly Known[];
  readonly marks: number;
  readonly lost_marks: number;
  readonly reads: number;
  readonly failed_reads: number;
  readonly clock: LiveClock;
  readonly grids: readonly LiveGrid[];
  readonly disk: { readonly bytes: number; readonly free_bytes: number } | null;
}

export interface LiveClock {
  readonly method: "exchange" | "arrival" | "none";
  readonly rate_ppm: Known;
  readonly u_rate_ppm: Known;
  readonly u_offset_ns: Known;
  readonly residual_rms_ns: Known;
  readonly exchanges: number;
  readonly round_trip_ns: Known;
}

/** How late a telemetry grid's ticks were lately. */
export interface LiveGrid {
  readonly name: string;
  readonly period_ms: number;
  readonly median_ms: Known;
  readonly p99_ms: Known;
  readonly worst_ms: Known;
}

export interface WindowsMessage {
  readonly type: "windows";
  /** Channels whose claims stand in `claims_j`, in their order. */
  readonly claims: readonly string[];
  /** Oldest first. */
  readonly open: readonly LiveWindowRow[];
  /** Newest first. */
  readonly closed: readonly ClosedWindowRow[];
}

export interface LiveWindowRow {
  readonly name: string;
  readonly t0_s: number;
  readonly duration_s: number;
  readonly energy_j: Known;
}

export interface ClosedWindowRow extends LiveWindowRow {
  readonly lost_rows: number;
  readonly claims_j: readonly Known[];
}

export interface NotesMessage {
  readonly type: "notes";
  readonly list: readonly LiveNote[];
}

export interface LiveNote {
  readonly level: string;
  readonly text: string;
  readonly t_s: Known;
}

/** The recording ended; nothing follows. */
export interface EndMessage {
  readonly type: "end";
  readonly text: string;
}
