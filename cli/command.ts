// What a command is, and how it speaks: results on stdout, progress and warnings on stderr.

import type { ParseArgsConfig } from "node:util";
import type { Finding, Level } from "../schema/findings.ts";
import {
  clearProgress,
  inPlace,
  printJson,
  printLine,
  progressLine,
  tellLine,
} from "./terminal.ts";

/**
 * 0 success, 1 failure, 2 usage, 3 done but with recorded loss or degraded quality; any other only from a
 * recording whose program ended with it.
 */
export type ExitCode = number;

export type OptionValues = Readonly<
  Record<string, string | boolean | (string | boolean)[] | undefined>
>;

export interface Invocation {
  readonly positionals: readonly string[];
  readonly options: OptionValues;
  /** What follows `--`. */
  readonly rest: readonly string[];
  readonly ui: Ui;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it is for is a recording: output that is lost degrades it (exit 3); others fail by it (exit 1). */
  readonly records?: boolean;
  /** After `truejoule NAME`. */
  readonly usage: string;
  /** Longer text: what it reads, what it writes, examples. */
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** Names and help of the options, in the order shown. */
  readonly optionHelp: readonly (readonly [string, string])[];
  run(call: Invocation): Promise<ExitCode>;
}

/** stdout and stderr, as the user asked for them. A text is one line: what it holds of line ends is shown as such. */
export interface Ui {
  readonly json: boolean;
  readonly quiet: boolean;
  /** A line of a result: stdout. In --json mode only {@link Ui.document} writes there. */
  print(text: string): void;
  /** The one JSON document of --json. */
  document(value: unknown): void;
  /** @param level `doubt` where none is given. */
  warn(text: string, level?: Level): void;
  /** A progress bar on a terminal, one line a few seconds apart elsewhere, nothing when quiet. */
  progress(label: string): (done: number, total: number) => void;
}

const LEVEL_WORDS: Readonly<Record<Level, string>> = {
  loss: "loss",
  doubt: "warning",
  remark: "note",
};

export const tell = (ui: Ui, findings: readonly Finding[]): void => {
  for (const { text, level } of findings) ui.warn(text, level);
};

export function makeUi(json: boolean, quiet: boolean): Ui {
  return {
    json,
    quiet,
    print: (text) => void (json || printLine(text)),
    document: (value) => printJson(value, 1),
    warn: (text, level = "doubt") => tellLine(`${LEVEL_WORDS[level]}: ${text}`),
    progress: (label) => progress(label, quiet),
  };
}

function progress(label: string, quiet: boolean): (done: number, total: number) => void {
  let nextMs = performance.now() + (inPlace ? 200 : 5000); // quick work shows nothing
  let shown = false;
  return (done, total) => {
    const ended = done >= total;
    if (quiet || (performance.now() < nextMs && !(ended && shown))) return;
    nextMs = performance.now() + (inPlace ? 100 : 5000);
    const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
    const filled = Math.floor(percent / 4);
    const bar = "█".repeat(filled) + "░".repeat(25 - filled);
    if (ended) clearProgress();
    else progressLine(inPlace ? `${label} ${bar} ${percent} %` : `${label}: ${percent} %`);
    shown = !ended;
  };
}
