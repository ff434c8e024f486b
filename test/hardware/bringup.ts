// The first afternoon with a board (firmware/README.md, Bring-up): runs what a program can run and writes the
// page that says what was seen.
//     npm run firmware:bringup -- /dev/ttyACM0 [--out bringup.md] [--seconds 10] [--trigger-hz 1000] [--grounded]
//     npm run firmware:bringup -- --emulated         a rehearsal without a board
// Exit 0 when all passed, 1 when a step failed, 2 for wrong usage, 3 when steps were left undone.

import { rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { buildImage } from "../../firmware/image.ts";
import { probe } from "../../ingest/handshake.ts";
import { ttyPort } from "../../ingest/tty-port.ts";
import { EMULATED_TRIGGER_HZ, emulatedPort } from "./emulated-port.ts";
import { evidencePage, exitCode } from "./bringup-page.ts";
import { findings, type Wiring } from "./bringup-steps.ts";

const OPTIONS = {
  emulated: { type: "boolean", default: false },
  out: { type: "string" },
  seconds: { type: "string", default: "10" },
  "trigger-hz": { type: "string", default: "0" },
  grounded: { type: "boolean", default: false },
} as const;
/** An emulator on a busy machine may take its time. */
const REHEARSAL_MS = 60_000;
/** Not one name for both: a rehearsal must not meet the page of a board. */
const PAGE = { board: "bringup.md", rehearsal: "bringup-emulated.md" };
const USAGE =
  "usage: npm run firmware:bringup -- /dev/ttyACM0 [--out PAGE] [--seconds N] [--trigger-hz HZ] [--grounded], or --emulated";

interface Asked extends Wiring {
  /** Null: the emulator. */
  readonly tty: string | null;
  readonly out: string;
}

/** @returns null for what cannot be meant. */
function asked(args: readonly string[]): Asked | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: OPTIONS,
      allowPositionals: true,
    });
    const [seconds, triggerHz] = [Number(values.seconds), Number(values["trigger-hz"])];
    const named = positionals.length === (values.emulated ? 0 : 1);
    if (!named || !(seconds > 0) || !(triggerHz >= 0)) return null;
    const { out = PAGE[values.emulated ? "rehearsal" : "board"], grounded } = values;
    return { tty: positionals[0] ?? null, out, seconds, triggerHz, grounded };
  } catch {
    return null;
  }
}

/** Before anything is measured: a page that cannot be, or that holds what somebody filled in, is known at once. */
function takePage(path: string): void {
  try {
    writeFileSync(path, "", { flag: "wx" });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") throw error;
    throw new Error(`${path} is already there; choose another --out or move it away`, {
      cause: message,
    });
  }
}

async function bringUp(a: Asked): Promise<number> {
  takePage(a.out);
  try {
    return await measure(a);
  } catch (error) {
    rmSync(a.out); // empty
    throw error;
  }
}

async function measure(a: Asked): Promise<number> {
  const emulated = a.tty === null ? emulatedPort(buildImage("dist/image").bytes) : null;
  const wiring = emulated ? { ...a, triggerHz: EMULATED_TRIGGER_HZ, grounded: true } : a;
  try {
    const open = emulated?.open ?? ttyPort(a.tty!);
    const greeting = await probe(open, emulated ? REHEARSAL_MS : undefined);
    const found = await findings(open, greeting, wiring);
    writeFileSync(a.out, evidencePage(greeting.identity, found, new Date().toISOString()));
    for (const f of found) console.log(`${f.verdict.padEnd(8)} ${f.step}: ${f.seen}`);
    console.log(`${a.out}: ${greeting.identity.platform}`);
    return exitCode(found);
  } finally {
    emulated?.end();
  }
}

const args = process.argv.slice(2);
const wanted = asked(args);
if (args.includes("--help")) console.log(USAGE);
else if (wanted === null) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  try {
    process.exitCode = await bringUp(wanted);
  } catch (error) {
    console.error(`bring-up: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
