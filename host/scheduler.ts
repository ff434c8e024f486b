// The scheduling class of the calling thread.

import { libc } from "./libc.ts";

const SCHED_FIFO = 1;

/** Asks for SCHED_FIFO and says what the thread runs in. */
export function requestFifo(priority: number): string {
  libc().sched_setscheduler(0, SCHED_FIFO, new Int32Array([priority])); // EPERM without rtprio
  return libc().sched_getscheduler(0) === SCHED_FIFO ? `SCHED_FIFO ${priority}` : "SCHED_OTHER";
}
