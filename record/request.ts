// What a recording is asked for: by the command line, the demo, a calibration, a protocol, a script (index.ts).
// Enters: plain values. Leaves: the same values, checked before anything is made or started.

import { UsageError } from "../schema/errors.ts";
import { cudaEnvironment } from "./cuda.ts";
import { checkProgram } from "./program.ts";

/** One recording. Only {@link RecordRequest.out} and {@link RecordRequest.rig} have no default. */
export interface RecordRequest {
  /** Folder to make; it must not exist or be empty. */
  readonly out: string;
  /** The bench: the name of a built-in rig, or the path of a rig file (rigs/README.md). */
  readonly rig: string;
  /** Seconds. Absent: until the program ends or the recording is interrupted. */
  readonly durationS?: number;
  /** Serial port of the DAQ, where several answer. */
  readonly port?: string;
  /** Kept with the run, text by name. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The program to measure and its arguments: started once everything records; window `command-1` spans it. */
  readonly program?: readonly string[];
  /** Where the program's stdout goes: `inherit` (this process's stdout, the default) or `stderr`. */
  readonly programOutput?: "inherit" | "stderr";
  /** The program's CUDA kernels and NVTX ranges are recorded too, unmodified (docs/cuda.md); default false. */
  readonly cuda?: boolean;
  /** Asks for SCHED_FIFO for the telemetry grids; default false. Which class ran is recorded. */
  readonly realtime?: boolean;
  /** Drives the rig's trigger line where it has one; default true. */
  readonly trigger?: boolean;
  /** It is to be fused afterwards: the disk must have room for that as well; default true. */
  readonly fuse?: boolean;
  /** A web page of it on 127.0.0.1 (docs/live.md); default false. */
  readonly live?: boolean;
  /** Of the virtual bench only. */
  readonly simulation?: Simulation;
  /** Ends the recording when it is aborted; the program gets SIGTERM. */
  readonly interrupted?: AbortSignal;
  /**
   * Takes the process's SIGINT and SIGTERM while it records (the first ends recording and program, a second one at
   * once) and outlives SIGHUP; default false.
   */
  readonly signals?: boolean;
}

export interface Simulation {
  /** Another seed is another card and another load; whole, from 0; default 1. */
  readonly seed?: number;
  /** Faults of the simulated DAQ, `KIND@SECOND:N`. */
  readonly faults?: readonly string[];
}

/** A hundred years: more is a slip of the keyboard, s. */
export const LONGEST_S = 100 * 365.25 * 86400;

/** @throws UsageError, InputError where it cannot be meant, before anything is made or started. */
export function checkRequest(request: RecordRequest): void {
  const { durationS = Infinity, program, labels = {}, cuda } = request;
  if (!(durationS > 0))
    throw new UsageError(`duration ${durationS} s: expected a time longer than 0 s`);
  if (Number.isFinite(durationS) && durationS > LONGEST_S)
    throw new UsageError(
      `duration ${durationS} s: longer than 100 years; leave it away to record until the program ends or Ctrl-C`,
    );
  if (Object.hasOwn(labels, "")) throw new UsageError("a label without a name: expected k=v");
  if (cuda === true) cudaEnvironment(program ?? []);
  if (program === undefined) return;
  const [name] = program;
  if (name === undefined) throw new UsageError("the program has no name; leave it away for none");
  checkProgram(name);
}
