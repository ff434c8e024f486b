// Starts the emulated board as a process of its own and waits until its pty can be opened: what
// `truejoule record --port` takes for a DAQ at the end of a USB cable.

import { spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { siblingModule } from "../../host/sibling.ts";
import { SourceError } from "../../schema/errors.ts";
import type { Rig } from "../../schema/rig.ts";
import { buildImage } from "../image.ts";
import { type Reference, referencesOf } from "./bench-pins.ts";

export interface EmulatorOptions {
  /** Its channels are adc0 to adc3, its rails the virtual card's (virtual/bench). */
  readonly rig: Rig;
  /** Flash image; built from source when it is left out. */
  readonly image?: string;
  readonly seed?: number;
  /** Length of the bench's work. */
  readonly seconds?: number;
  /** CLOCK_MONOTONIC at which that begins, ns; now. */
  readonly epoch?: bigint;
  /** Error of the fast current channels: relative gain, and offset in A. */
  readonly currentError?: { readonly gain: number; readonly offsetA: number };
  /** Those that the rig declares. */
  readonly references?: readonly Reference[];
}

export interface EmulatorAccount {
  readonly virtualS: number;
  readonly worstLagNs: number;
  readonly usbErrors: readonly string[];
  readonly packets: number;
  readonly stalls: number;
}

export interface Emulator {
  readonly tty: string;
  /** Ends it. @returns its account. */
  stop(): Promise<EmulatorAccount>;
}

/** @throws SourceError when it does not start, InputError without a compiler and without an image. */
export async function startEmulator(o: EmulatorOptions): Promise<Emulator> {
  const { url, execArgv } = siblingModule(import.meta.url, "./main");
  const image = o.image ?? buildImage("dist/image").bin;
  const error = o.currentError ?? { gain: 0, offsetA: 0 };
  const args: readonly (readonly [string, string])[] = [
    ["--image", image],
    ["--seed", String(o.seed ?? 1)],
    ["--seconds", String(o.seconds ?? 600)],
    ["--epoch", String(o.epoch ?? process.hrtime.bigint())],
    [`--gain-error=${error.gain}`, `--offset-error=${error.offsetA}`],
    ["--references", JSON.stringify(o.references ?? referencesOf(o.rig))],
  ];
  const program = [...execArgv, fileURLToPath(url), ...args.flat()];
  const child = spawn(process.execPath, ["--no-warnings", ...program], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  preferred(child.pid);
  child.stdin.end(JSON.stringify(o.rig));
  let complaint = "";
  child.stderr.on("data", (b: Buffer) => (complaint += b.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const line = await lines.next();
    if (line.done) throw new SourceError(complaint.trim() || "the emulator ended");
    return JSON.parse(line.value) as T;
  };
  const { path } = await next<{ path: string }>();
  return {
    tty: path,
    async stop() {
      child.kill("SIGTERM");
      const account = await next<EmulatorAccount>();
      if (child.exitCode === null) await new Promise((exited) => child.once("exit", exited));
      return account;
    },
  };
}

/** An instrument keeps its own time: on a busy machine the emulator goes first, where that may be asked. */
function preferred(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_HIGHEST);
  } catch {
    // Not permitted: then it runs like everyone else, and its account says how far it fell behind.
  }
}
