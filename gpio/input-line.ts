// A line that this program listens to. In: a line's name. Out: its edges with kernel stamps, and losses.
// Polled, never blocking: a read that waits would keep the process from ending.

import { inputError } from "../schema/errors.ts";
import { type Chip, check, findLine, freeLines } from "./chips.ts";
import { EdgeDecoder, type EdgeSink } from "./edge-decoder.ts";
import { type Kernel, linux } from "./kernel.ts";
import {
  EVENT_BYTES,
  GPIO_V2_GET_LINE_IOCTL,
  GPIO_V2_LINE_ATTR_ID_FLAGS,
  GPIO_V2_LINE_FLAG_EDGE_FALLING,
  GPIO_V2_LINE_FLAG_EDGE_RISING,
  GPIO_V2_LINE_FLAG_INPUT,
  GPIO_V2_LINE_GET_VALUES_IOCTL,
  lineRequest,
  lineValue,
  requestFd,
} from "./uapi.ts";

/** Where events wait and how the level is read: the kernel's request, or a simulated one. */
export interface EventQueue {
  /** Whole events into the buffer. @returns bytes; 0 when none waits. */
  read(into: Buffer): number;
  level(): 0 | 1;
  close(): void;
}

/** Events that the kernel holds for us: the most it grants (GPIO_V2_LINES_MAX · 16); its default is 16 a line. */
const EVENT_BUFFER = 1024;
const EVENTS_A_READ = 512;
/** A line that never rests must not keep the recorder here. */
const MAX_READS = 64;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

export class InputLine {
  readonly name: string;
  readonly #queue: EventQueue;
  readonly #decoder: EdgeDecoder;
  readonly #buffer = Buffer.alloc(EVENT_BYTES * EVENTS_A_READ);

  /** @param offset the line's number in its events. */
  constructor(name: string, offset: number, queue: EventQueue, sink: EdgeSink) {
    this.name = name;
    this.#queue = queue;
    this.#decoder = new EdgeDecoder(name, offset, sink, queue.level());
  }

  /** Takes the edges that are there; the kernel stamped them, so when hardly matters. */
  poll(): void {
    for (let reads = 0; reads < MAX_READS; reads++) {
      const n = this.#queue.read(this.#buffer);
      if (n === 0) return;
      this.#decoder.push(this.#buffer.subarray(0, n));
    }
  }

  close(): void {
    this.poll();
    Atomics.wait(PAUSE, 0, 0, 1); // an interrupt thread may still be handing over the last edge
    this.poll();
    this.#decoder.settle(this.#queue.level());
    this.#queue.close();
  }
}

/**
 * @param name `CHIP/LINE+COMPANION`
 * @throws InputError when there is no such line or it cannot be had
 */
export function openInput(name: string, sink: EdgeSink, kernel: Kernel = linux()): InputLine {
  const { chip, offsets } = findPair(kernel, name);
  const plain = BigInt(GPIO_V2_LINE_FLAG_INPUT);
  const quiet = { id: GPIO_V2_LINE_ATTR_ID_FLAGS, value: plain, mask: 2n };
  const edges = GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING;
  const request = lineRequest(offsets, GPIO_V2_LINE_FLAG_INPUT | edges, [quiet], EVENT_BUFFER);
  const chipFd = kernel.open(chip.path);
  try {
    check(kernel.ioctl(chipFd, GPIO_V2_GET_LINE_IOCTL, request), name, "GPIO_V2_GET_LINE");
  } finally {
    kernel.close(chipFd);
  }
  return new InputLine(name, offsets[0], kernelQueue(kernel, name, requestFd(request)), sink);
}

/** The companion is never chosen for the user: taking a pin from I2C or a console would break that. */
function findPair(kernel: Kernel, name: string): { chip: Chip; offsets: [number, number] } {
  const plus = name.lastIndexOf("+");
  const { chip, line } = findLine(kernel, plus < 0 ? name : name.slice(0, plus));
  const example = `${name.slice(0, plus < 0 ? undefined : plus)}+OTHER`;
  const wanted = `${example} with OTHER one of ${freeLines(chip)} that nothing needs`;
  if (plus < 0)
    throw inputError("an input needs a second line, or lost edges stay hidden", name, wanted);
  const other = findLine(kernel, `${chip.name}/${name.slice(plus + 1)}`).line;
  if (other.offset === line.offset) throw inputError("the second line is the first", name, wanted);
  return { chip, offsets: [line.offset, other.offset] };
}

function kernelQueue(kernel: Kernel, name: string, fd: number): EventQueue {
  return {
    read: (into) => (kernel.readable(fd) ? kernel.read(fd, into) : 0),
    level: () => {
      const values = lineValue(0);
      check(kernel.ioctl(fd, GPIO_V2_LINE_GET_VALUES_IOCTL, values), name, "GET_VALUES");
      return values.readBigUInt64LE(0) & 1n ? 1 : 0;
    },
    close: () => kernel.close(fd),
  };
}
