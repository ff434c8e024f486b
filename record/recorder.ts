// One recording: DAQ, telemetry, marks and clock readings into one log, until the time or the program
// ends. Everything arrives through the same few sinks; what could not be kept is a note in the log.
// Holds: only the log that takes nothing more and the DAQ's own fatal errors end it before its time; every
// other fault is a finding. What it says was recorded is in the log, which may be moved meanwhile.

import { join } from "node:path";
import type { LogPlace } from "../capture/log-place.ts";
import { LogWriter } from "../capture/log-writer.ts";
import { unlinkIfThere } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import { MarksSource } from "../marks/marks-source.ts";
import { SHARED_RING } from "../marks/names.ts";
import { samplerNotes } from "../nvml/notes.ts";
import { type Sampler, type SamplerReport, startSampler } from "../nvml/sampler.ts";
import { finding } from "../schema/findings.ts";
import type { Mark } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { after } from "./after.ts";
import { clockPair } from "./clock-pair.ts";
import { Destination } from "./destination.ts";
import type { LiveSource } from "../ingest/stream/live-source.ts";
import { fuseBytes } from "./disk.ts";
import { faultOf, Findings } from "./findings.ts";
import { ProgramMarks } from "./program-marks.ts";
import type { RecordingPlan, RecordingResult, RecordingState } from "./plan.ts";
import { RoomWatch } from "./room-watch.ts";
import { describeTrigger, startTrigger, type Trigger } from "./trigger.ts";
import type { TriggerReport } from "./trigger-protocol.ts";

/** Loss after a kill stays below a second: a chunk is closed and forced to disk this often. */
const FLUSH_MS = 500;
const POLL_MS = 10;
const SLOW_MS = 500;
/** A source that does not end must not keep the log from its footer. */
const STOP_MS = 15_000;

/** @throws InputError, SourceError when it cannot be started; then it leaves no log. */
export async function record(plan: RecordingPlan): Promise<RecordingResult> {
  const log = new LogWriter(plan.paths.capture, plan.session, { flushMs: FLUSH_MS });
  let recorder: Recorder;
  try {
    recorder = new Recorder(plan, log);
  } catch (error) {
    log.close();
    if (log.place === "here") unlinkIfThere(plan.paths.capture);
    throw error;
  }
  return recorder.run();
}

class Recorder {
  readonly #plan: RecordingPlan;
  readonly #log: LogWriter;
  readonly #to: Destination;
  readonly #room: RoomWatch;
  readonly #findings: Findings;
  readonly #program: ProgramMarks;
  readonly #marks: MarksSource;
  #daq: LiveSource | undefined;
  #sampler: Sampler | undefined;
  #trigger: Trigger | undefined;
  #triggered: TriggerReport | null = null;
  #sampled: SamplerReport | null = null;
  /** In rings and as lines that were none. */
  #lostMarks = 0;
  #missedAtEnd = 0;
  #toldOfMove = false;
  #recording = true;
  #programRuns = false;
  #failed = false;
  #exitCode: number | null = null;
  #end: (why: RecordingResult["ended"]) => void = () => undefined;
  readonly #cancel: (() => void)[] = [];

  constructor(plan: RecordingPlan, log: LogWriter) {
    this.#plan = plan;
    this.#log = log;
    this.#to = new Destination(log, plan.tee, {
      onLogFull: (error) => this.#fail(error),
      onFault: (subject, error) => this.#finding(subject, error),
    });
    this.#room = new RoomWatch(plan, (of) => this.#fuseBytes(of));
    this.#findings = new Findings((level, text, count) => {
      this.#to.note(level, text, count);
      plan.onFinding?.(text);
    });
    plan.onFindings?.(this.#findings);
    this.#program = new ProgramMarks(plan.cuda === true);
    const { rig, environment } = plan.bench;
    log.attach("rig.yaml", "application/yaml", rig.text);
    this.#to.attach("rig.json", rig.rig);
    this.#to.attach("environment.json", environment);
    for (const text of environment.warnings)
      this.#to.tell({ level: "warning", text: `environment: ${text}` });
    this.#marks = new MarksSource({
      onMark: (m) => {
        this.#program.see(m);
        this.#mark(m);
      },
      onExchange: (e) => this.#to.write(() => log.exchange(e)),
      onLoss: (count, why) => {
        this.#lostMarks += count;
        const text = count > 0 ? `${count} marks lost: ${why}` : `marks may be lost: ${why}`;
        this.#to.tell({ level: "loss", text, count });
      },
    });
  }

  async run(): Promise<RecordingResult> {
    const ended = new Promise<RecordingResult["ended"]>((resolve) => (this.#end = resolve));
    const interrupt = (): void => this.#end("interrupt");
    const bug = (error: unknown): void => this.#finding("truejoule", error);
    this.#plan.interrupted.addEventListener("abort", interrupt);
    // What is thrown in nobody's call (an event, a timer) has no business ending a measurement either.
    process.on("uncaughtException", bug);
    let why: RecordingResult["ended"] = "failure";
    let notStarted: { readonly error: unknown } | null = null;
    try {
      await this.#start();
      const { durationS, interrupted } = this.#plan;
      if (Number.isFinite(durationS)) this.#endAfter(durationS);
      why = interrupted.aborted ? "interrupt" : await Promise.race([ended, this.#runProgram()]);
    } catch (error) {
      notStarted = { error };
    }
    this.#plan.interrupted.removeEventListener("abort", interrupt);
    await this.#stop();
    process.off("uncaughtException", bug);
    if (notStarted) {
      // nothing was measured yet
      if (this.#log.place === "here") unlinkIfThere(this.#plan.paths.capture);
      throw notStarted.error;
    }
    const [telemetry, trigger, exitCode] = [this.#sampled, this.#triggered, this.#exitCode];
    const findings = this.#findings.list;
    if (this.#failed) why = "failure";
    const state = this.#state();
    const fuseBytes = this.#fuseBytes(state);
    const place = (): LogPlace => this.#log.place;
    return { ...state, ended: why, exitCode, telemetry, trigger, findings, place, fuseBytes };
  }

  /** @throws InputError when it cannot be started. */
  async #runProgram(): Promise<"command"> {
    const { program } = this.#plan;
    if (program === null) return new Promise(() => undefined);
    const ended = program.start(this.#marks.environment);
    this.#markCommand("begin");
    const code = await ended;
    if (this.#recording) this.#programEnded(code);
    return "command";
  }

  /** Counted from session start, which may lie a little ahead. */
  #endAfter(durationS: number): void {
    const leadMs = Number(this.#plan.session.hostEpoch - process.hrtime.bigint()) / 1e6;
    const ms = durationS * 1e3 + Math.max(0, leadMs);
    this.#cancel.push(after(ms, () => this.#end("duration")));
  }

  async #start(): Promise<void> {
    this.#to.write((log) => log.clockPair(clockPair()));
    // Both are waited for: what one of them started is to be stopped where the other fails.
    const started = await Promise.allSettled([this.#startDaq(), this.#startTelemetry()]);
    for (const s of started) if (s.status === "rejected") throw s.reason;
    await this.#startTrigger();
    this.#every(POLL_MS, () => {
      this.#guard("marks", () => this.#marks.poll());
      this.#to.write((log) => log.flushIfDue());
    });
    this.#every(SLOW_MS, () => this.#slow());
  }

  async #startDaq(): Promise<void> {
    const { bench } = this.#plan;
    this.#daq = await bench.start(this.#to.sink(bench.rig.rig.device.stream), (e) => this.#fail(e));
    const { device, timing } = this.#daq;
    if (device !== null) {
      this.#to.write((log) => log.attach("device.json", "application/json", Buffer.from(device)));
      this.#to.show((page) => page.device(device));
    }
    this.#to.note("info", `${bench.description}; bytes are stamped by ${timing}`);
  }

  async #startTelemetry(): Promise<void> {
    const { bench, realtime } = this.#plan;
    if (bench.grids.length === 0) {
      this.#to.note("warning", "no telemetry on this machine: nothing to compare the Joules with");
      return;
    }
    const onFailure = (grid: string, why: string): void =>
      this.#findings.add(
        finding(
          "telemetry-grid-failed",
          `telemetry grid ${grid}`,
          `${why}; its figures from here on are lost`,
        ),
      );
    const sampler = await startSampler({ grids: bench.grids, realtime, onFailure });
    this.#sampler = sampler;
    for (const channel of sampler.channels) this.#to.write((log) => log.declareTelemetry(channel));
    for (const text of [...sampler.descriptions, ...sampler.missing]) this.#to.note("info", text);
    sampler.onBatch((batch) => {
      this.#guard("telemetry", () => this.#to.reads(batch, sampler));
    });
  }

  /** Only once the DAQ listens: edges before are of no use. */
  async #startTrigger(): Promise<void> {
    const { bench, trigger } = this.#plan;
    if (!trigger || bench.triggerOutput === null) return;
    const ring = join(this.#marks.folder, SHARED_RING);
    this.#trigger = await startTrigger(
      bench.triggerOutput,
      ring,
      (marks) => marks.forEach((m) => this.#mark(m)),
      (why) => this.#findings.add(finding("trigger-failed", "trigger line", why)),
    );
  }

  async #stopTelemetry(): Promise<void> {
    if (!this.#sampler) return;
    this.#sampled = await this.#sampler.stop();
    for (const n of samplerNotes(this.#sampled)) this.#to.tell(n);
  }

  async #stopTrigger(): Promise<void> {
    this.#triggered = (await this.#trigger?.stop()) ?? null;
    if (this.#triggered) this.#to.note("info", describeTrigger(this.#triggered));
  }

  #every(ms: number, work: () => void): void {
    const timer = setInterval(() => this.#guard("truejoule", work), ms);
    this.#cancel.push(() => clearInterval(timer));
  }

  /** Whatever is not the log. */
  #guard(subject: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#finding(subject, error);
    }
  }

  #finding(subject: string, error: unknown): void {
    this.#findings.add(faultOf(subject, error));
  }

  #slow(): void {
    this.#to.write((log) => log.clockPair(clockPair()));
    if (this.#watchPlace() === "here") this.#guard("disk", () => this.#room.look());
    const state = this.#state();
    this.#guard("progress", () => this.#plan.onProgress(state));
    this.#guard("disk", () => this.#watchRoom(state));
    if (this.#room.full) this.#fail(new Error("the disk is nearly full"));
  }

  /** A log that is lost ends the recording, as a full disk does; one that was moved goes on where it is. */
  #watchPlace(): LogPlace {
    this.#to.write((log) => log.check());
    const { place } = this.#log;
    if (place === "moved" && !this.#toldOfMove)
      this.#findings.add(finding("log-moved", "log", movedFrom(this.#plan.paths)));
    this.#toldOfMove ||= place === "moved";
    return place;
  }

  #watchRoom(state: RecordingState): void {
    const text = this.#room.news(state);
    if (text === null) return;
    this.#to.note("info", `disk: ${text}`);
    this.#plan.onFinding?.(`disk: ${text}`);
  }

  #fuseBytes({ rows, reads }: Pick<RecordingState, "rows" | "reads">): number {
    const power = (this.#sampler?.channels ?? []).filter((c) => c.quantity === "power");
    return fuseBytes(this.#plan.bench.rig.rig, rows, reads, power.length);
  }

  /** A full disk or a stranger at the port ends the recording; what is there stays readable. */
  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const why = `recording ended early: ${(error as Error).message}`;
    this.#guard("terminal", () => this.#plan.onFailure(why));
    this.#end("failure");
    this.#to.note("loss", why); // where the log itself takes nothing, its cut end says so
  }

  /** Every step is tried, whatever became of those before: a source that goes on would keep us here. */
  async #stop(): Promise<void> {
    this.#recording = false;
    if (this.#programRuns) this.#to.note("warning", "the program ran on: its window ends here");
    if (this.#programRuns) this.#markCommand("end");
    this.#missedAtEnd = this.#awayRows();
    for (const cancel of this.#cancel) cancel();
    await this.#step("DAQ", () => this.#tellMissed());
    await this.#step("trigger line", () => this.#stopTrigger());
    await this.#step("marks", () => this.#closeMarks());
    await this.#step("DAQ", () => this.#daq?.stop());
    await this.#step("bench", () => this.#attachTruth());
    await this.#step("telemetry", () => this.#stopTelemetry());
    await this.#step("bench", () => this.#writeOwnMarks());
    await this.#step("bench", () => this.#plan.bench.close());
    this.#watchPlace();
    this.#findings.close();
    this.#to.write((log) => log.clockPair(clockPair()));
    this.#to.write((log) => log.close());
  }

  async #step(subject: string, work: () => Promise<void> | void | undefined): Promise<void> {
    let cancel: () => void = () => undefined;
    const late = new Promise<void>((_, reject) => {
      const why = `did not end within ${STOP_MS / 1e3} s`;
      cancel = after(STOP_MS, () => reject(new Error(why)));
    });
    try {
      await Promise.race([work(), late]);
    } catch (error) {
      this.#finding(subject, error);
    } finally {
      cancel();
    }
  }

  /** A device that never came back: nobody else counts what it would have sent. */
  #tellMissed(): void {
    const count = this.#missedAtEnd;
    const text = `the DAQ did not come back before the end: about ${count} rows lost`;
    if (count > 0) this.#to.note("loss", text, count);
  }

  /** That the DAQ would have sent by now, while it is away. */
  #awayRows(): number {
    return Math.round(((this.#daq?.awayNs() ?? 0) * this.#plan.bench.rig.rig.device.rowHz) / 1e9);
  }

  #attachTruth(): void {
    const truth = this.#plan.bench.truth?.();
    if (!truth) return;
    this.#to.attach("truth.json", truth);
  }

  /** Only work that is done: the simulated load may have been planned longer. */
  #writeOwnMarks(): void {
    const now = instant<"host">(process.hrtime.bigint());
    for (const m of this.#plan.bench.ownMarks(this.#plan.session, now)) this.#to.logMark(m);
  }

  #programEnded(code: number): void {
    this.#exitCode = code;
    this.#markCommand("end");
    if (code !== 0) this.#to.note("warning", `the program ended with code ${code}`);
  }

  #markCommand(phase: "begin" | "end"): void {
    this.#programRuns = phase === "begin";
    this.#mark({ name: "command", phase, clock: "host", t: process.hrtime.bigint() });
  }

  #mark(mark: Mark): void {
    this.#to.mark(mark);
    this.#guard("bench", () => this.#plan.bench.onMark?.(mark));
  }

  #closeMarks(): void {
    const totals = this.#marks.close();
    if (this.#plan.program === null) return;
    for (const { finding: found, noted } of this.#program.said(totals))
      if (found.level === "remark") this.#to.note(noted, found.text);
      else this.#findings.add(found, noted);
  }

  #state(): RecordingState {
    const { hostEpoch } = this.#plan.session;
    const { rows, reads, failedReads, marks } = this.#log.written;
    const inLog = rows.get(this.#plan.bench.rig.rig.device.stream) ?? 0;
    const away = this.#recording ? this.#awayRows() : this.#missedAtEnd;
    // While it records, what is not in the log yet is on its way there.
    const over = !this.#recording || this.#to.full;
    const dropped = over ? this.#to.came.rows - inLog : 0;
    return {
      elapsedS: Math.max(0, Number(process.hrtime.bigint() - hostEpoch) / 1e9),
      rows: inLog,
      lostRows: (this.#daq?.rowsLost() ?? 0) + away + dropped,
      reads,
      failedReads,
      marks,
      lostMarks: this.#lostMarks + (over ? this.#to.came.marks - marks : 0),
      bytes: this.#log.bytesWritten,
      freeBytes: this.#room.freeBytes,
    };
  }
}

/** What has a moved log's name is not its run: nothing there is touched. */
const movedFrom = ({ capture }: RunPaths): string =>
  `the log is not ${capture} any more: its run was moved while it was recorded; recording goes on where it is now; what has that name is left alone`;
