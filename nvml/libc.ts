// The few calls of the C library that Node lacks: clocks beside CLOCK_MONOTONIC, and the scheduler of
// the calling thread. Linux only; constants from <time.h> and <sched.h>.

import type { ClockPair } from "../schema/records.ts";
import { instant } from "../schema/time.ts";

const CLOCK_REALTIME = 0;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
const SCHED_FIFO = 1;

export interface Libc {
  /** The host's three clocks, read one after the other (about 0.3 µs). */
  clocks(): ClockPair;
  /** Asks for SCHED_FIFO for the calling thread and says which class it runs in afterwards. */
  requestFifo(priority: number): string;
}

export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  const libc = koffi.load(null);
  const gettime = libc.func("clock_gettime", "int", ["int", "void *"]);
  const setScheduler = libc.func("sched_setscheduler", "int", ["int", "int", "void *"]);
  const getScheduler = libc.func("sched_getscheduler", "int", ["int"]);
  const address = koffi.alloc("uint8_t", 16) as bigint;
  const view = new DataView(koffi.view(address, 16));

  const read = (clock: number): bigint => {
    gettime(clock, address);
    return view.getBigInt64(0, true) * 1_000_000_000n + view.getBigInt64(8, true);
  };

  return {
    clocks: () => ({
      mono: instant(read(CLOCK_MONOTONIC)),
      unix: instant(read(CLOCK_REALTIME)),
      boot: read(CLOCK_BOOTTIME),
    }),
    requestFifo(priority) {
      view.setInt32(0, priority, true);
      setScheduler(0, SCHED_FIFO, address); // EPERM without rtprio: the class below tells
      return getScheduler(0) === SCHED_FIFO ? `SCHED_FIFO ${priority}` : "SCHED_OTHER";
    },
  };
}
