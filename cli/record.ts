// truejoule record: DAQ, edges, marks and telemetry into one run, live.

import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { claimRun } from "../capture/new-run.ts";
import type { RunPaths } from "../capture/run.ts";
import { type LoadedRig, resolveRig } from "../rigs/load.ts";
import { InputError, UsageError } from "../schema/errors.ts";
import { degrades, finding } from "../schema/findings.ts";
import type { Session } from "../schema/session.ts";
import { instant } from "../schema/time.ts";
import { quantity } from "../schema/units.ts";
import { type Command, type ExitCode, type Invocation, tell, type Ui } from "./command.ts";
import { isGone, whenGone } from "./outlive.ts";
import { type Bench, realBench } from "../record/bench.ts";
import { cudaEnvironment } from "../record/cuda.ts";
import { checkRoom, freeBytes, roomFor } from "../record/disk.ts";
import type { Findings } from "../record/findings.ts";
import { takeInterrupts } from "../record/interrupts.ts";
import type { LiveListener } from "../record/live.ts";
import type { RecordingResult, RecordingState } from "../record/plan.ts";
import { checkProgram, Program } from "../record/program.ts";
import { tellWaiting, withRun } from "./locked-run.ts";
import { record } from "../record/recorder.ts";
import { clearProgress, inPlace, progressLine, tellLine } from "./terminal.ts";
import { software } from "./version.ts";

export const command: Command = {
  summary: "records DAQ, edges, marks and telemetry until the duration or CMD ends",
  records: true,
  usage:
    "--rig FILE|NAME --out RUN [--duration 10s] [--port TTY] [--label k=v] [--live] [--cuda] [-- CMD …]",
  help: `
Writes RUN/capture.mcap as it goes (a kill loses less than a second), then fuses it. CMD finds the marks
folder in TRUEJOULE_MARKS (docs/marks.md); a window named command-1 spans it. Ctrl-C ends both cleanly, a
second one at once. A recording that fails says so at once and leaves CMD alone: it goes on unrecorded.
Only a log that takes nothing more (a full disk) and the DAQ's own fatal errors end it early; a terminal that
goes (SIGHUP, a closed pipe), the live page, marks and telemetry do not: they are told and exit 3.
Exit: 1 if the recording failed, else CMD's code if not 0 (128 + n for signal n), else 3 or 0.
--rig virtual records the virtual bench over a pty in real time; everything in it is simulated. With --cuda
its simulated load follows CMD's own kernels.

example: truejoule record --rig bench.yaml --out runs/gemm --label batch=8 -- python train.py`,
  options: {
    rig: { type: "string" },
    out: { type: "string" },
    duration: { type: "string" },
    port: { type: "string" },
    label: { type: "string", multiple: true },
    seed: { type: "string" },
    realtime: { type: "boolean" },
    live: { type: "boolean" },
    cuda: { type: "boolean" },
    "no-trigger": { type: "boolean" },
    "no-fuse": { type: "boolean" },
    fault: { type: "string", multiple: true },
  },
  optionHelp: [
    ["--rig FILE|NAME", "the bench (rigs/README.md); virtual is the simulated one"],
    ["--out RUN", "folder to make; must not exist or be empty"],
    ["--duration TIME", "30s, 10min; without it until CMD ends or Ctrl-C"],
    ["--port TTY", "the DAQ's port, if several answer"],
    ["--label k=v", "kept with the run; any number of times"],
    [
      "--realtime",
      "ask for SCHED_FIFO for the telemetry grids (needs rtprio; which class ran is recorded)",
    ],
    ["--live", "a web page of it on 127.0.0.1 (docs/live.md); its address goes to stderr"],
    ["--cuda", "CMD's kernels and NVTX ranges too, unmodified (docs/cuda.md)"],
    [
      "--no-trigger",
      "leave the rig's trigger line alone (its worker takes a core where there are four)",
    ],
    ["--no-fuse", "leave fusing for later"],
    ["--seed N", "virtual bench: another card, another load (1)"],
    [
      "--fault KIND@S:N",
      "virtual bench: a fault of the DAQ, such as unplug@3:1, stall@2:100, garbage@1:50",
    ],
  ],

  async run(call) {
    const { out } = call.options;
    if (typeof out !== "string") throw new UsageError("record needs --out RUN");
    return finish(await recordTo(out, call), call);
  },
};

export interface Recorded {
  readonly paths: RunPaths;
  readonly bench: Bench;
  readonly result: RecordingResult;
}

/** Records what the call's options say into a new run. @param announce told the live page's address. */
export async function recordTo(
  out: string,
  call: Invocation,
  announce?: (url: string) => void,
): Promise<Recorded> {
  const { rig } = call.options;
  if (call.positionals.length > 0) throw new UsageError("only options and -- CMD are taken");
  if (typeof rig !== "string") throw new UsageError("needs --rig FILE|NAME");
  // Before anything is made or started.
  cudaOf(call);
  seedOf(call);
  await checkFaults(call);
  labels(call.options["label"]);
  if (call.rest.length > 0) checkProgram(call.rest[0]!);
  const durationS = await duration(call);
  const loaded = await resolveRig(rig);
  const run = await claimRun(out, tellWaiting);
  try {
    checkRoom(run.paths.dir, roomFor(loaded.rig, durationS, call.options["no-fuse"] !== true));
    const bench = await benchOf(loaded, durationS, call);
    try {
      const result = await recordRun(run.paths, bench, durationS, call, announce);
      return { paths: run.paths, bench, result };
    } finally {
      // The recorder has closed it already, if it came so far, and told what was wrong with that.
      await bench.close().catch(() => undefined);
    }
  } finally {
    run.release();
  }
}

async function benchOf(rig: LoadedRig, durationS: number, call: Invocation): Promise<Bench> {
  const { options } = call;
  if (rig.rig.device.kind !== "virtual")
    return realBench(rig, options["port"] as string | undefined);
  if (options["port"] !== undefined)
    throw new UsageError("--port is a real DAQ's; the virtual bench brings its own");
  const seed = seedOf(call);
  if (options["cuda"] === true) {
    const { kernelBench } = await import("../virtual/record/kernel-bench.ts");
    return kernelBench(rig, seed);
  }
  const { virtualBench } = await import("../virtual/record/virtual-bench.ts");
  return virtualBench(rig, {
    seed,
    durationS: Number.isFinite(durationS) ? durationS : 600,
    daqArgs: list(options["fault"]).flatMap((f) => ["--fault", f]),
  });
}

/** Records with a progress line and, where asked for, a live page; shared with the demo. */
export async function recordRun(
  paths: RunPaths,
  bench: Bench,
  durationS: number,
  call: Pick<Invocation, "options" | "rest" | "ui">,
  announce = (url: string): void => tellLine(`live page: ${url}`),
): Promise<RecordingResult> {
  const { ui } = call;
  if (!ui.quiet) tellLine(bench.description);
  const session = newSession(bench, labels(call.options["label"]));
  let findings: Pick<Findings, "add"> | null = null;
  const onLost = (text: string): void =>
    findings?.add(finding("live-page-failed", "live page", text));
  const page = { onUrl: announce, onLost };
  const live = call.options["live"] === true ? await livePageOf(paths, bench, session, page) : null;
  const progress = stateLine(ui, durationS, bench.rig.rig.rails.length * 2);
  const output = ui.json ? "stderr" : "inherit";
  const program = call.rest.length > 0 ? new Program(call.rest, cudaOf(call), output) : null;
  const interrupts = takeInterrupts(program, () =>
    findings?.add(finding("terminal-gone", "terminal", HUNG_UP)),
  );
  try {
    const result = await record({
      paths,
      session,
      bench,
      durationS,
      program,
      interrupted: interrupts.asked,
      realtime: call.options["realtime"] === true,
      trigger: call.options["no-trigger"] !== true,
      cuda: call.options["cuda"] === true,
      fuse: call.options["no-fuse"] !== true,
      onProgress: (state) => {
        progress(state);
        live?.state(state);
      },
      onFailure: (why) => say(program?.running === true ? `${why}; ${GOES_ON}` : why),
      onFindings: (f) => {
        findings = f;
        whenGone((stream, why) => f.add(finding("output-unread", stream, why)));
      },
      onFinding: say,
      ...(live ? { tee: live.tee } : {}),
    }).finally(() => {
      if (!ui.quiet) clearProgress();
      return live?.close("the recording ended");
    });
    if (program?.running === true) tellOfWait(result.ended, interrupts.asked);
    return { ...result, exitCode: (await program?.ended) ?? null };
  } finally {
    interrupts.release();
  }
}

const HUNG_UP = `the terminal hung up (SIGHUP); recording goes on to its end unattended, kill ${process.pid} ends it before`;

const GOES_ON = "the program goes on unrecorded; Ctrl-C ends both";

/** A program may outlive its recording: a meter's end is no reason to lose the work. */
function tellOfWait(ended: RecordingResult["ended"], interrupted: AbortSignal): void {
  const wait = (): void => say("waiting for the program to end; Ctrl-C again kills it");
  if (interrupted.aborted) return wait();
  if (ended === "duration") say(`the recording is over; ${GOES_ON}`);
  interrupted.addEventListener("abort", wait);
}

/** By name: the program's own output is on the same terminal. */
const say = (text: string): void => tellLine(`truejoule: ${text}`);

const cudaOf = ({ options, rest }: Pick<Invocation, "options" | "rest">): Record<string, string> =>
  options["cuda"] === true ? cudaEnvironment(rest) : {};

async function livePageOf(paths: RunPaths, bench: Bench, session: Session, page: LiveListener) {
  const { startLive } = await import("../record/live.ts");
  return startLive(bench, session, basename(paths.dir), page);
}

/** Says what was recorded, and fuses it. */
export async function finish(
  { paths, bench, result }: Recorded,
  { ui, options }: Invocation,
): Promise<ExitCode> {
  if (ui.json)
    ui.document({ schema: "record/1", run: paths.dir, source: bench.source, ...jsonOf(result) });
  const code = result.exitCode ? `, the program with code ${result.exitCode}` : "";
  ui.print(
    `${paths.dir}: ${result.elapsedS.toFixed(1)} s, ${result.rows} rows (${result.lostRows} lost), ${result.reads} telemetry reads (${result.failedReads} failed), ${result.marks} marks (${result.lostMarks} lost), ${(result.bytes / 1e6).toFixed(1)} MB; ended by ${result.ended}${code}`,
  );
  if (!isHere(paths, result, ui)) return exitOf(result, true);
  if (options["no-fuse"] === true) return exitOf(result, false);
  const free = freeBytes(paths.dir);
  if (free < result.fuseBytes) {
    const gb = (bytes: number): string => `${(bytes / 1e9).toPrecision(3)} GB`;
    ui.warn(
      `not fused: ${gb(free)} free, it needs ${gb(result.fuseBytes)}; free some and run: truejoule fuse ${paths.dir}`,
    );
    return exitOf(result, true);
  }
  const { fuseRun } = await import("../dataset/fuse.ts");
  const fused = await withRun(paths.dir, "exclusive", () =>
    isHere(paths, result, ui) // again: we may have waited for it
      ? fuseRun(paths, { onProgress: (label) => ui.progress(label) })
      : null,
  );
  if (fused === null) return exitOf(result, true);
  const { comparison } = fused;
  tell(ui, comparison.findings);
  ui.print(`next: truejoule compare ${paths.dir}`);
  return exitOf(result, comparison.degraded);
}

/** Whether the run's name still stands for what was recorded; says so where it stands for something else. */
function isHere({ dir, capture }: RunPaths, { place }: RecordingResult, ui: Ui): boolean {
  const at = place();
  if (at === "moved")
    ui.warn(
      `not fused: the log is not ${capture} any more, its run was moved; nothing in ${dir} was touched; find the run and there: truejoule fuse RUN`,
    );
  return at === "here";
}

/** The same for a command that cannot go on without it. @throws InputError */
export function needHere({ capture }: RunPaths, { place }: RecordingResult): void {
  if (place() !== "here")
    throw new InputError(
      `${capture}: not the log that was recorded: that was moved, deleted or cut meanwhile; nothing there was touched, record anew`,
    );
}

/** A recording that failed before all, then the program's own, then what was lost or is degraded. */
export function exitOf(r: RecordingResult, degraded: boolean): ExitCode {
  if (r.ended === "failure") return 1;
  if (r.exitCode) return r.exitCode;
  return degraded || r.lostRows + r.lostMarks > 0 || degrades(r.findings) ? 3 : 0;
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

/** A hundred years: more is a slip of the keyboard. */
const LONGEST_S = 100 * 365.25 * 86400;

async function duration(call: Invocation): Promise<number> {
  const text = call.options["duration"];
  if (text === undefined) return Infinity;
  let seconds = NaN;
  try {
    seconds = await quantity((text as string).replace(/^([\d.]+)\s*/, "$1 "), "s");
  } catch {
    // said below
  }
  if (seconds > LONGEST_S)
    throw new UsageError(
      `--duration ${String(text)}: longer than 100 years; leave it away to record until CMD ends or Ctrl-C`,
    );
  if (seconds > 0) return seconds;
  throw new UsageError(`--duration ${String(text)}: expected a time such as 10s, 5min, 2h`);
}

/** Of the virtual bench. @throws UsageError unless a whole number from 0. */
export function seedOf({ options }: Pick<Invocation, "options">): number {
  const seed = options["seed"] ?? "1";
  if (typeof seed !== "string" || !/^\d{1,9}$/.test(seed))
    throw new UsageError(`--seed ${String(seed)}: expected a whole number`);
  return Number(seed);
}

/** @throws UsageError, instead of the virtual DAQ once it is started. */
async function checkFaults({ options }: Invocation): Promise<void> {
  const faults = list(options["fault"]);
  if (faults.length === 0) return;
  const { parseFault } = await import("../virtual/daq/faults.ts");
  for (const text of faults) parseFault(text);
}

const list = (o: unknown): string[] => (Array.isArray(o) ? (o as string[]) : []);

function labels(o: unknown): Record<string, string> {
  return Object.fromEntries(
    list(o).map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new UsageError(`--label ${text}: expected k=v`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function stateLine(ui: Ui, durationS: number, channels: number): (s: RecordingState) => void {
  let [rows, seconds, nextS] = [0, 0, 0];
  return (s) => {
    if (ui.quiet || isGone("stderr") || (!inPlace && s.elapsedS < nextS)) return;
    nextS = s.elapsedS + 5;
    const rate = s.elapsedS > seconds ? ((s.rows - rows) * channels) / (s.elapsedS - seconds) : 0;
    [rows, seconds] = [s.rows, s.elapsedS];
    const left = Number.isFinite(durationS)
      ? `, ${Math.max(0, durationS - s.elapsedS).toFixed(0)} s left`
      : "";
    progressLine(
      `${s.elapsedS.toFixed(1)} s  ${(rate / 1e3).toFixed(0)} kS/s  lost ${s.lostRows}  reads ${s.reads} (${s.failedReads} failed)  marks ${s.marks}  ${(s.bytes / 1e6).toFixed(1)} MB, ${(s.freeBytes / 1e9).toFixed(0)} GB free${left}`,
    );
  };
}

function jsonOf(r: RecordingResult): object {
  return {
    duration_s: r.elapsedS,
    rows: r.rows,
    lost_rows: r.lostRows,
    reads: r.reads,
    failed_reads: r.failedReads,
    marks: r.marks,
    lost_marks: r.lostMarks,
    bytes: r.bytes,
    ended: r.ended,
    exit_code: r.exitCode,
    findings: r.findings,
    telemetry: (r.telemetry?.grids ?? []).map(({ name, schedulerClass, poll }) => ({
      grid: name,
      scheduler_class: schedulerClass,
      period_ms: poll && poll.grid.periodNs / 1e6,
      ticks: poll && poll.grid.ticks,
      dropped: poll && poll.grid.dropped,
      lateness_ms: poll && {
        median: poll.grid.lateness.medianNs / 1e6,
        p99: poll.grid.lateness.p99Ns / 1e6,
        worst: poll.grid.lateness.worstNs / 1e6,
      },
    })),
    trigger: r.trigger && {
      output: r.trigger.output,
      spin: r.trigger.spin,
      pattern_pulses: r.trigger.patternPulses,
      submit_pulses: r.trigger.submitPulses,
      submits: r.trigger.submits,
      half_ns: [r.trigger.halfNs.median, r.trigger.halfNs.most],
      cpu_s: r.trigger.cpuS,
      wall_s: r.trigger.wallS,
    },
  };
}
