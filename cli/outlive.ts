// stdout, stderr and the terminal behind them may go away while a command works: a reader that has seen enough,
// an ssh that drops, a disk that is full. Holds: their errors are events here and never throw, and end no command:
// each goes on to its end and its own exit code. Who stops reading wanted no more; all else is output that is lost.

import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import { libc } from "../host/libc.ts";

type Stream = "stdout" | "stderr";

interface Gone {
  readonly why: string;
  /** By its reader's own will. */
  readonly unread: boolean;
}

const gone = new Map<Stream, Gone>();
let onGone: (stream: Stream, why: string) => void = () => undefined;

/** For the life of the process. */
export function outliveTerminal(): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  for (const stream of ["stdout", "stderr"] as const)
    process[stream].on("error", (error: NodeJS.ErrnoException) => {
      if (gone.has(stream)) return;
      gone.set(stream, goneBy(error.code ?? error.message, process[stream].isTTY));
      onGone(stream, gone.get(stream)!.why);
    });
  process.on("exit", () => replaceDead(terminals));
}

function goneBy(code: string, isTerminal: boolean): Gone {
  const unread = code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && isTerminal);
  const full = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  const what = full ? "no space left" : "cannot be written to";
  return { why: `${unread ? "its reader has closed it" : what} (${code})`, unread };
}

/** Why stdout holds less than was written to it, though its reader wanted all; null where it holds it all. */
export function lostOutput(): string | null {
  const stdout = gone.get("stdout");
  return stdout === undefined || stdout.unread ? null : stdout.why;
}

/** Tells every stream that went away, those that already have as well. */
export function whenGone(tell: (stream: Stream, why: string) => void): void {
  onGone = tell;
  for (const [stream, { why }] of gone) tell(stream, why);
}

/** Whether what is written there can still be read by anyone. */
export const isGone = (stream: Stream): boolean => gone.has(stream);

/**
 * At its end Node sets terminals back to how it found them, and aborts when one of them is gone (SIGABRT, or
 * SIGSEGV with worker threads about). It leaves alone what is no longer the file that it was.
 */
function replaceDead(terminals: readonly number[]): void {
  const dead = terminals.filter((fd) => !isatty(fd));
  if (dead.length === 0) return;
  const nothing = openSync("/dev/null", "r+");
  for (const fd of dead) libc().dup2(nothing, fd);
  closeSync(nothing);
}
