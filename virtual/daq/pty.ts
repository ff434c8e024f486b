// A pseudo-terminal made without a compiler: the device's end for the virtual DAQ, and a path for the
// host to open; or a serial line that is there already, such as a USB gadget's. Linux; constants as in
// <stdlib.h>, <fcntl.h>, <sys/prctl.h>.

import { closeSync, constants, openSync } from "node:fs";
import { libc } from "../../host/libc.ts";
import { poll, POLLIN, POLLOUT } from "../../host/poll.ts";
import { valueAt } from "../../stats/places.ts";

/** And not for children: one that had it open would keep the line from hanging up. */
const O_RDWR_NOCTTY_NONBLOCK = 0o2 | 0o400 | 0o4000 | 0o2000000;
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

/** A new one. @throws Error when there is none to be had. */
export function openPty(): Pty {
  const c = libc();
  const fd = c.posix_openpt(O_RDWR_NOCTTY_NONBLOCK);
  if (fd < 0 || c.grantpt(fd) !== 0 || c.unlockpt(fd) !== 0)
    throw new Error(`no pseudo-terminal to be had (errno ${c.errno()})`);
  const name = Buffer.alloc(128);
  c.ptsname_r(fd, name, name.length);
  const path = name.toString("latin1", 0, name.indexOf(0));
  const end = deviceEnd(fd, path, () => {
    closeSync(line);
    closeSync(fd);
  });
  // Held open, so that the line does not hang up between two hosts.
  const line = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  return end;
}

/** The device's end of a line that exists; what the host opens is elsewhere. @throws Error when it cannot be opened. */
export function attachPty(path: string): Pty {
  const fd = openSync(path, O_RDWR_NOCTTY_NONBLOCK);
  return deviceEnd(fd, path, () => closeSync(fd));
}

/** Asks to be ended when the parent ends, so that a killed test leaves no process behind. */
export const dieWithParent = (): void => void libc().prctl(PR_SET_PDEATHSIG, SIGTERM);

function deviceEnd(fd: number, path: string, close: () => void): Pty {
  const { read, write, tcgetattr } = libc();
  makeRaw(fd);
  return {
    path,
    write: (bytes, from, to) => Math.max(0, write(fd, bytes.subarray(from, to), to - from)),
    read: (into) => Math.max(0, read(fd, into, into.length)),
    wait: (wantRoom, timeoutMs) => void poll(fd, POLLIN | (wantRoom ? POLLOUT : 0), timeoutMs),
    speed() {
      const t = new Uint32Array(TERMIOS_BYTES / 4);
      tcgetattr(fd, t);
      return valueAt(t, OSPEED_WORD);
    },
    room: (timeoutMs) => (poll(fd, POLLOUT, timeoutMs) & POLLOUT) !== 0,
    close,
  };
}

/** Before anyone opens it, so that no early byte is echoed or cooked. */
function makeRaw(fd: number): void {
  const { tcgetattr, cfmakeraw, tcsetattr } = libc();
  const t = new Uint8Array(TERMIOS_BYTES);
  tcgetattr(fd, t);
  cfmakeraw(t);
  tcsetattr(fd, 0, t);
}
