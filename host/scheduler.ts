// The scheduling class of the calling thread.

import { libc } from "./libc.ts";

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;

/** Of all our threads: above ordinary ones, below the kernel's own (threaded interrupts run at 50). */
export const FIFO_PRIORITY = 10;

/** Asks for SCHED_FIFO and says what the thread runs in. */
export function requestFifo(priority: number): string {
  libc().sched_setscheduler(0, SCHED_FIFO, new Int32Array([priority])); // EPERM without rtprio
  return libc().sched_getscheduler(0) === SCHED_FIFO ? `SCHED_FIFO ${priority}` : "SCHED_OTHER";
}

/** Whether the kernel grants SCHED_FIFO: tried, since limits and capabilities do not tell all (sched(7)). */
export function grantsFifo(priority: number): boolean {
  const granted = requestFifo(priority) !== "SCHED_OTHER";
  libc().sched_setscheduler(0, SCHED_OTHER, new Int32Array([0]));
  return granted;
}
