// A pseudo-terminal made without a compiler: the device's end for the virtual DAQ, and a path for the
// host to open; or a serial line that is there already, such as a USB gadget's. Linux; koffi to the C library, names and constants as in <stdlib.h>, <fcntl.h>, <poll.h>.

import { closeSync, constants, openSync } from "node:fs";

const O_RDWR_NOCTTY_NONBLOCK = 0o2 | 0o400 | 0o4000;
const POLLIN = 1;
const POLLOUT = 4;
const PR_SET_PDEATHSIG = 1;
const SIGTERM = 15;
/** glibc's struct termios is 60 bytes. */
const TERMIOS_BYTES = 60;
/** Its last word is c_ospeed. */
const OSPEED_WORD = 14;

export interface Pty {
  /** What the host opens. */
  readonly path: string;
  /** Bytes taken now, 0 when it is full. */
  write(bytes: Uint8Array, from: number, to: number): number;
  /** Bytes the host wrote, 0 when there are none. */
  read(into: Uint8Array): number;
  /** Waits for the host's bytes, or for room if `wantRoom`, at most `timeoutMs`. */
  wait(wantRoom: boolean, timeoutMs: number): void;
  /** The rate that the host set the line to, as termios has it: its code or the rate itself. */
  speed(): number;
  /** Waits for room alone. @returns whether there is any. */
  room(timeoutMs: number): boolean;
  /** Unplugs: the host sees a hang-up. */
  close(): void;
}

export interface PtyMaker {
  open(): Pty;
  /** The device's end of a line that exists; what the host opens is elsewhere. @throws Error when it cannot be opened. */
  attach(path: string): Pty;
  /** Asks to be ended when the parent ends, so that a killed test leaves no process behind. */
  dieWithParent(): void;
}

export async function ptyMaker(): Promise<PtyMaker> {
  const { default: koffi } = await import("koffi");
  const c = koffi.load("libc.so.6");
  const posix_openpt = c.func("int posix_openpt(int)");
  const grantpt = c.func("int grantpt(int)");
  const unlockpt = c.func("int unlockpt(int)");
  const ptsname_r = c.func("int ptsname_r(int, void *, size_t)");
  const tcgetattr = c.func("int tcgetattr(int, void *)");
  const tcsetattr = c.func("int tcsetattr(int, int, void *)");
  const cfmakeraw = c.func("void cfmakeraw(void *)");
  const write = c.func("long write(int, void *, size_t)");
  const read = c.func("long read(int, void *, size_t)");
  const poll = c.func("int poll(void *, unsigned long, int)");
  const prctl = c.func("int prctl(int, unsigned long)");
  const pollfd = new Int16Array(4); // int fd, short events, short revents
  const pollfdFd = new Int32Array(pollfd.buffer, 0, 1);

  /** Raw before anyone opens it, so that no early byte is echoed or cooked. */
  const makeRaw = (fd: number): void => {
    const t = new Uint8Array(TERMIOS_BYTES);
    tcgetattr(fd, t);
    cfmakeraw(t);
    tcsetattr(fd, 0, t);
  };

  const deviceEnd = (fd: number, path: string, close: () => void): Pty => {
    makeRaw(fd);
    const until = (events: number, timeoutMs: number): number => {
      pollfdFd[0] = fd;
      pollfd[2] = events;
      pollfd[3] = 0;
      poll(pollfd, 1, timeoutMs);
      return pollfd[3];
    };
    return {
      path,
      write: (bytes, from, to) =>
        Math.max(0, write(fd, bytes.subarray(from, to), to - from) as number),
      read: (into) => Math.max(0, read(fd, into, into.length) as number),
      wait: (wantRoom, timeoutMs) => void until(POLLIN | (wantRoom ? POLLOUT : 0), timeoutMs),
      speed() {
        const t = new Uint32Array(TERMIOS_BYTES / 4);
        tcgetattr(fd, t);
        return t[OSPEED_WORD]!;
      },
      room: (timeoutMs) => (until(POLLOUT, timeoutMs) & POLLOUT) !== 0,
      close,
    };
  };

  const open = (): Pty => {
    const fd = posix_openpt(O_RDWR_NOCTTY_NONBLOCK) as number;
    if (fd < 0 || grantpt(fd) !== 0 || unlockpt(fd) !== 0)
      throw new Error(`no pseudo-terminal to be had (errno ${koffi.errno()})`);
    const name = Buffer.alloc(128);
    ptsname_r(fd, name, name.length);
    const path = name.toString("latin1", 0, name.indexOf(0));
    const end = deviceEnd(fd, path, () => {
      closeSync(line);
      closeSync(fd);
    });
    // Held open, so that the line does not hang up between two hosts.
    const line = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    return end;
  };

  const attach = (path: string): Pty => {
    const fd = openSync(path, O_RDWR_NOCTTY_NONBLOCK);
    return deviceEnd(fd, path, () => closeSync(fd));
  };
  return { open, attach, dieWithParent: () => void prctl(PR_SET_PDEATHSIG, SIGTERM) };
}
