// Ctrl-C while something is recorded: the first ends the recording and its program, each in its own time;
// a second ends both at once. In: SIGINT, SIGTERM. Out: an AbortSignal. A terminal that hangs up (SIGHUP: ssh
// drops) ends nothing: the recording goes on to its end unattended.

import { isatty } from "node:tty";
import type { Program } from "./program.ts";

export interface Interrupts {
  /** Aborted by the first. */
  readonly asked: AbortSignal;
  /** Gives the signals back. */
  release(): void;
}

/** @param onHangup told that the terminal is gone. */
export function takeInterrupts(program: Program | null, onHangup: () => void): Interrupts {
  const asked = new AbortController();
  const take = (signal: NodeJS.Signals): void => {
    if (asked.signal.aborted) return endAtOnce(signal);
    if (!cameToAll(signal)) program?.signal(signal);
    asked.abort();
  };
  const release = (): void =>
    void process.off("SIGINT", take).off("SIGTERM", take).off("SIGHUP", onHangup);
  const endAtOnce = (signal: NodeJS.Signals): void => {
    program?.signal("SIGKILL");
    release();
    process.kill(process.pid, signal);
  };
  process.on("SIGINT", take).on("SIGTERM", take).on("SIGHUP", onHangup);
  return { asked: asked.signal, release };
}

/**
 * A terminal's Ctrl-C goes to every process in its foreground. Many programs take a second one for
 * "at once", so it must not be passed on.
 */
const cameToAll = (signal: NodeJS.Signals): boolean =>
  signal === "SIGINT" && [0, 1, 2].some((fd) => isatty(fd));
