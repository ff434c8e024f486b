// Ctrl-C while something is recorded: the first ends the recording and its program, each in its own time;
// a second ends both at once. In: SIGINT, SIGTERM, or a caller's AbortSignal. Out: an AbortSignal. A terminal that hangs up (SIGHUP: ssh
// drops) ends nothing: the recording goes on to its end unattended.

import { isatty } from "node:tty";
import type { Program } from "./program.ts";

export interface Interrupts {
  /** Aborted by the first. */
  readonly asked: AbortSignal;
  /** Gives the signals back. */
  release(): void;
}

export interface Asking {
  /** SIGINT, SIGTERM and SIGHUP of this process are taken. */
  readonly signals: boolean;
  /** Another way to ask: ends the recording, and the program by SIGTERM. */
  readonly asked?: AbortSignal;
  /** Told that the terminal is gone. */
  readonly onHangup: () => void;
}

export function takeInterrupts(program: Program | null, asking: Asking): Interrupts {
  const asked = new AbortController();
  const { onHangup } = asking;
  const take = (signal: NodeJS.Signals): void => {
    if (asked.signal.aborted) return endAtOnce(signal);
    if (!cameToAll(signal)) program?.signal(signal);
    asked.abort();
  };
  const abort = (): void => {
    program?.signal("SIGTERM");
    asked.abort();
  };
  const release = (): void => {
    process.off("SIGINT", take).off("SIGTERM", take).off("SIGHUP", onHangup);
    asking.asked?.removeEventListener("abort", abort);
  };
  const endAtOnce = (signal: NodeJS.Signals): void => {
    program?.signal("SIGKILL");
    release();
    process.kill(process.pid, signal);
  };
  if (asking.signals) process.on("SIGINT", take).on("SIGTERM", take).on("SIGHUP", onHangup);
  if (asking.asked?.aborted === true) abort();
  asking.asked?.addEventListener("abort", abort);
  return { asked: asked.signal, release };
}

/**
 * A terminal's Ctrl-C goes to every process in its foreground. Many programs take a second one for
 * "at once", so it must not be passed on.
 */
const cameToAll = (signal: NodeJS.Signals): boolean =>
  signal === "SIGINT" && [0, 1, 2].some((fd) => isatty(fd));
