// The program under measurement: started with the marks folder in its environment. Its end is an event,
// not an error; a failure of the recording is none of its business, and only the user's signals reach it.

import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants as files, statSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { InputError } from "../schema/errors.ts";

export class Program {
  readonly #command: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  readonly #output: "inherit" | "stderr";
  #child: ChildProcess | undefined;
  #ended: Promise<number> | undefined;

  /**
   * @param environment besides ours.
   * @param output where its own goes: the terminal, or stderr when stdout is for JSON.
   */
  constructor(
    command: readonly string[],
    environment: Readonly<Record<string, string>>,
    output: "inherit" | "stderr",
  ) {
    this.#command = command;
    this.#environment = environment;
    this.#output = output;
  }

  get running(): boolean {
    return this.#child?.exitCode === null && this.#child.signalCode === null;
  }

  /** Its exit code once it has ended, 128 + n for a signal; undefined where it never started. */
  get ended(): Promise<number> | undefined {
    return this.#ended;
  }

  /** @returns its exit code when it ends. @throws InputError when it cannot be started. */
  start(environment: Readonly<Record<string, string>>): Promise<number> {
    const [name, ...args] = this.#command;
    const child = spawn(name!, args, {
      stdio: ["inherit", this.#output === "stderr" ? 2 : "inherit", "inherit"],
      env: { ...process.env, ...environment, ...this.#environment },
    });
    const ended = new Promise<number>((resolve, reject) => {
      child.once("error", (error: NodeJS.ErrnoException) =>
        reject(new InputError(`${name}: cannot be started (${error.code ?? error.message})`)),
      );
      child.once("spawn", () => {
        this.#child = child;
        this.#ended = ended;
        child.on("error", () => undefined); // a signal that could not be sent
      });
      child.once("exit", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
    });
    return ended;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child!.kill(signal);
  }
}

/** @throws InputError where a shell would say "not found": better before a recording than in it. */
export function checkProgram(name: string): void {
  const path = name.includes("/");
  const places = path
    ? [name]
    : (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
  if (!places.some(isExecutable))
    throw new InputError(
      `${name}: no such program${path ? "" : " on the PATH"}; check what stands after --`,
    );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, files.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
