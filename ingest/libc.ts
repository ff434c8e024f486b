// The few calls that a serial line needs and Node lacks, bound by koffi with their C names. Linux only;
// constants from asm-generic/{ioctls,termbits,fcntl}.h, the same on x86-64 and arm64.

import { SourceError } from "../schema/errors.ts";
import type { BAUD_RATES } from "../schema/rig.ts";

export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLHUP = 16;
const POLLERR = 8;
const POLLNVAL = 32;
const LOCK_EX_NB = 2 | 4;
const TIOCEXCL = 0x540c;
const TIOCMBIS = 0x5416;
/** TIOCM_DTR | TIOCM_RTS. */
const DTR_RTS = 0x002 | 0x004;
const SCHED_FIFO = 1;
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
  2000000: 0o10013,
  3000000: 0o10015,
};

export interface SerialLibc {
  /** Raw bytes, no flow control, at this rate; raises DTR where there is one. */
  makeRaw(fd: number, baud: number): void;
  /** Forgets what has arrived and was not read. */
  discard(fd: number): void;
  /** Advisory lock and, where the driver knows it, the terminal's exclusive mode. @returns false when another has it. */
  lock(fd: number): boolean;
  /** Waits. @returns the events, 0 after `timeoutMs`. */
  poll(fd: number, events: number, timeoutMs: number): number;
  /** Asks for SCHED_FIFO for the calling thread and says what it runs in. */
  requestFifo(priority: number): string;
}

export const gone = (revents: number): boolean => (revents & (POLLHUP | POLLERR | POLLNVAL)) !== 0;

export async function serialLibc(): Promise<SerialLibc> {
  const { default: koffi } = await import("koffi");
  const c = koffi.load("libc.so.6");
  const tcgetattr = c.func("int tcgetattr(int, void *)");
  const tcsetattr = c.func("int tcsetattr(int, int, void *)");
  const tcflush = c.func("int tcflush(int, int)");
  const cfmakeraw = c.func("void cfmakeraw(void *)");
  const cfsetspeed = c.func("int cfsetspeed(void *, unsigned int)");
  const flock = c.func("int flock(int, int)");
  const ioctl = c.func("int ioctl(int, unsigned long, void *)");
  const poll = c.func("int poll(void *, unsigned long, int)");
  const sched_setscheduler = c.func("int sched_setscheduler(int, int, void *)");
  const sched_getscheduler = c.func("int sched_getscheduler(int)");
  const pollfd = new Int16Array(4); // int fd, short events, short revents
  const pollfdFd = new Int32Array(pollfd.buffer, 0, 1);

  return {
    makeRaw(fd, baud) {
      const speed = (BAUD as Readonly<Record<number, number>>)[baud];
      if (speed === undefined)
        throw new SourceError(
          "fatal",
          `${baud} baud is not one of ${Object.keys(BAUD).join(", ")}`,
        );
      const t = new Uint8Array(TERMIOS_BYTES);
      if (tcgetattr(fd, t) !== 0) throw new SourceError("fatal", "not a serial device or terminal");
      cfmakeraw(t);
      const cflag = new Uint32Array(t.buffer, CFLAG_AT, 1);
      cflag[0] = (cflag[0]! | CLOCAL_CREAD) & ~CRTSCTS;
      cfsetspeed(t, speed);
      tcsetattr(fd, TCSANOW, t);
      ioctl(fd, TIOCMBIS, new Int32Array([DTR_RTS])); // fails on a pty, which has no DTR
      tcflush(fd, TCIFLUSH);
    },
    discard: (fd) => void tcflush(fd, TCIFLUSH),
    lock(fd) {
      if (flock(fd, LOCK_EX_NB) !== 0) return false;
      ioctl(fd, TIOCEXCL, null);
      return true;
    },
    poll(fd, events, timeoutMs) {
      pollfdFd[0] = fd;
      pollfd[2] = events;
      pollfd[3] = 0;
      return (poll(pollfd, 1, timeoutMs) as number) > 0 ? pollfd[3] : 0;
    },
    requestFifo(priority) {
      sched_setscheduler(0, SCHED_FIFO, new Int32Array([priority])); // EPERM without rtprio
      return sched_getscheduler(0) === SCHED_FIFO ? `SCHED_FIFO ${priority}` : "SCHED_OTHER";
    },
  };
}
