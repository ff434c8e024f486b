// GPIO chips and their lines: listed for doctor, found by the text that names a line (docs/gpio.md).

import { InputError, inputError } from "../schema/errors.ts";
import { Errno, type Kernel } from "./kernel.ts";
import {
  CHIPINFO_BYTES,
  type ChipInfo,
  GPIO_GET_CHIPINFO_IOCTL,
  GPIO_V2_GET_LINEINFO_IOCTL,
  GPIO_V2_LINE_FLAG_USED,
  type LineInfo,
  chipInfo,
  lineInfo,
  lineInfoQuery,
} from "./uapi.ts";

export interface Chip extends ChipInfo {
  readonly path: string;
  readonly allLines: readonly LineInfo[];
}

/** A chip that cannot be used, and what to do about it. */
export interface BlockedChip {
  readonly path: string;
  readonly problem: string;
}

export function listChips(kernel: Kernel): { usable: Chip[]; blocked: BlockedChip[] } {
  const usable: Chip[] = [];
  const blocked: BlockedChip[] = [];
  for (const path of kernel.chips()) {
    try {
      usable.push(readChip(kernel, path));
    } catch (error) {
      blocked.push({ path, problem: problemOf(error as NodeJS.ErrnoException) });
    }
  }
  return { usable, blocked };
}

function problemOf(error: NodeJS.ErrnoException): string {
  return error.code === "EACCES" || error.code === "EPERM"
    ? "no permission: add yourself to the group that owns it (often gpio), or add a udev rule"
    : error.message;
}

function readChip(kernel: Kernel, path: string): Chip {
  const fd = kernel.open(path);
  try {
    const info = Buffer.alloc(CHIPINFO_BYTES);
    check(kernel.ioctl(fd, GPIO_GET_CHIPINFO_IOCTL, info), path, "GPIO_GET_CHIPINFO");
    const chip = chipInfo(info);
    const allLines = Array.from({ length: chip.lines }, (_, offset) => {
      const line = lineInfoQuery(offset);
      check(kernel.ioctl(fd, GPIO_V2_GET_LINEINFO_IOCTL, line), path, "GPIO_V2_GET_LINEINFO");
      return lineInfo(line);
    });
    return { path, ...chip, allLines };
  } finally {
    kernel.close(fd);
  }
}

/** @throws InputError naming the call, what failed and, where known, the remedy. */
export function check(result: number, where: string, call: string): void {
  if (result >= 0) return;
  const errno = -result;
  const remedy =
    errno === Errno.EBUSY
      ? "the line is in use; `gpioinfo` or doctor shows by whom"
      : errno === Errno.EINVAL || errno === Errno.ENOTTY
        ? "the kernel or device does not offer this; GPIO needs Linux 5.10 or later"
        : errno === Errno.EPERM || errno === Errno.EACCES
          ? "no permission"
          : undefined;
  throw new InputError(
    `${where}: ${call} failed with errno ${errno}${remedy ? ` (${remedy})` : ""}`,
  );
}

export interface FoundLine {
  readonly chip: Chip;
  readonly line: LineInfo;
}

/** @param name `CHIP/LINE`. @throws InputError when nothing or more than one line fits. */
export function findLine(kernel: Kernel, name: string): FoundLine {
  const slash = name.lastIndexOf("/");
  if (slash < 1 || slash === name.length - 1)
    throw inputError("no line name", name, "CHIP/LINE, such as pinctrl-bcm2711/GPIO17");
  const [chipName, lineName] = [name.slice(0, slash), name.slice(slash + 1)];
  const { usable, blocked } = listChips(kernel);
  const chips = usable.filter((c) => c.label === chipName || c.name === chipName);
  const matches = chips.flatMap((chip) =>
    chip.allLines
      .filter((l) => l.name === lineName || String(l.offset) === lineName)
      .map((line) => ({ chip, line })),
  );
  const [only] = matches;
  if (!only) throw nothing(name, usable, blocked, chips);
  if (matches.length > 1) {
    const all = matches.map((m) => `${m.chip.name}/${m.line.offset}`).join(", ");
    throw inputError("more than one line fits", name, "one", all);
  }
  return only;
}

/** Lines of a chip that nobody uses, as text for a remedy. */
export function freeLines(chip: Chip): string {
  const free = chip.allLines.filter((l) => (l.flags & GPIO_V2_LINE_FLAG_USED) === 0);
  return listed(free.map((l) => l.name || String(l.offset)));
}

function nothing(name: string, usable: Chip[], blocked: BlockedChip[], chips: Chip[]): InputError {
  if (chips.length > 0) {
    const lines = chips.flatMap((c) => c.allLines.map((l) => l.name || String(l.offset)));
    return inputError("no such line", name, "a line of this chip", listed(lines));
  }
  if (usable.length > 0)
    return inputError(
      "no such GPIO chip",
      name,
      "a chip of this machine",
      listed(usable.map((c) => c.label)),
    );
  if (blocked[0]) return new InputError(`${blocked[0].path}: ${blocked[0].problem}`);
  return inputError("this machine has no GPIO chip", name, "/dev/gpiochip0 or the like");
}

const listed = (names: string[]) =>
  names.slice(0, 12).join(", ") + (names.length > 12 ? ", …" : "");
