// A request → a run. Enters: what is asked for, and how a rig becomes a bench. Leaves: RUN/capture.mcap and what
// came of it. Holds: where it cannot begin, nothing is left behind; a program that outlives its recording is
// waited for; the live page and the terminal can only be told.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { claimRun } from "../capture/new-run.ts";
import type { RunPaths } from "../capture/run.ts";
import { software } from "../host/package.ts";
import { type LoadedRig, resolveRig } from "../rigs/load.ts";
import { type Finding, finding } from "../schema/findings.ts";
import type { Source } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import { instant } from "../schema/time.ts";
import type { Bench } from "./bench.ts";
import { cudaEnvironment } from "./cuda.ts";
import { checkRoom, roomFor } from "./disk.ts";
import { takeInterrupts } from "./interrupts.ts";
import type { LiveView } from "./live.ts";
import type { RecordingResult, RecordingState } from "./plan.ts";
import { Program } from "./program.ts";
import { record } from "./recorder.ts";
import { checkRequest, type RecordRequest } from "./request.ts";

/** What a rig is recorded from. @throws UsageError, InputError where the request does not fit it. */
export type OpenBench = (rig: LoadedRig, request: RecordRequest) => Promise<Bench>;

/** What is recorded from. */
export interface RecordedFrom {
  /** In words. */
  readonly description: string;
  /** Whether it is hardware, or which kind of simulation. */
  readonly source: Source;
  readonly rig: LoadedRig;
}

/** Told what goes on, each by a call that must not throw. */
export interface RecordListener {
  /** Another process holds the folder: it is waited for. */
  readonly onWaiting?: (text: string) => void;
  /** What is recorded from; nothing is recorded yet. */
  readonly onBench?: (bench: RecordedFrom) => void;
  /** The live page's address, with its token. */
  readonly onLivePage?: (url: string) => void;
  /** Twice a second. */
  readonly onProgress?: (state: RecordingState) => void;
  /** At once, why it ends before its time. @param goesOn the program runs on, unrecorded. */
  readonly onFailure?: (why: string, goesOn: boolean) => void;
  /** At once, what went wrong beside it. */
  readonly onFinding?: (text: string) => void;
  /** Before anything starts: the way to add faults that only the listener sees. */
  readonly onFindings?: (add: (f: Finding) => void) => void;
  /** Everything is in the log; the program may still run. */
  readonly onRecorded?: () => void;
  /** The program runs on, and is waited for. @param interrupted aborted when it was, or will be, told to end. */
  readonly onWait?: (ended: RecordingResult["ended"], interrupted: AbortSignal) => void;
}

/** A recording that is over. */
export interface Recorded {
  readonly paths: RunPaths;
  readonly bench: Bench;
  readonly result: RecordingResult;
}

/** Records into a new run folder. @throws UsageError, InputError, SourceError where it cannot begin. */
export async function recordRun(
  request: RecordRequest,
  open: OpenBench,
  listener: RecordListener = {},
): Promise<Recorded> {
  checkRequest(request);
  const rig = await resolveRig(request.rig);
  const run = await claimRun(request.out, (text) => listener.onWaiting?.(text));
  try {
    return await recordInto(run.paths, rig, request, { open, listener });
  } finally {
    run.release();
  }
}

/** The same of a request that was checked, into a run that the caller has claimed. */
export async function recordInto(
  paths: RunPaths,
  rig: LoadedRig,
  request: RecordRequest,
  { open, listener = {} }: { readonly open: OpenBench; readonly listener?: RecordListener },
): Promise<Recorded> {
  checkRoom(paths.dir, roomFor(rig.rig, request.durationS ?? Infinity, request.fuse !== false));
  const bench = await open(rig, request);
  try {
    return { paths, bench, result: await recordBench(paths, bench, request, listener) };
  } finally {
    // The recorder has closed it already, if it came so far, and told what was wrong with that.
    await bench.close().catch(() => undefined);
  }
}

async function recordBench(
  paths: RunPaths,
  bench: Bench,
  request: RecordRequest,
  listener: RecordListener,
): Promise<RecordingResult> {
  listener.onBench?.(bench);
  const session = newSession(bench, request.labels ?? {});
  const program = programOf(request);
  let add: (f: Finding) => void = () => undefined;
  const live = request.live === true ? await livePage() : null;
  const interrupts = takeInterrupts(program, {
    signals: request.signals === true,
    ...(request.interrupted ? { asked: request.interrupted } : {}),
    onHangup: () => add(finding("terminal-gone", "terminal", HUNG_UP)),
  });
  try {
    const result = await record({
      paths,
      session,
      bench,
      durationS: request.durationS ?? Infinity,
      program,
      interrupted: interrupts.asked,
      realtime: request.realtime === true,
      trigger: request.trigger !== false,
      cuda: request.cuda === true,
      fuse: request.fuse !== false,
      onProgress: (state) => {
        listener.onProgress?.(state);
        live?.state(state);
      },
      onFailure: (why) => listener.onFailure?.(why, program?.running === true),
      onFindings: (findings) => {
        add = (f) => findings.add(f);
        listener.onFindings?.(add);
      },
      onFinding: (text) => listener.onFinding?.(text),
      ...(live ? { tee: live.tee } : {}),
    }).finally(() => {
      listener.onRecorded?.();
      return live?.close("the recording ended");
    });
    if (program?.running === true) listener.onWait?.(result.ended, interrupts.asked);
    return { ...result, exitCode: (await program?.ended) ?? null };
  } finally {
    interrupts.release();
  }

  async function livePage(): Promise<LiveView> {
    const { startLive } = await import("./live.ts");
    return startLive(bench, session, basename(paths.dir), {
      onUrl: (url) => listener.onLivePage?.(url),
      onLost: (text) => add(finding("live-page-failed", "live page", text)),
    });
  }
}

const HUNG_UP = `the terminal hung up (SIGHUP); recording goes on to its end unattended, kill ${process.pid} ends it before`;

function programOf({ program, programOutput, cuda }: RecordRequest): Program | null {
  if (program === undefined) return null;
  const environment = cuda === true ? cudaEnvironment(program) : {};
  return new Program(program, environment, programOutput ?? "inherit");
}

function newSession(bench: Bench, given: Readonly<Record<string, string>>): Session {
  const now = process.hrtime.bigint();
  const unixNow = BigInt(Date.now()) * 1_000_000n;
  const gpu = bench.environment.nvml?.gpus[0]?.["name"];
  return {
    id: randomUUID(),
    source: bench.source,
    hostClock: "monotonic",
    hostEpoch: bench.epoch,
    startUnix: instant<"unix">(unixNow + (bench.epoch - now)),
    software: software(),
    labels: { ...(typeof gpu === "string" ? { gpu } : {}), ...given },
  };
}
