// Lines that this program drives: of a GPIO chip or a serial port. In: levels. Out: edges with the host
// time before and after each.

import { setTimeout as sleep } from "node:timers/promises";
import type { Mark } from "../schema/records.ts";
import { type Instant, elapsedNs, instant } from "../schema/time.ts";
import { check, findLine } from "./chips.ts";
import { type Kernel, linux } from "./kernel.ts";
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

export interface OutputLine {
  readonly name: string;
  /** Returns when the kernel has set the level. */
  set(level: 0 | 1): void;
  /** Leaves the line low. */
  close(): void;
}

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

export function drivenMark(line: OutputLine, edge: DrivenEdge): Mark {
  const within_ns = elapsedNs(edge.after, edge.before);
  const fields = { kind: "edge_out", level: edge.level, within_ns };
  return { name: line.name, phase: "instant", clock: "host", t: edge.before, fields };
}

/**
 * @param name `CHIP/LINE` or `/dev/tty…/rts` or `…/dtr`
 * @throws InputError when there is no such line or it cannot be had
 */
export async function openOutput(name: string, kernel: Kernel = linux()): Promise<OutputLine> {
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
