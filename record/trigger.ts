// The recorder's side of the trigger worker: starts it, takes its marks, ends it.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { LEAN, siblingModule } from "../host/sibling.ts";
import { InputError } from "../schema/errors.ts";
import type { Mark } from "../schema/records.ts";
import {
  Run,
  type TriggerInput,
  type TriggerMessage,
  type TriggerReport,
} from "./trigger-protocol.ts";

export interface Trigger {
  /** @returns null where the worker failed on the way; `onFailure` was told. */
  stop(): Promise<TriggerReport | null>;
}

/** It looks for its end every turn; one that does not is ended. */
const STOP_MS = 5000;
/** With fewer cores, one that spins would be missing elsewhere: then it looks every millisecond. */
const SPIN_CORES = 4;

/** @throws InputError when the line cannot be had. */
export async function startTrigger(
  output: string,
  ring: string,
  onMarks: (marks: readonly Mark[]) => void,
  onFailure: (why: string) => void,
): Promise<Trigger> {
  const control = new SharedArrayBuffer(4);
  const input: TriggerInput = { control, output, ring, spin: availableParallelism() >= SPIN_CORES };
  const { url } = siblingModule(import.meta.url, "./trigger-worker");
  const worker = new Worker(url, { workerData: input, resourceLimits: LEAN });
  let report: TriggerReport | null = null;
  let started = false;
  let told = false;
  const failed = (why: string): void => {
    if (!told) onFailure(`${output}: ${why}; it is not driven from here on`);
    told = true;
  };
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", (code) => {
      if (started && report === null) failed(`its worker ended (code ${code})`);
      resolve();
    });
  });
  await new Promise<void>((resolve, reject) => {
    worker.on("message", (m: TriggerMessage) => {
      if (m.kind === "marks") onMarks(m.marks);
      else if (m.kind === "done") report = m.report;
      else {
        started = true;
        resolve();
      }
    });
    worker.on("error", (error: Error) => {
      if (started) return failed(error.message);
      reject(new InputError(`trigger: ${error.message}; --no-trigger records without it`));
    });
  });
  return {
    async stop() {
      const word = new Int32Array(control);
      Atomics.store(word, 0, Run.stopping);
      Atomics.notify(word, 0);
      const late = setTimeout(() => void worker.terminate(), STOP_MS);
      await exited;
      clearTimeout(late);
      return report;
    },
  };
}

/** One line for people. */
export function describeTrigger(r: TriggerReport): string {
  const us = (ns: number): string => `${(ns / 1e3).toFixed(1)} µs`;
  const pulses = `${r.patternPulses} pattern and ${r.submitPulses} submit pulses on ${r.output}`;
  const cost = `${r.cpuS.toFixed(2)} s of CPU in ${r.wallS.toFixed(1)} s`;
  const how = r.spin ? "spinning" : "looking every millisecond, too few cores to spin";
  return `trigger: ${pulses}, each edge known to ±${us(r.halfNs.median)} (most ±${us(r.halfNs.most)}); ${cost}, ${how}; --no-trigger turns it off`;
}
