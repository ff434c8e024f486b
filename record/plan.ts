// What a recording is made of, what it says while it goes on, and what came of it.

import type { LogPlace } from "../capture/log-place.ts";
import type { RunPaths } from "../capture/run.ts";
import type { DaqSink } from "../ingest/stream/sink.ts";
import type { ReadBatch } from "../nvml/batch.ts";
import type { Sampler, SamplerReport } from "../nvml/sampler.ts";
import type { Mark } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import type { Bench } from "./bench.ts";
import type { Finding } from "../schema/findings.ts";
import type { Findings } from "./findings.ts";
import type { Program } from "./program.ts";
import type { TriggerReport } from "./trigger-protocol.ts";

export interface RecordingPlan {
  readonly paths: RunPaths;
  readonly session: Session;
  readonly bench: Bench;
  /** Seconds; Infinity until the program ends or Ctrl-C. */
  readonly durationS: number;
  /** Started once everything records; its end is the recording's. It is not ended with it. */
  readonly program: Program | null;
  /** Ends the recording. */
  readonly interrupted: AbortSignal;
  readonly realtime: boolean;
  /** Drive the bench's trigger line, where it has one. */
  readonly trigger: boolean;
  /** Kernels of the program are asked for (docs/cuda.md). */
  readonly cuda?: boolean;
  /** It is to be fused afterwards: watch that there is room for that too. */
  readonly fuse?: boolean;
  /** Called twice a second. */
  readonly onProgress: (s: RecordingState) => void;
  /** Told at once why the recording ends before its time. */
  readonly onFailure: (why: string) => void;
  /** Told at once what went wrong beside it. */
  readonly onFinding?: (text: string) => void;
  /** Gets the way to tell faults that only the caller sees (its terminal, its page); before anything starts. */
  readonly onFindings?: (findings: Pick<Findings, "add">) => void;
  /** Sees what the log sees: the live page. */
  readonly tee?: DaqSink & {
    /** What the DAQ said of itself (device.json), once it has answered. */
    device(said: string): void;
    reads(batch: ReadBatch, sampler: Sampler): void;
    mark(mark: Mark): void;
  };
}

/** Rows, reads and marks are those in the log, rows that came twice counted once. */
export interface RecordingState {
  readonly elapsedS: number;
  readonly rows: number;
  /** That the DAQ made and the log does not hold. */
  readonly lostRows: number;
  readonly reads: number;
  readonly failedReads: number;
  readonly marks: number;
  readonly lostMarks: number;
  readonly bytes: number;
  readonly freeBytes: number;
}

export interface RecordingResult extends RecordingState {
  readonly ended: "duration" | "command" | "interrupt" | "failure";
  /** The program's; null where it was still running, or there was none. */
  readonly exitCode: number | null;
  /** How each telemetry grid kept its schedule; null where there was none. */
  readonly telemetry: SamplerReport | null;
  /** What the trigger worker did; null where none ran to the end. */
  readonly trigger: TriggerReport | null;
  /** What went wrong beside the measurement. */
  readonly findings: readonly Finding[];
  /** Where the log is by now: asked before anything is made of what has its name. */
  readonly place: () => LogPlace;
  /** What fusing it will take on the disk. */
  readonly fuseBytes: number;
}
