// A serial line or pty on Linux: opened raw and locked, read by a thread of its own that stamps each
// read. The way for data; serial-port.ts is the portable one. Tested on ptys and, in an emulated
// guest (test/guest), on the kernel's cdc_acm driver; not tested on hardware.

import { closeSync, constants, openSync, writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { LEAN, siblingModule } from "../../host/sibling.ts";
import { poll, POLLOUT } from "../../host/poll.ts";
import { SourceError } from "../../schema/errors.ts";
import { instant } from "../../schema/time.ts";
import type { BytePort, OpenPort, PortSink } from "./port.ts";
import { lock, makeRaw, unlock } from "./serial-line.ts";
import {
  Flag,
  type ReaderMessage,
  type ReaderOptions,
  slotMemory,
  type TtySlots,
  viewSlots,
} from "./tty-slots.ts";

export interface TtyOptions {
  readonly baud?: number;
  /** Bytes wait for company this long at most before the main thread is woken; stamps do not. */
  readonly batchMs?: number;
  /** Asks for SCHED_FIFO at this priority; what was granted is in `timing`. */
  readonly fifoPriority?: number;
}

const WRITE_PATIENCE_MS = 100;

/** @throws SourceError on opening, when it is not there or may not be used. */
export function ttyPort(path: string, options: TtyOptions = {}): OpenPort {
  return async (sink) => {
    const fd = openTty(path);
    if (!lock(fd)) {
      closeSync(fd);
      throw new SourceError(`${path} is in use by another program`);
    }
    let reader: Reader;
    try {
      makeRaw(fd, options.baud ?? 921_600);
      reader = newReader(fd, options);
    } catch (error) {
      release(fd);
      if (error instanceof SourceError) throw new SourceError(withPath(path, error.message));
      throw error;
    }
    return startReader(path, fd, sink, reader);
  };
}

function release(fd: number): void {
  unlock(fd);
  closeSync(fd);
}

const withPath = (path: string, text: string): string =>
  text.startsWith(path) ? text : `${path}: ${text}`;

function openTty(path: string): number {
  try {
    // Non-blocking: a modem line without carrier must not hang the open.
    return openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch (error) {
    throw openError(path, error as NodeJS.ErrnoException);
  }
}

const ABSENT = new Set(["ENOENT", "ENXIO", "EIO", "ENODEV"]);
const FORBIDDEN = new Set(["EACCES", "EPERM"]);

function openError(path: string, error: NodeJS.ErrnoException): SourceError {
  const code = error.code ?? "";
  if (ABSENT.has(code)) return new SourceError(`${path}: no such device; is it plugged in?`, error);
  if (code === "EBUSY") return new SourceError(`${path} is in use by another program`, error);
  if (code === "EISDIR") return new SourceError(`${path}: a folder, not a serial device`, error);
  if (!FORBIDDEN.has(code)) return new SourceError(`${path}: ${error.message}`, error);
  const remedy = `add yourself to its group (ls -l ${path}; often dialout) and log in again`;
  return new SourceError(`${path}: no permission; ${remedy}`, error);
}

interface Reader {
  readonly worker: Worker;
  readonly shared: TtySlots;
}

function newReader(fd: number, { batchMs = 4, fifoPriority = 0 }: TtyOptions): Reader {
  const memory = slotMemory();
  const workerData: ReaderOptions = { memory, fd, batchMs, fifoPriority };
  const module = siblingModule(import.meta.url, "./tty-reader");
  const worker = new Worker(module.url, {
    execArgv: module.execArgv,
    workerData,
    resourceLimits: LEAN,
  });
  return { worker, shared: viewSlots(memory) };
}

/** @throws SourceError when the reader does not come up; the port is then closed. */
async function startReader(
  path: string,
  fd: number,
  sink: PortSink,
  { worker, shared }: Reader,
): Promise<BytePort> {
  let scheduling = "";
  let closing = false;
  let over: SourceError | null = null;
  let open = true;
  let wasReady = false;
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  await new Promise<void>((ready, failed) => {
    worker.on("message", (m: ReaderMessage) => {
      if (m.kind === "ready") {
        scheduling = m.scheduling;
        wasReady = true;
        ready();
      } else if (m.kind === "slot") deliver(shared, m.slot, m.reads, sink);
      else if (m.reason !== null) over = new SourceError(`${path}: ${m.reason}`);
    });
    worker.on("error", (e) => {
      over = new SourceError(`${path}: reader failed: ${e.message}`, e);
    });
    worker.on("exit", () => {
      open = false;
      release(fd);
      const error = over ?? new SourceError(`${path}: reader ended`);
      if (!wasReady) return failed(error);
      sink.closed(closing ? null : error);
      end();
    });
  });
  return {
    name: path,
    timing: `reader thread, ${scheduling}`,
    write(bytes) {
      // The number of a closed file may belong to another by now.
      if (!open) throw new SourceError(`${path}: the device is gone`);
      writeAll(path, fd, bytes);
    },
    close: async () => {
      closing = true;
      Atomics.store(shared.flags, Flag.stop, 1);
      Atomics.notify(shared.flags, Flag.used);
      await ended;
    },
  };
}

/** One slot's reads to the sink, then the slot back to the reader. */
function deliver({ flags, slots }: TtySlots, slot: number, reads: number, sink: PortSink): void {
  const { bytes, reads: meta } = slots[slot]!;
  try {
    for (let i = 0, from = 0; i < reads; i++) {
      const to = Number(meta[3 * i]!);
      sink.bytes(
        bytes.subarray(from, to),
        instant<"host">(meta[3 * i + 1]!),
        instant<"host">(meta[3 * i + 2]!),
      );
      from = to;
    }
  } finally {
    Atomics.sub(flags, Flag.used, 1);
    Atomics.notify(flags, Flag.used);
  }
}

function writeAll(path: string, fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (full && poll(fd, POLLOUT, WRITE_PATIENCE_MS) !== 0) continue;
      throw new SourceError(
        `${path}: ${full ? "takes no bytes" : (error as Error).message}`,
        error,
      );
    }
  }
}
