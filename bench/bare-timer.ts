// A worker that sleeps from tick to tick and does nothing else, as late as this machine wakes a thread: the
// yardstick for the lateness of a telemetry grid in the same minutes. In: an Int32, 1 when it is to stop.
// Out: one message. Linux.

import { parentPort, workerData } from "node:worker_threads";
import { libc } from "../host/libc.ts";
import { FIFO_PRIORITY, requestFifo } from "../host/scheduler.ts";
import { DurationHistogram, type DurationSummary } from "../nvml/histogram.ts";

export interface BareTimer {
  readonly schedulerClass: string;
  readonly ticks: number;
  readonly lateness: DurationSummary;
}

export interface BareTimerInput {
  readonly stop: Int32Array;
  readonly periodNs: number;
}

const CLOCK_MONOTONIC = 1;
const TIMER_ABSTIME = 1;

const { stop, periodNs } = workerData as BareTimerInput;
const { clock_nanosleep } = libc();
const schedulerClass = requestFifo(FIFO_PRIORITY);
const late = new DurationHistogram();
const due = new BigInt64Array(2); // struct timespec
const t0 = process.hrtime.bigint();
let ticks = 0;
while (Atomics.load(stop, 0) === 0) {
  const t = t0 + BigInt(++ticks * periodNs);
  due[0] = t / 1_000_000_000n;
  due[1] = t % 1_000_000_000n;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, null);
  late.add(Number(process.hrtime.bigint() - t));
}
const result: BareTimer = { schedulerClass, ticks, lateness: late.summary() };
parentPort!.postMessage(result);
