// What a serial line needs and Node lacks: raw mode, a lock, a flush. Linux only; constants from
// asm-generic/{ioctls,termbits}.h, the same on x86-64 and arm64.

import { WHO_ANSWERS } from "./port.ts";
import { libc, LOCK_EX, LOCK_NB, LOCK_UN } from "../../host/libc.ts";
import { SourceError } from "../../schema/errors.ts";
import type { BAUD_RATES } from "../../schema/rig.ts";

const TIOCEXCL = 0x540c;
const TIOCNXCL = 0x540d;
const TIOCMBIS = 0x5416;
/** TIOCM_DTR | TIOCM_RTS. */
const DTR_RTS = 0x002 | 0x004;
const TCSANOW = 0;
const TCIFLUSH = 0;
const CLOCAL_CREAD = 0o4000 | 0o200;
const CRTSCTS = 0o20000000000;
/** glibc's struct termios is 60 bytes; c_cflag is its third word. */
const TERMIOS_BYTES = 60;
const CFLAG_AT = 8;

const BAUD: Readonly<Record<(typeof BAUD_RATES)[number], number>> = {
  9600: 0o15,
  19200: 0o16,
  38400: 0o17,
  57600: 0o10001,
  115200: 0o10002,
  230400: 0o10003,
  460800: 0o10004,
  500000: 0o10005,
  921600: 0o10007,
  1000000: 0o10010,
  1500000: 0o10012,
  2000000: 0o10013,
  3000000: 0o10015,
};

/** Raw bytes, no flow control, at this rate; raises DTR where there is one. */
export function makeRaw(fd: number, baud: number): void {
  const c = libc();
  const speed = (BAUD as Readonly<Record<number, number>>)[baud];
  if (speed === undefined)
    throw new SourceError(`${baud} baud is not one of ${Object.keys(BAUD).join(", ")}`);
  const t = new Uint8Array(TERMIOS_BYTES);
  if (c.tcgetattr(fd, t) !== 0)
    throw new SourceError(`not a serial device or terminal; ${WHO_ANSWERS}`);
  c.cfmakeraw(t);
  const cflag = new Uint32Array(t.buffer, CFLAG_AT, 1);
  cflag[0] = (cflag[0]! | CLOCAL_CREAD) & ~CRTSCTS;
  c.cfsetspeed(t, speed);
  c.tcsetattr(fd, TCSANOW, t);
  c.ioctl(fd, TIOCMBIS, new Int32Array([DTR_RTS])); // fails on a pty, which has no DTR
  discard(fd);
}

/** Forgets what has arrived and was not read. */
export const discard = (fd: number): void => void libc().tcflush(fd, TCIFLUSH);

/** Advisory lock and, where the driver knows it, the terminal's exclusive mode. @returns false when another has it. */
export function lock(fd: number): boolean {
  if (libc().flock(fd, LOCK_EX | LOCK_NB) !== 0) return false;
  libc().ioctl(fd, TIOCEXCL, null);
  return true;
}

/**
 * Gives both back, before the file is closed: the lock is the open file's, which a child that is being started at
 * that moment has too; and a terminal stays exclusive for as long as anyone has it open, such as the program at the
 * other end of a pty.
 */
export function unlock(fd: number): void {
  libc().ioctl(fd, TIOCNXCL, null);
  libc().flock(fd, LOCK_UN);
}
