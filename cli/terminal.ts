// The one place where text leaves the program: whoever wrote a name, a path or another program's error message,
// here it becomes one line that does nothing to a terminal (schema/visible.ts). Only layout of our own, help
// texts and the sequence that clears a progress line, goes out as it is. The linter lets nobody else write.

import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { visible, visibleJson, visibleLines } from "../schema/visible.ts";

/** One line of a result. */
export const printLine = (text: string): void => out(`${visible(text)}\n`);

/** One line to stderr, in place of a progress line that stands there. */
export const tellLine = (text: string): void => err(`${CLEAR}${visible(text)}\n`);

/** The one document of --json. @param indent absent: on one line. */
export const printJson = (value: unknown, indent?: number): void =>
  out(`${visibleJson(value, indent)}\n`);

/** Help texts: our own words and line ends. */
export const printText = (text: string): void => out(visibleLines(text));

/** To stderr, whose line the answer ends. */
export const askFor = (question: string): void => err(visible(question));

/** Whether stderr shows progress in place. */
export const inPlace = process.stderr.isTTY === true;

/** Overwrites the progress line; without a terminal a line of its own. */
export const progressLine = (text: string): void =>
  err(inPlace ? `${CLEAR}${visible(text)}` : `${visible(text)}\n`);

export const clearProgress = (): void => err(CLEAR);

const CLEAR = inPlace ? "\r\x1b[K" : "";

const out = (text: string): void =>
  process.stdout instanceof Socket ? void process.stdout.write(text) : toFile(text);

/** Node's own stream takes a write that a nearly full disk cut short for a whole one. */
function toFile(text: string): void {
  const bytes = Buffer.from(text);
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
  } catch (error) {
    process.stdout.emit("error", error); // cli/outlive.ts listens
  }
}

const err = (text: string): void => void (text !== "" && process.stderr.write(text));
