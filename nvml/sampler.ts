// Polls telemetry for the life of a recording: one worker thread per grid, all on the same t_0, reads
// handed over in columns about every 100 ms. It does not know what it polls.

import { Worker } from "node:worker_threads";
import { LEAN, siblingModule } from "../host/sibling.ts";
import { SourceError } from "../schema/errors.ts";
import type { TelemetryChannel } from "../schema/records.ts";
import { batchOver, type ReadBatch } from "./batch.ts";
import type { PollReport } from "./poll-loop.ts";
import type { ProviderSpec } from "./provider.ts";
import { CONTROL_BYTES, State, type WorkerInput, type WorkerMessage } from "./sampler-protocol.ts";

export interface GridSpec {
  readonly name: string;
  readonly periodNs: number;
  readonly provider: ProviderSpec;
}

export interface SamplerOptions {
  readonly grids: readonly GridSpec[];
  /** Ask for SCHED_FIFO; the report says which class ran. */
  readonly realtime?: boolean;
  /**
   * Told at once of a grid whose worker fails, at the start or later; the others go on. Without it a grid that
   * does not start is an error.
   */
  readonly onFailure?: (grid: string, why: string) => void;
}

export interface Sampler {
  /** Of all grids; `ReadBatch.channel` indexes it. */
  readonly channels: readonly TelemetryChannel[];
  readonly grids: readonly GridPlace[];
  /** What is polled, one line a grid, and what was asked for but is not there. */
  readonly descriptions: readonly string[];
  readonly missing: readonly string[];
  /** Takes every batch, those that came before the call included. */
  onBatch(callback: (batch: ReadBatch) => void): void;
  /** Ends all grids; the last batches are delivered before it resolves. */
  stop(): Promise<SamplerReport>;
}

/** Where a grid stands: its ticks are due at startNs + k·periodNs, its channels follow each other. */
export interface GridPlace {
  readonly name: string;
  readonly periodNs: number;
  /** CLOCK_MONOTONIC. */
  readonly startNs: bigint;
  readonly firstChannel: number;
  readonly channels: number;
}

export interface SamplerReport {
  readonly grids: readonly SampledGrid[];
}

export interface SampledGrid {
  readonly name: string;
  readonly description: string;
  readonly schedulerClass: string;
  readonly channels: readonly string[];
  /** Null where the worker failed; then `failure` says how. */
  readonly poll: PollReport | null;
  readonly failure: string | null;
}

/** t_0 lies this far ahead of the start, so that every worker reaches its first tick in time. */
const LEAD_NS = 20_000_000n;
/** A driver call that hangs cannot be interrupted; after this long its worker is given up. */
const STOP_TIMEOUT_MS = 5000;

/** @throws SourceError when a grid's provider does not open, and nobody takes failures */
export async function startSampler(options: SamplerOptions): Promise<Sampler> {
  const control = new SharedArrayBuffer(CONTROL_BYTES);
  const deliver = new Delivery();
  const workers: GridWorker[] = [];
  try {
    // One after the other: threads that open NVML at once can leave it asking the GPU again for every reading,
    // 3.4 ms instead of 30 µs, for as long as it stays open (docs/evidence/nvml-h100.md).
    for (const grid of options.grids) {
      const worker = new GridWorker(grid, control, options, deliver);
      workers.push(worker);
      if (options.onFailure)
        await worker.ready.catch(() => undefined); // told
      else await worker.ready;
    }
  } catch (error) {
    await Promise.all(workers.map((w) => w.terminate()));
    throw error;
  }
  let firstChannel = 0;
  for (const worker of workers) {
    worker.firstChannel = firstChannel;
    firstChannel += worker.channels.length;
  }
  const turn = (state: number): void => {
    const word = new Int32Array(control, 0, 1);
    Atomics.store(word, 0, state);
    Atomics.notify(word, 0);
  };
  const startNs = process.hrtime.bigint() + LEAD_NS;
  new BigInt64Array(control, 8, 1)[0] = startNs;
  turn(State.running);
  return {
    channels: workers.flatMap((w) => w.channels),
    grids: workers.map((w) => ({
      name: w.grid.name,
      periodNs: w.grid.periodNs,
      startNs,
      firstChannel: w.firstChannel,
      channels: w.channels.length,
    })),
    descriptions: workers.map((w) => `${w.grid.name}: ${w.description}`),
    missing: workers.flatMap((w) => w.missing),
    onBatch: (callback) => deliver.to(callback),
    async stop() {
      turn(State.stopping);
      return { grids: await Promise.all(workers.map((w) => w.finished())) };
    },
  };
}

/** Keeps batches until someone listens. */
class Delivery {
  readonly #early: ReadBatch[] = [];
  #callback = (batch: ReadBatch): void => void this.#early.push(batch);

  to(callback: (batch: ReadBatch) => void): void {
    this.#callback = callback;
    this.#early.splice(0).forEach(callback);
  }

  batch(batch: ReadBatch): void {
    this.#callback(batch);
  }
}

class GridWorker {
  readonly grid: GridSpec;
  readonly ready: Promise<void>;
  channels: readonly TelemetryChannel[] = [];
  missing: readonly string[] = [];
  description = "";
  firstChannel = 0;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #schedulerClass = "";
  #report: PollReport | null = null;
  #failure: string | null = null;
  #stopping = false;

  constructor(
    grid: GridSpec,
    control: SharedArrayBuffer,
    { realtime = false, onFailure }: SamplerOptions,
    deliver: Delivery,
  ) {
    this.grid = grid;
    const { provider, periodNs } = grid;
    const input: WorkerInput = { control, provider, periodNs, realtime };
    const url = siblingModule(import.meta.url, "./sampler-worker").url;
    const worker = (this.#worker = new Worker(url, { workerData: input, resourceLimits: LEAN }));
    const failed = (why: string): void => {
      if (this.#failure !== null) return;
      this.#failure = why;
      onFailure?.(grid.name, why);
    };
    this.#exited = new Promise((resolve) => {
      worker.once("exit", (code) => {
        if (!this.#report && !this.#stopping) failed(`its worker ended (code ${code})`);
        resolve();
      });
    });
    this.ready = new Promise((resolve, reject) => {
      worker.on("message", (message: WorkerMessage) => {
        if (message.kind === "ready") {
          ({ channels: this.channels, missing: this.missing } = message);
          ({ description: this.description, schedulerClass: this.#schedulerClass } = message);
          resolve();
        } else if (message.kind === "batch") deliver.batch(this.#own(message));
        else this.#report = message.report;
      });
      worker.on("error", (error: Error) => {
        failed(error.message);
        reject(new SourceError(`telemetry grid ${grid.name}: ${error.message}`, error));
      });
      worker.once("exit", () => reject(new SourceError(`${grid.name}: its worker ended`)));
    });
  }

  /** A worker numbers its channels from 0; the sampler's list holds those of all. */
  #own(message: { buffer: ArrayBuffer; count: number }): ReadBatch {
    const batch = batchOver(message.buffer, message.count);
    for (let i = 0; i < batch.count; i++) batch.channel[i]! += this.firstChannel;
    return batch;
  }

  async finished(): Promise<SampledGrid> {
    this.#stopping = true;
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, STOP_TIMEOUT_MS)));
    await Promise.race([this.#exited, timeout]);
    clearTimeout(timer);
    if (!this.#report) this.#failure ??= "did not stop: a driver call hangs";
    this.#worker.unref();
    return {
      name: this.grid.name,
      description: this.description,
      schedulerClass: this.#schedulerClass,
      channels: this.channels.map((c) => c.name),
      poll: this.#report,
      failure: this.#failure,
    };
  }

  async terminate(): Promise<void> {
    this.#stopping = true;
    await this.#worker.terminate();
  }
}
