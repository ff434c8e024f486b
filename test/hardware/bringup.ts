// The first afternoon with a board (firmware/README.md, Bring-up): runs what a program can run and writes the
// page that says what was seen.
//     npm run firmware:bringup -- /dev/ttyACM0 [--out bringup.md] [--seconds 10] [--trigger-hz 1000] [--grounded]
//                                              [--stamps]
//     npm run firmware:bringup -- --emulated         a rehearsal without a board
// Exit 0 when all passed, 1 when a step failed, 2 for wrong usage, 3 when steps were left undone.

import { parseArgs } from "node:util";
import { buildImage } from "../../firmware/image.ts";
import { script } from "../../firmware/script.ts";
import { FIFO_PRIORITY } from "../../host/scheduler.ts";
import { lastingPath } from "../../ingest/ports/port-list.ts";
import { UsageError } from "../../schema/errors.ts";
import { probe } from "../../ingest/instruments/truejoule-daq/handshake.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import { EMULATED_TRIGGER_HZ, emulatedPort } from "./emulated-port.ts";
import { NewFile, stampFiles, writeCodes } from "./bringup-files.ts";
import { evidencePage, exitCode } from "./bringup-page.ts";
import { findings, type Wiring } from "./bringup-steps.ts";

const OPTIONS = {
  emulated: { type: "boolean", default: false },
  out: { type: "string" },
  seconds: { type: "string", default: "10" },
  "trigger-hz": { type: "string", default: "0" },
  grounded: { type: "boolean", default: false },
  stamps: { type: "boolean", default: false },
} as const;
/** An emulator on a busy machine may take its time. */
const REHEARSAL_MS = 60_000;
/** Not one name for both: a rehearsal must not meet the page of a board. */
const PAGE = { board: "bringup.md", rehearsal: "bringup-emulated.md" };
const USAGE =
  "usage: npm run firmware:bringup -- /dev/ttyACM0 [--out PAGE] [--seconds N] [--trigger-hz HZ] [--grounded] [--stamps], or --emulated";

interface Asked extends Wiring {
  /** Null: the emulator. */
  readonly tty: string | null;
  readonly out: string;
  /** Edges and readings one by one, into files of their own. */
  readonly stamps: boolean;
}

/** @throws UsageError for what cannot be meant. */
function asked(args: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
  });
  const [tty = null, ...more] = positionals;
  const [seconds, triggerHz] = [Number(values.seconds), Number(values["trigger-hz"])];
  if (values.emulated && tty !== null)
    throw new UsageError(`--emulated takes no port, found ${tty}`);
  if (!values.emulated && tty === null) throw new UsageError("expected the board's port");
  if (more.length > 0) throw new UsageError(`expected one port, found also ${more.join(", ")}`);
  if (!(seconds > 0 && seconds < Infinity))
    throw new UsageError(`--seconds: expected a number above 0, found "${values.seconds}"`);
  if (!(triggerHz >= 0 && triggerHz < Infinity))
    throw new UsageError(`--trigger-hz: expected 0 or more, found "${values["trigger-hz"]}"`);
  const { out = PAGE[values.emulated ? "rehearsal" : "board"], grounded, stamps } = values;
  return { tty, out, seconds, triggerHz, grounded, stamps };
}

interface Files {
  readonly page: NewFile;
  readonly codes: NewFile;
  readonly stamps: readonly [edges: NewFile, readings: NewFile] | null;
}

/** Before anything is measured: a file that cannot be, or that is there already, is known at once. */
function takeFiles({ out, stamps }: Asked): { files: Files; all: readonly NewFile[] } {
  const all: NewFile[] = [];
  const take = (path: string): NewFile => {
    const file = new NewFile(path);
    all.push(file);
    return file;
  };
  const beside = (what: string): NewFile => take(`${out.replace(/\.md$/, "")}-${what}.csv`);
  try {
    const [page, codes] = [take(out), beside("codes")];
    const files = {
      page,
      codes,
      stamps: stamps ? ([beside("edges"), beside("readings")] as const) : null,
    };
    return { files, all };
  } catch (error) {
    all.forEach((f) => f.abandon());
    throw error;
  }
}

async function bringUp(a: Asked): Promise<number> {
  const { files, all } = takeFiles(a);
  try {
    const code = await measure(a, files);
    all.forEach((f) => f.close());
    console.log(`${all.map((f) => f.path).join(", ")} written`);
    return code;
  } catch (error) {
    all.forEach((f) => f.abandon());
    throw error;
  }
}

async function measure(a: Asked, { page, codes, stamps }: Files): Promise<number> {
  const emulated = a.tty === null ? emulatedPort(buildImage("dist/image").bytes) : null;
  const wiring = emulated ? { ...a, triggerHz: EMULATED_TRIGGER_HZ, grounded: true } : a;
  try {
    // A board that comes back is found under whatever number it has then.
    const open = emulated?.open ?? ttyPort(lastingPath(a.tty!), { fifoPriority: FIFO_PRIORITY });
    const greeting = await probe(open, emulated ? REHEARSAL_MS : undefined);
    const seen = await findings(open, greeting, wiring, stamps && stampFiles(...stamps));
    writeCodes(codes, seen.codes);
    page.line(evidencePage(greeting.identity, seen.found, new Date().toISOString()).trimEnd());
    for (const f of seen.found) console.log(`${f.verdict.padEnd(8)} ${f.step}: ${f.seen}`);
    console.log(`${greeting.identity.platform}: ${greeting.identity.model}`);
    return exitCode(seen.found);
  } finally {
    emulated?.end();
  }
}

await script(import.meta.url, USAGE, (args) => bringUp(asked(args)));
