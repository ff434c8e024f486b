// stdout, stderr and the terminal behind them may go away while a command works: a reader that has seen enough,
// an ssh that drops. Holds: their errors are events here and never throw; a recording goes on without them.

import { closeSync, openSync } from "node:fs";
import { isatty } from "node:tty";
import { libc } from "../host/libc.ts";

type Stream = "stdout" | "stderr";

const gone = new Map<Stream, string>();
let onGone: (stream: Stream, why: string) => void = () => undefined;

/** For the life of the process. @param onPipe stdout's reader has seen enough. */
export function outliveTerminal(onPipe: () => void): void {
  const terminals = [0, 1, 2].filter((fd) => isatty(fd));
  for (const stream of ["stdout", "stderr"] as const)
    process[stream].on("error", (error: NodeJS.ErrnoException) => {
      const first = !gone.has(stream);
      gone.set(stream, error.code ?? error.message);
      if (first) onGone(stream, gone.get(stream)!);
      if (stream === "stdout" && error.code === "EPIPE") onPipe();
    });
  process.on("exit", () => replaceDead(terminals));
}

/** Tells every stream that went away, those that already have as well. */
export function whenGone(tell: (stream: Stream, why: string) => void): void {
  onGone = tell;
  for (const [stream, why] of gone) tell(stream, why);
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
