// One recording: DAQ, telemetry, marks and clock readings into one log, until the time or the program
// ends. Everything arrives through the same few sinks; what could not be kept is a note in the log.

import { join } from "node:path";
import { LogWriter } from "../../capture/log-writer.ts";
import type { RunPaths } from "../../capture/run.ts";
import type { DaqSink } from "../../ingest/sink.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { SHARED_RING } from "../../marks/names.ts";
import { readAt, type ReadBatch } from "../../nvml/batch.ts";
import { samplerNotes } from "../../nvml/notes.ts";
import { type Sampler, type SamplerReport, startSampler } from "../../nvml/sampler.ts";
import type { Mark, Note } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { type Instant, instant } from "../../schema/time.ts";
import type { Bench } from "./bench.ts";
import { clockPair } from "./clock-pair.ts";
import type { LiveSource } from "./device.ts";
import { freeBytes } from "./disk.ts";
import type { Program } from "./program.ts";
import { describeTrigger, startTrigger, type Trigger } from "./trigger.ts";
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
  /** Called twice a second. */
  readonly onProgress: (s: RecordingState) => void;
  /** Told at once why the recording ends before its time. */
  readonly onFailure: (why: string) => void;
  /** Sees what the log sees: the live page. */
  readonly tee?: DaqSink & {
    /** What the DAQ said of itself (device.json), once it has answered. */
    device(said: string): void;
    reads(batch: ReadBatch, sampler: Sampler): void;
    mark(mark: Mark): void;
  };
}

export interface RecordingState {
  readonly elapsedS: number;
  readonly rows: number;
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
}

/** Loss after a kill stays below a second: a chunk is closed and forced to disk this often. */
const FLUSH_MS = 500;
const POLL_MS = 10;
const SLOW_MS = 500;
/** Below this the disk is taken as full: other programs need some too. */
const MIN_FREE_BYTES = 256 << 20;

export async function record(plan: RecordingPlan): Promise<RecordingResult> {
  const log = new LogWriter(plan.paths.capture, plan.session, { flushMs: FLUSH_MS });
  return new Recorder(plan, log).run();
}

class Recorder {
  readonly #plan: RecordingPlan;
  readonly #log: LogWriter;
  readonly #marks: MarksSource;
  #daq: LiveSource | undefined;
  #sampler: Sampler | undefined;
  #trigger: Trigger | undefined;
  #triggered: TriggerReport | null = null;
  #sampled: SamplerReport | null = null;
  #rows = 0;
  #reads = 0;
  #failedReads = 0;
  #marksSeen = 0;
  /** In rings and as lines that were none. */
  #lostMarks = 0;
  #missedAtEnd = 0;
  #recording = true;
  #failed = false;
  #exitCode: number | null = null;
  #end: (why: RecordingResult["ended"]) => void = () => undefined;
  #timers: NodeJS.Timeout[] = [];

  constructor(plan: RecordingPlan, log: LogWriter) {
    this.#plan = plan;
    this.#log = log;
    const { rig, environment } = plan.bench;
    log.attach("rig.yaml", "application/yaml", rig.text);
    log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig.rig)));
    log.attach("environment.json", "application/json", Buffer.from(JSON.stringify(environment)));
    for (const text of environment.warnings)
      this.#tell({ level: "info", text: `environment: ${text}` });
    this.#marks = new MarksSource({
      onMark: (m) => this.#mark(m),
      onExchange: (e) => log.exchange(e),
      onLoss: (count, why) => {
        this.#lostMarks += count;
        this.#tell({
          level: "loss",
          text: count > 0 ? `${count} marks lost: ${why}` : `marks may be lost: ${why}`,
          count,
        });
      },
    });
  }

  async run(): Promise<RecordingResult> {
    const ended = new Promise<RecordingResult["ended"]>((resolve) => (this.#end = resolve));
    const interrupt = (): void => this.#end("interrupt");
    this.#plan.interrupted.addEventListener("abort", interrupt);
    let why: RecordingResult["ended"] = "failure";
    try {
      await this.#start();
      const { durationS, interrupted } = this.#plan;
      if (Number.isFinite(durationS)) this.#endAfter(durationS);
      why = interrupted.aborted ? "interrupt" : await Promise.race([ended, this.#runProgram()]);
    } finally {
      this.#plan.interrupted.removeEventListener("abort", interrupt);
      await this.#stop();
    }
    const [telemetry, trigger, exitCode] = [this.#sampled, this.#triggered, this.#exitCode];
    if (this.#failed) why = "failure";
    return { ...this.#state(), ended: why, exitCode, telemetry, trigger };
  }

  /** @throws InputError when it cannot be started. */
  async #runProgram(): Promise<"command"> {
    const { program } = this.#plan;
    if (program === null) return new Promise(() => undefined);
    const ended = program.start(this.#marks.environment);
    void this.#attempt(() => this.#markCommand("begin"));
    const code = await ended;
    if (this.#recording) await this.#attempt(() => this.#programEnded(code));
    return "command";
  }

  /** Counted from session start, which may lie a little ahead. */
  #endAfter(durationS: number): void {
    const leadMs = Number(this.#plan.session.hostEpoch - process.hrtime.bigint()) / 1e6;
    const ms = durationS * 1e3 + Math.max(0, leadMs);
    this.#timers.push(setTimeout(() => this.#end("duration"), ms));
  }

  async #start(): Promise<void> {
    this.#log.clockPair(clockPair());
    await Promise.all([this.#startDaq(), this.#startTelemetry()]);
    await this.#startTrigger();
    this.#every(POLL_MS, () => {
      this.#marks.poll();
      this.#log.flushIfDue();
    });
    this.#every(SLOW_MS, () => this.#slow());
  }

  async #startDaq(): Promise<void> {
    const { bench, tee } = this.#plan;
    this.#daq = await bench.start(this.#sink(), (e) => this.#fail(e));
    const { device } = this.#daq;
    if (device !== null) {
      this.#log.attach("device.json", "application/json", Buffer.from(device));
      tee?.device(device);
    }
    this.#note("info", `${bench.description}; bytes are stamped by ${this.#daq.timing}`);
  }

  async #startTelemetry(): Promise<void> {
    const { bench, realtime, tee } = this.#plan;
    if (bench.grids.length === 0) {
      this.#note("warning", "no telemetry on this machine: nothing to compare the Joules with");
      return;
    }
    const sampler = (this.#sampler = await startSampler({ grids: bench.grids, realtime }));
    for (const channel of sampler.channels) this.#log.declareTelemetry(channel);
    for (const text of [...sampler.descriptions, ...sampler.missing]) this.#note("info", text);
    sampler.onBatch((batch) => {
      void this.#attempt(() => this.#batch(batch, sampler));
      tee?.reads(batch, sampler);
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
      (marks) => void this.#attempt(() => marks.forEach((m) => this.#mark(m))),
      (why) => void this.#attempt(() => this.#note("warning", why)),
    );
  }

  async #stopTelemetry(): Promise<void> {
    if (!this.#sampler) return;
    this.#sampled = await this.#sampler.stop();
    for (const n of samplerNotes(this.#sampled)) this.#tell(n);
  }

  async #stopTrigger(): Promise<void> {
    this.#triggered = (await this.#trigger?.stop()) ?? null;
    if (this.#triggered) this.#note("info", describeTrigger(this.#triggered));
  }

  #every(ms: number, work: () => void): void {
    this.#timers.push(setInterval(() => void this.#attempt(work), ms));
  }

  /** Whatever writes to the log may meet a full disk: that ends the recording, not this process. */
  async #attempt(work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Writes to the log and shows a live page the same. */
  #sink(): DaqSink {
    const { tee } = this.#plan;
    const log = this.#log;
    const both = (write: (to: DaqSink) => void): void =>
      void this.#attempt(() => {
        write(log);
        if (tee) write(tee);
      });
    return {
      declareRows: (layout) => both((to) => to.declareRows(layout)),
      rows: (block) => {
        both((to) => to.rows(block));
        const { stream } = this.#plan.bench.rig.rig.device;
        if (block.stream === stream && !this.#failed) this.#rows += block.rows;
      },
      edge: (edge) => both((to) => to.edge(edge)),
      exchange: (e) => both((to) => to.exchange(e)),
      note: (n) => both((to) => to.note(n)),
    };
  }

  #batch(batch: ReadBatch, sampler: Sampler): void {
    for (let i = 0; i < batch.count; i++) {
      const read = readAt(batch, i, sampler.channels);
      this.#reads++;
      if (read.code !== 0) this.#failedReads++;
      this.#log.read(read);
    }
  }

  #slow(): void {
    const state = this.#state();
    this.#log.clockPair(clockPair());
    this.#plan.onProgress(state);
    if (state.freeBytes > MIN_FREE_BYTES) return;
    this.#fail(new Error("the disk is nearly full"));
  }

  /** A full disk or a stranger at the port ends the recording; what is there stays readable. */
  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    const why = `recording ended early: ${(error as Error).message}`;
    this.#plan.onFailure(why);
    this.#end("failure");
    try {
      this.#note("loss", why);
    } catch {
      // the log itself cannot be written: its cut end will say so
    }
  }

  /** Every step is tried, whatever became of those before: a source that goes on would keep us here. */
  async #stop(): Promise<void> {
    this.#recording = false;
    this.#missedAtEnd = this.#awayRows();
    for (const t of this.#timers) clearTimeout(t);
    const steps: (() => unknown)[] = [
      () => this.#tellMissed(),
      () => this.#stopTrigger(),
      () => this.#marks.close(),
      () => this.#daq?.stop(),
      () => this.#attachTruth(),
      () => this.#stopTelemetry(),
      () => this.#writeOwnMarks(),
      () => this.#log.clockPair(clockPair()),
      () => this.#plan.bench.close(),
      () => this.#log.close(),
    ];
    for (const step of steps) await this.#attempt(step);
  }

  /** A device that never came back: nobody else counts what it would have sent. */
  #tellMissed(): void {
    const count = this.#missedAtEnd;
    const text = `the DAQ did not come back before the end: about ${count} rows lost`;
    const t = instant<"host">(process.hrtime.bigint());
    if (count > 0) this.#tell({ level: "loss", text, count, t });
  }

  /** That the DAQ would have sent by now, while it is away. */
  #awayRows(): number {
    return Math.round(((this.#daq?.awayNs() ?? 0) * this.#plan.bench.rig.rig.device.rowHz) / 1e9);
  }

  #attachTruth(): void {
    const truth = this.#plan.bench.truth?.();
    if (truth)
      this.#log.attach("truth.json", "application/json", Buffer.from(JSON.stringify(truth)));
  }

  /** Only work that is done: the simulated load may have been planned longer. */
  #writeOwnMarks(): void {
    const now = instant<"host">(process.hrtime.bigint());
    const own = this.#plan.bench.ownMarks(this.#plan.session, now);
    for (const m of own) this.#log.mark(m);
    this.#marksSeen += own.length;
  }

  #programEnded(code: number): void {
    this.#exitCode = code;
    this.#markCommand("end");
    if (code !== 0) this.#note("warning", `the program ended with code ${code}`);
  }

  #markCommand(phase: "begin" | "end"): void {
    this.#mark({ name: "command", phase, clock: "host", t: process.hrtime.bigint() });
  }

  #mark(mark: Mark): void {
    this.#marksSeen++;
    this.#log.mark(mark);
    this.#plan.bench.onMark?.(mark);
    this.#plan.tee?.mark(mark);
  }

  #note(level: Note["level"], text: string): void {
    const t: Instant<"host"> = instant<"host">(process.hrtime.bigint());
    this.#tell({ level, text, t });
  }

  /** To the log, and to a live page. */
  #tell(note: Note): void {
    this.#log.note(note);
    this.#plan.tee?.note(note);
  }

  #state(): RecordingState {
    return {
      elapsedS: Math.max(0, Number(process.hrtime.bigint() - this.#plan.session.hostEpoch) / 1e9),
      rows: this.#rows,
      lostRows:
        (this.#daq?.rowsLost() ?? 0) + (this.#recording ? this.#awayRows() : this.#missedAtEnd),
      reads: this.#reads,
      failedReads: this.#failedReads,
      marks: this.#marksSeen,
      lostMarks: this.#lostMarks,
      bytes: this.#log.bytesWritten,
      freeBytes: freeBytes(this.#plan.paths.dir),
    };
  }
}
