// The reader thread of a Linux serial line: blocks in poll, reads, stamps each read before and after,
// hands slots over. It does nothing else, so that a busy main thread cannot delay a stamp (measured over
// a pty: p99 74 ms on the event loop, 2.3 ms in a thread, 0.1 ms with SCHED_FIFO).

import { readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { gone, poll, POLLIN } from "../../host/poll.ts";
import { requestFifo } from "../../host/scheduler.ts";
import { discard } from "./serial-line.ts";
import {
  Flag,
  type ReaderMessage,
  type ReaderOptions,
  SLOT_BYTES,
  SLOT_READS,
  SLOTS,
  viewSlots,
} from "./tty-slots.ts";

/** How soon a stop is seen. */
const IDLE_MS = 50;
/** So many slots underway: the main thread does not keep up with the clock. */
const BEHIND = 4;

const options = workerData as ReaderOptions;
const post = (m: ReaderMessage): void => parentPort!.postMessage(m);

function read(): string | null {
  const { fd, batchMs } = options;
  const { flags, slots } = viewSlots(options.memory);
  let [current, filled, reads] = [0, 0, 0];
  let dueNs = 0n;

  const handOver = (): void => {
    Atomics.add(flags, Flag.used, 1);
    post({ kind: "slot", slot: current, reads });
    [current, filled, reads] = [(current + 1) % SLOTS, 0, 0];
    // The next slot must have been given back; until then the line waits.
    while (Atomics.load(flags, Flag.used) === SLOTS && Atomics.load(flags, Flag.stop) === 0)
      Atomics.wait(flags, Flag.used, SLOTS, IDLE_MS);
  };

  while (Atomics.load(flags, Flag.stop) === 0) {
    const before = process.hrtime.bigint();
    // While the main thread is behind, slots are filled to the brim: they are what its delay may cost.
    const behind = Atomics.load(flags, Flag.used) >= BEHIND;
    const restMs = behind ? batchMs : Math.max(0, Math.ceil(Number(dueNs - before) / 1e6));
    const events = poll(fd, POLLIN, reads === 0 ? IDLE_MS : restMs);
    if (events === 0) {
      if (reads > 0 && !behind) handOver();
      continue;
    }
    const n = take(fd, slots[current]!.bytes, filled);
    if (n <= 0) {
      if (n === 0 && !gone(events)) continue;
      if (reads > 0) handOver();
      return n < 0 || gone(events) ? "the device is gone (unplugged or closed)" : null;
    }
    const after = process.hrtime.bigint();
    if (reads === 0) dueNs = after + BigInt(Math.round(batchMs * 1e6));
    filled += n;
    slots[current]!.reads.set([BigInt(filled), before, after], reads * 3);
    reads++;
    const full = SLOT_BYTES - filled < 4096 || reads === SLOT_READS;
    if (full || (after >= dueNs && !behind)) handOver();
  }
  if (reads > 0) handOver();
  return null;
}

/** Bytes read; 0 none there, −1 the line is gone. */
function take(fd: number, into: Uint8Array, at: number): number {
  try {
    return readSync(fd, into, at, into.length - at, null);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? 0 : -1;
  }
}

const scheduling = options.fifoPriority > 0 ? requestFifo(options.fifoPriority) : "SCHED_OTHER";
// What came while this thread was being made would be stamped as if it came now.
discard(options.fd);
post({ kind: "ready", scheduling });
post({ kind: "ended", reason: read() });
