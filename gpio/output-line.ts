// Lines that this program drives: of a GPIO chip or a serial port. In: levels. Out: edges with the host
// time before and after each.

import { setTimeout as sleep } from "node:timers/promises";
import type { Mark } from "../schema/records.ts";
import { type Instant, elapsedNs, instant, later } from "../schema/time.ts";
import { check, findLine } from "./chips.ts";
import { type Kernel, linux } from "./kernel.ts";
import type { OutputLine } from "./line.ts";
import { fileOutput, SIMULATED } from "./sim-file.ts";
import type { Cause } from "./trigger-pulses.ts";
import {
  GPIO_V2_GET_LINE_IOCTL,
  GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES,
  GPIO_V2_LINE_FLAG_OUTPUT,
  GPIO_V2_LINE_SET_VALUES_IOCTL,
  TIOCMBIC,
  TIOCMBIS,
  TIOCM_DTR,
  TIOCM_RTS,
  lineRequest,
  lineValue,
  requestFd,
} from "./uapi.ts";

/** One edge that we made: it happened between the two. */
export interface DrivenEdge {
  readonly level: 0 | 1;
  readonly before: Instant<"host">;
  readonly after: Instant<"host">;
}

export function drive(line: OutputLine, level: 0 | 1): DrivenEdge {
  const before = process.hrtime.bigint();
  line.set(level);
  const after = process.hrtime.bigint();
  return { level, before: instant(before), after: instant(after) };
}

/** The mark that align's clock fit rests on: the edge lies within ±half_ns of its time. */
export function syncMark(edge: DrivenEdge, cause: Cause, output: string): Mark {
  const half_ns = elapsedNs(edge.after, edge.before) / 2;
  const t = later(edge.before, Math.floor(half_ns));
  const phase = edge.level === 1 ? "begin" : "end";
  return { name: "sync", phase, clock: "host", t, fields: { half_ns, cause, output } };
}

/**
 * @param name `CHIP/LINE` or `/dev/tty…/rts` or `…/dtr`, or `simulated:FILE`
 * @throws InputError when there is no such line or it cannot be had
 */
export async function openOutput(name: string, on?: Kernel): Promise<OutputLine> {
  if (name.startsWith(SIMULATED)) return fileOutput(name, name.slice(SIMULATED.length));
  const kernel = on ?? linux();
  const serial = /^(\/dev\/.+)\/(rts|dtr)$/.exec(name);
  if (!serial) return chipOutput(kernel, name);
  return serialOutput(kernel, name, serial[1]!, serial[2] === "rts" ? TIOCM_RTS : TIOCM_DTR);
}

function chipOutput(kernel: Kernel, name: string): OutputLine {
  const { chip, line } = findLine(kernel, name);
  const low = { id: GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES, value: 0n, mask: 1n };
  const request = lineRequest([line.offset], GPIO_V2_LINE_FLAG_OUTPUT, [low]);
  const chipFd = kernel.open(chip.path);
  try {
    check(kernel.ioctl(chipFd, GPIO_V2_GET_LINE_IOCTL, request), name, "GPIO_V2_GET_LINE");
  } finally {
    kernel.close(chipFd);
  }
  const fd = requestFd(request);
  const values = [lineValue(0), lineValue(1)] as const;
  const set = (level: 0 | 1) =>
    check(kernel.ioctl(fd, GPIO_V2_LINE_SET_VALUES_IOCTL, values[level]), name, "SET_VALUES");
  return { name, set, close: () => finish(() => set(0), kernel, fd) };
}

/** Opening a port raises both modem lines; whatever listens should have seen them low before the first edge. */
const SETTLE_MS = 50;

async function serialOutput(
  kernel: Kernel,
  name: string,
  path: string,
  bit: number,
): Promise<OutputLine> {
  const fd = kernel.open(path);
  const mask = Buffer.alloc(4);
  const set = (level: 0 | 1) => {
    mask.writeInt32LE(bit);
    check(
      kernel.ioctl(fd, level ? TIOCMBIS : TIOCMBIC, mask),
      name,
      level ? "TIOCMBIS" : "TIOCMBIC",
    );
  };
  try {
    set(0);
  } catch (error) {
    kernel.close(fd);
    throw error;
  }
  await sleep(SETTLE_MS);
  return { name, set, close: () => finish(() => set(0), kernel, fd) };
}

function finish(lower: () => void, kernel: Kernel, fd: number): void {
  try {
    lower();
  } finally {
    kernel.close(fd);
  }
}
