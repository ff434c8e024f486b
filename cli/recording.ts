// How a recording speaks on the command line: while it goes on, at its end, and as an exit code.

import type { RunPaths } from "../capture/run.ts";
import { freeBytes } from "../record/disk.ts";
import type { RecordingResult, RecordingState } from "../record/plan.ts";
import type { RecordRequest } from "../record/request.ts";
import type { Recorded, RecordListener } from "../record/run.ts";
import type { RecordDocument } from "../schema/documents/record.ts";
import { InputError } from "../schema/errors.ts";
import { degrades, finding } from "../schema/findings.ts";
import { type ExitCode, tell, type Ui } from "./command.ts";
import { tellWaiting, withRun } from "./locked-run.ts";
import { isGone, whenGone } from "./outlive.ts";
import { clearProgress, inPlace, progressLine, tellLine } from "./terminal.ts";

/** By name: the program's own output is on the same terminal. */
const say = (text: string): void => tellLine(`truejoule: ${text}`);

const GOES_ON = "the program goes on unrecorded; Ctrl-C ends both";

export function listener(ui: Ui, { durationS = Infinity }: RecordRequest): RecordListener {
  let showState: (s: RecordingState) => void = () => undefined;
  return {
    onWaiting: tellWaiting,
    onBench({ description, rig }) {
      if (!ui.quiet) tellLine(description);
      showState = stateLine(ui, durationS, rig.rig.rails.length * 2);
    },
    onLivePage: (url) => tellLine(`live page: ${url}`),
    onProgress: (s) => showState(s),
    onFailure: (why, goesOn) => say(goesOn ? `${why}; ${GOES_ON}` : why),
    onFinding: say,
    onFindings: (add) => whenGone((stream, why) => add(finding("output-unread", stream, why))),
    onRecorded: () => void (ui.quiet || clearProgress()),
    onWait: tellOfWait,
  };
}

/** A program may outlive its recording: a meter's end is no reason to lose the work. */
function tellOfWait(ended: RecordingResult["ended"], interrupted: AbortSignal): void {
  const wait = (): void => say("waiting for the program to end; Ctrl-C again kills it");
  if (interrupted.aborted) return wait();
  if (ended === "duration") say(`the recording is over; ${GOES_ON}`);
  interrupted.addEventListener("abort", wait);
}

/** Says what was recorded, and fuses it. */
export async function finish(
  recorded: Recorded,
  request: Pick<RecordRequest, "fuse">,
  ui: Ui,
): Promise<ExitCode> {
  const { paths, result } = recorded;
  if (ui.json) ui.document(jsonOf(recorded));
  const code = result.exitCode ? `, the program with code ${result.exitCode}` : "";
  ui.print(
    `${paths.dir}: ${result.elapsedS.toFixed(1)} s, ${result.rows} rows (${result.lostRows} lost), ${result.reads} telemetry reads (${result.failedReads} failed), ${result.marks} marks (${result.lostMarks} lost), ${(result.bytes / 1e6).toFixed(1)} MB; ended by ${result.ended}${code}`,
  );
  if (!isHere(paths, result, ui)) return exitOf(result, true);
  if (request.fuse === false) return exitOf(result, false);
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
      `not fused: the log is not ${capture} any more, its run was moved; nothing in ${dir} was touched; find the run, and there run: truejoule fuse RUN`,
    );
  return at === "here";
}

/** The same for a command that cannot go on without it. @throws InputError */
export function needHere({ capture }: RunPaths, { place }: RecordingResult): void {
  if (place() !== "here")
    throw new InputError(
      `${capture}: not the log that was recorded: that was moved, deleted or cut meanwhile; nothing there was touched; record again`,
    );
}

/** A recording that failed before all, then the program's own, then what was lost or is degraded. */
export function exitOf(r: RecordingResult, degraded: boolean): ExitCode {
  if (r.ended === "failure") return 1;
  if (r.exitCode) return r.exitCode;
  return degraded || r.lostRows + r.lostMarks > 0 || degrades(r.findings) ? 3 : 0;
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

function jsonOf({ paths, bench, result: r }: Recorded): RecordDocument {
  return {
    schema: "record/1",
    run: paths.dir,
    source: bench.source,
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
