// A worker thread that polls one grid: opens its provider, waits for the common start, then blocks in
// the polling loop until told to stop. It never returns to its event loop in between.

import { parentPort, workerData } from "node:worker_threads";
import { FIFO_PRIORITY, requestFifo } from "../host/scheduler.ts";
import { poll, type PollClock } from "./poll-loop.ts";
import { openProvider } from "./provider.ts";
import { State, type WorkerInput, type WorkerMessage } from "./sampler-protocol.ts";

const { control, provider: spec, periodNs, realtime } = workerData as WorkerInput;
const state = new Int32Array(control, 0, 1);
const t0 = new BigInt64Array(control, 8, 1);

const clock: PollClock = {
  now: () => process.hrtime.bigint(),
  waitUntil(t) {
    const ms = Number(t - process.hrtime.bigint()) / 1e6;
    if (ms > 0) Atomics.wait(state, 0, State.running, ms);
    return Atomics.load(state, 0) === State.running;
  },
};

function send(message: WorkerMessage, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transfer);
}

const provider = await openProvider(spec);
const schedulerClass =
  realtime && process.platform === "linux" ? requestFifo(FIFO_PRIORITY) : "SCHED_OTHER";
const { description, channels, missing } = provider;
send({ kind: "ready", description, channels, missing, schedulerClass });
Atomics.wait(state, 0, State.waiting);
const report = poll(provider, t0[0]!, periodNs, clock, (buffer, count) =>
  send({ kind: "batch", buffer, count }, [buffer]),
);
provider.close();
send({ kind: "done", report });
