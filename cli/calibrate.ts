// truejoule calibrate: zero, gain, polarity and skew of a bench → a calibration record that a rig file names.

import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { writeOwnJson } from "../capture/own-file.ts";
import type { RecordRequest } from "../record/request.ts";
import type { MeasuredRun } from "../protocols/calibrate/levels.ts";
import type { Step } from "../protocols/calibrate/calibrate.ts";
import type {
  CalibratedSensor,
  CalibrationRecord,
  FoundSkew,
} from "../schema/documents/calibration.ts";
import { InputError, UsageError } from "../schema/errors.ts";
import { formatQuantity, standardUncertainty } from "../schema/units.ts";
import { stepsByDialogue, stepsByFlags, type WantedStep } from "./calibration/steps.ts";
import type { Command, Invocation, Ui } from "./command.ts";
import { askFor } from "./terminal.ts";
import { software } from "../host/package.ts";

/** Length of a recorded step, s. */
const STEP_S = 3;

export const command: Command = {
  summary: "zero, gain, polarity and skew of a bench, into a calibration record",
  usage:
    "--out RECORD.json [--rig FILE|NAME [--port TTY]] [--instrument TEXT --instrument-uncertainty U] [--zero RUN] [--reading X=V@RUN] [--reference RUN] [--skew RUN] [--write-board --port TTY]",
  help: `
Without step flags it asks, one line an answer (also from a pipe), and records what it needs with --rig.
With them it works on runs that record made, and asks nothing. A zero and readings of a meter make a line
for each sensor; a run beside a reference (rigs/README.md) makes it by that. A record is used by a rig file
that says calibrated_by: RECORD.json. With --write-board the DAQ at --port keeps a copy, so that a board that
is moved carries it along; it is read back and compared. The board itself makes no use of it.

example: truejoule calibrate --out bench.json --instrument "34465A, 2026-03" --instrument-uncertainty "0.03 % (k=2)" \\
           --zero runs/off --reading "hpwr_12v.current=20.03 A @ runs/20a" --reading "hpwr_12v.voltage=12.081 V @ runs/20a" \\
           --reading "hpwr_12v.voltage=11.52 V @ runs/11v5"`,
  options: {
    out: { type: "string" },
    rig: { type: "string" },
    port: { type: "string" },
    seconds: { type: "string" },
    instrument: { type: "string" },
    "instrument-uncertainty": { type: "string" },
    ambient: { type: "string" },
    note: { type: "string" },
    zero: { type: "string", multiple: true },
    reading: { type: "string", multiple: true },
    reference: { type: "string", multiple: true },
    skew: { type: "string", multiple: true },
    "write-board": { type: "boolean" },
  },
  optionHelp: [
    ["--out RECORD.json", "the record; must not exist. Runs it records go beside it, RECORD-runs/"],
    ["--rig FILE|NAME", "the bench to record from, where a step names no run"],
    ["--port TTY", "its DAQ's port, if several answer"],
    ["--seconds TIME", "length of a recording (3s)"],
    ["--instrument TEXT", "the meter: make, number, its own calibration"],
    ["--instrument-uncertainty U", 'of its readings, relative: "±0.05 %", "0.03 % (k=2)"'],
    ["--ambient TEXT", "temperature and whatever else was around"],
    ["--note TEXT", "what a reader should know"],
    ["--zero RUN", "no current flowed in this run"],
    ["--reading X=V@RUN", "RAIL.current=20.03 A @ RUN: what the meter said during it"],
    ["--reference RUN", "a moving load beside the rig's references"],
    ["--skew RUN", "a load that switches: how far voltage and current lie apart"],
    [
      "--write-board",
      "the board at --port keeps the record too (docs/wire.md); read back and compared",
    ],
  ],

  async run(call) {
    const { options: o, positionals, ui } = call;
    if (positionals.length > 0) throw new UsageError("calibrate takes only options");
    const out = o["out"];
    if (typeof out !== "string") throw new UsageError("calibrate needs --out RECORD.json");
    if (existsSync(out)) throw new InputError(`${out} exists; a record is never overwritten`);
    const board = boardOf(o);
    const instrumentU = await uncertaintyOf(o["instrument-uncertainty"]);
    const steps = await collect(call, out);
    if (steps.length === 0)
      throw new UsageError(
        "no step: name --zero, --reading or --reference, or answer the questions",
      );
    const record = await makeRecord(steps, instrumentU, call);
    writeOwnJson(out, record, true);
    const written = board === null ? null : await copyTo(board, record, out);
    if (ui.json) ui.document(record);
    tell(record, out, ui);
    if (written !== null) ui.print(written);
    return 0;
  },
};

/** The port of the board that is to keep the record: a write goes only where the user says. */
function boardOf(o: Invocation["options"]): string | null {
  if (o["write-board"] !== true) return null;
  if (typeof o["port"] !== "string")
    throw new UsageError("--write-board needs --port TTY: truejoule devices lists the boards");
  return o["port"];
}

async function copyTo(port: string, record: CalibrationRecord, out: string): Promise<string> {
  const { writeToBoard } = await import("./calibration/board.ts");
  try {
    return await writeToBoard(port, record);
  } catch (error) {
    throw new InputError(
      `${out} is written, the board was not: ${(error as Error).message}; it must not be recording; run this again with another --out`,
    );
  }
}

async function uncertaintyOf(text: unknown): Promise<number | null> {
  return typeof text === "string" ? standardUncertainty(text, "1") : null;
}

/** Steps with their runs measured, as they come: a mistake is told before the next question. */
async function collect(call: Invocation, out: string): Promise<Step[]> {
  const { measureRun } = await import("../protocols/calibrate/levels.ts");
  const measured = new Map<string, MeasuredRun>();
  const steps: Step[] = [];
  const take = async (wanted: WantedStep): Promise<void> => {
    const dir = wanted.run ?? (await recorded(call, out, wanted.kind, steps.length + 1));
    const run = measured.get(dir) ?? measureRun(dir);
    measured.set(dir, run);
    const { kind, reading } = wanted;
    steps.push(kind === "reading" ? { kind, run, ...reading! } : { kind, run });
  };
  const given = await stepsByFlags(call.options);
  for (const wanted of given) await take(wanted);
  if (given.length > 0) return steps;
  const lines = createInterface({ input: process.stdin, terminal: false })[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string | null> => {
    askFor(question);
    const line = await lines.next();
    return line.done ? null : line.value.trim();
  };
  for await (const wanted of stepsByDialogue(ask)) await take(wanted);
  await lines.return?.();
  return steps;
}

async function recorded(
  { options, ui }: Invocation,
  out: string,
  kind: WantedStep["kind"],
  n: number,
): Promise<string> {
  const { rig, seconds } = options;
  if (typeof rig !== "string")
    throw new UsageError(`a ${kind} without a run must be recorded, which needs --rig`);
  const { recordHere, secondsOf } = await import("./record.ts");
  const { listener, needHere } = await import("./recording.ts");
  const dir = `${out.replace(/\.json$/, "")}-runs/${n}-${kind}`;
  const port = options["port"];
  const request: RecordRequest = {
    out: dir,
    rig,
    durationS: typeof seconds === "string" ? await secondsOf("--seconds", seconds) : STEP_S,
    ...(typeof port === "string" ? { port } : {}),
    signals: true,
  };
  const { paths, result } = await recordHere(request, listener(ui, request));
  needHere(paths, result);
  return dir;
}

async function makeRecord(
  steps: readonly Step[],
  instrumentU: number | null,
  { options: o, ui }: Invocation,
): Promise<CalibrationRecord> {
  const { calibrate } = await import("../protocols/calibrate/calibrate.ts");
  const runs = [...new Set(steps.map((s) => s.run))];
  const [first] = runs;
  const stranger = runs.find((r) => r.rig.name !== first!.rig.name || r.source !== first!.source);
  if (stranger)
    throw new InputError(
      `${stranger.dir} is of rig ${stranger.rig.name} (${stranger.source}), ${first!.dir} of ${first!.rig.name} (${first!.source}): one record describes one bench`,
    );
  const byMeter = steps.some((s) => s.kind === "reading");
  if (byMeter && instrumentU === null)
    throw new UsageError('readings need --instrument-uncertainty, such as "0.03 % (k=2)"');
  if (byMeter && typeof o["instrument"] !== "string")
    throw new UsageError("readings need --instrument: what was read");
  const { sensors, skew, remarks } = calibrate(steps, instrumentU ?? 0);
  for (const r of remarks) ui.warn(r);
  const text = (name: string): string | null => (o[name] as string | undefined) ?? null;
  return {
    schema: "calibration/1",
    source: first!.source,
    date: new Date().toISOString().slice(0, 10),
    rig: first!.rig.name,
    instrument: text("instrument") ?? instrumentOf(steps),
    instrument_u: instrumentU,
    environment: { ambient: text("ambient"), note: text("note") },
    software: software(),
    runs: runs.map((r) => ({ run: r.dir, capture_sha256: r.sha256 })),
    sensors,
    skew,
  };
}

const instrumentOf = (steps: readonly Step[]): string =>
  steps.some((s) => s.kind === "reference") ? "the rig's references" : "no current";

function tell(record: CalibrationRecord, out: string, ui: Ui): void {
  if (record.source !== "hardware") ui.print(`source: ${record.source}`);
  for (const s of record.sensors) ui.print(sensorLine(s));
  for (const s of record.skew) ui.print(skewLine(s));
  for (const s of record.sensors)
    if (s.polarity === "reversed")
      ui.warn(
        `${s.rail} ${s.quantity} is reversed against the rig file; the record corrects it, check the wiring`,
      );
  ui.print(`use it: calibrated_by: ${out} in the rig file`);
}

function sensorLine(s: CalibratedSensor): string {
  const unit = { voltage: "V", current: "A", power: "W" }[s.quantity];
  const by = s.method === "readings" ? `${s.points.length} points` : `its ${s.method}`;
  return `${s.rail} ${s.quantity} by ${by}: ${s.gain.toFixed(5)} of the rig's gain ± ${(100 * s.gain_u).toFixed(3)} %, offset moved by ${formatQuantity(s.offset, unit)} ± ${formatQuantity(s.offset_u, unit)}`;
}

const skewLine = (s: FoundSkew): string =>
  `${s.rail}: voltage ${formatQuantity(Math.abs(s.skew_ns) * 1e-9, "s")} ${s.skew_ns >= 0 ? "after" : "before"} current, ± ${formatQuantity(s.skew_u_ns * 1e-9, "s")}`;
