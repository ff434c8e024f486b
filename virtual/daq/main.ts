// A virtual instrument as a process: a pty that speaks docs/wire.md, or what the rig's kind of device speaks,
// at the pace of its own drifting clock or as fast as the line takes it. In: the arguments below. Out: one
// JSON line when it can be opened, one with its own account when it ends (SIGTERM). Linux.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { KindName } from "../../ingest/instruments/instruments.ts";
import { InputError, UsageError } from "../../schema/errors.ts";
import { documentIn } from "../../schema/documents/document.ts";
import { RIG } from "../../schema/documents/rig.ts";
import type { Rig } from "../../schema/rig.ts";
import { visible } from "../../schema/visible.ts";
import { resolveRig } from "../../rigs/load.ts";
import { type BenchOptions, VirtualBench } from "../bench/bench.ts";
import { VirtualDaq } from "./daq.ts";
import type { TriggerReport } from "./device.ts";
import { FAULT_HELP, parseFault } from "./faults.ts";
import type { Instrument, Send } from "./instrument.ts";
import { lineFile, type OutsideLine } from "./line-file.ts";
import { pmdUsbInstrument } from "./pmd-usb-instrument.ts";
import { powerSensor3Instrument } from "./powersensor3-instrument.ts";
import { ppk2Instrument } from "./ppk2-instrument.ts";
import { attachPty, dieWithParent, openPty } from "./pty.ts";
import { textInstrument } from "./text-instrument.ts";
import { benchTruth } from "./truth.ts";
import type { UsbPipe } from "./usb-pipe.ts";
import { wireInstrument } from "./wire-instrument.ts";

const HELP = `usage: virtual-daq [options]
  --rig FILE|NAME|-    rails, sensors and clock to simulate (default virtual); - reads the resolved
                       rig as JSON from stdin, which saves loading the unit parser
  --seed N             of everything drawn (default 1)
  --seconds N          length of the simulated work (default 600)
  --row-rate HZ        rows a second instead of the rig's
  --epoch NS           CLOCK_MONOTONIC at which the simulated work begins (default now)
  --line PATH          file with the trigger line's edges, written by another process (line-file.ts)
  --link PATH          symbolic link to the pty, kept over an unplugging
  --tty PATH           speaks on this line (a USB gadget's) instead of a pty
  --serial TEXT        serial number to report
  --trigger edges|bitmap  how the trigger line is reported (default edges)
  --buffer BYTES       of the device; what does not fit is dropped and counted (default: its kind's)
  --flat-out           as fast as the line takes it, looping two seconds of rows
  --fault KIND@SECONDS:N  any number of times, seconds from the first start:
${FAULT_HELP.map((l) => `      ${l}`).join("\n")}`;

const OPTIONS = {
  rig: { type: "string", default: "virtual" },
  seed: { type: "string", default: "1" },
  seconds: { type: "string", default: "600" },
  "row-rate": { type: "string" },
  epoch: { type: "string" },
  line: { type: "string" },
  link: { type: "string" },
  tty: { type: "string" },
  serial: { type: "string", default: "VIRTUAL-1" },
  trigger: { type: "string", default: "edges" },
  buffer: { type: "string" },
  "flat-out": { type: "boolean", default: false },
  fault: { type: "string", multiple: true, default: [] as string[] },
  help: { type: "boolean", default: false },
} as const;

function parse(args: string[]) {
  return parseArgs({ args, options: OPTIONS }).values;
}

interface Simulated {
  /** Its rows timed by their index, on the bench's clock. */
  readonly rig: Rig;
  /** What the device's own counter counts. */
  readonly tickHz: number;
  readonly bench: BenchOptions;
  readonly line: OutsideLine | null;
}

interface Kind {
  readonly bufferBytes: number;
  readonly build: (
    s: Simulated,
    options: ReturnType<typeof parse>,
    send: Send,
    pipe: UsbPipe,
  ) => Instrument;
}

const wire: Kind = {
  bufferBytes: 131_072,
  build: ({ rig, bench, line }, { serial, trigger, "flat-out": flatOut }, send, pipe) =>
    wireInstrument(
      benchTruth(new VirtualBench(rig, { ...bench, outsideLine: line !== null })),
      { serial, trigger: triggerReport(trigger), line, flatOut },
      send,
      pipe,
    ),
};

/** By the rig's `device.kind`. */
const KINDS = {
  virtual: wire,
  "truejoule-daq": wire,
  "elmorlabs-pmd-usb": {
    bufferBytes: 256, // a UART waits for nobody: this is the bridge's
    build: (simulated, _options, send) => pmdUsbInstrument({ ...simulated, send }),
  },
  powersensor3: {
    bufferBytes: 8192,
    build: (simulated, _options, send) => powerSensor3Instrument({ ...simulated, send }),
  },
  "nordic-ppk2": {
    bufferBytes: 8192,
    build: (simulated, _options, send) => ppk2Instrument({ ...simulated, send }),
  },
  "text-lines": {
    bufferBytes: 256,
    build: ({ rig, bench, tickHz }, _options, send) => textInstrument(rig, bench, tickHz, send),
  },
} as const satisfies Record<KindName | "virtual", Kind>;

/** @throws InputError where nothing like it is simulated. */
function kindOf({ name, device: { kind } }: Rig): Kind {
  const known: Readonly<Record<string, Kind>> = KINDS;
  const found = Object.hasOwn(known, kind) ? known[kind] : undefined;
  if (found) return found;
  throw new InputError(
    `rig ${name}: no device of kind ${kind} is simulated; there are ${Object.keys(KINDS).join(", ")}`,
  );
}

/** @throws UsageError when the option is no number. */
function figure(name: string, text: string): number {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < 0)
    throw new UsageError(`--${name} ${text}: expected a number`);
  return value;
}

function triggerReport(text: string): TriggerReport {
  if (text !== "edges" && text !== "bitmap")
    throw new UsageError(`--trigger ${text}: expected edges or bitmap`);
  return text;
}

async function run(options: ReturnType<typeof parse>): Promise<void> {
  dieWithParent();
  const rig =
    options.rig === "-"
      ? documentIn(RIG, readFileSync(0, "utf8"), "standard input", "rig.json of a log is one")
      : (await resolveRig(options.rig)).rig;
  const rowHz = figure("row-rate", options["row-rate"] ?? String(rig.device.rowHz));
  const device = { ...rig.device, rowHz, clock: { ...rig.device.clock, hz: rowHz } };
  const kind = kindOf(rig);
  const epoch = options.epoch === undefined ? process.hrtime.bigint() : BigInt(options.epoch);
  const simulated = {
    rig: { ...rig, device },
    tickHz: rig.device.clock.hz,
    bench: { seed: figure("seed", options.seed), durationS: figure("seconds", options.seconds) },
    line: options.line === undefined ? null : { file: lineFile(options.line), epoch },
  };
  const { tty } = options;
  const daq = new VirtualDaq(
    tty === undefined ? openPty : () => attachPty(tty),
    {
      epoch,
      seed: simulated.bench.seed,
      bufferBytes: figure("buffer", options.buffer ?? String(kind.bufferBytes)),
      flatOut: options["flat-out"],
      faults: options.fault.map(parseFault),
      link: options.link ?? null,
    },
    (send, pipe) => kind.build(simulated, options, send, pipe),
  );
  let stop = false;
  process.on("SIGTERM", () => (stop = true));
  process.stdout.write(`${JSON.stringify({ path: daq.path })}\n`);
  while (!stop) {
    daq.step();
    await new Promise((turn) => setImmediate(turn)); // signals are seen here
  }
  daq.close();
  process.stdout.write(`${JSON.stringify(daq.account())}\n`);
}

try {
  const options = parse(process.argv.slice(2));
  if (options.help) process.stdout.write(`${HELP}\n`);
  else await run(options);
} catch (error) {
  process.stderr.write(`virtual-daq: ${visible((error as Error).message)}\n`);
  process.exitCode =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS")
      ? 2
      : 1;
}
