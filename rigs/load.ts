// Rig file (YAML or JSON, rigs/README.md) → Rig in SI, with the file's bytes and their SHA-256 for
// the log. Holds: what is returned survives JSON unchanged, and every complaint names file and line.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { readSmallFile } from "../capture/regular-file.ts";
import { packageRoot } from "../host/package.ts";
import { formats } from "../ingest/import/formats.ts";
import { INSTRUMENTS } from "../ingest/instruments/instruments.ts";
import { textLines } from "../ingest/instruments/text-lines/kind.ts";
import { calibratedRail, readRecord } from "../schema/calibration-record.ts";
import { SAMPLINGS } from "../schema/documents/rig.ts";
import { InputError, inputError } from "../schema/errors.ts";
import type { Rail, Rig } from "../schema/rig.ts";
import { formatQuantity } from "../schema/units.ts";
import { readReference } from "./references.ts";
import { readShared } from "./shared.ts";
import { readSensor } from "./sensors.ts";
import { checkChannels, readTextFormat } from "./text-format.ts";
import { type Fields, parseYaml } from "./yaml-node.ts";

export interface LoadedRig {
  readonly rig: Rig;
  /** The file, byte for byte: the log's `rig.yaml`. */
  readonly text: Uint8Array;
  /** Of `text`, hex. */
  readonly sha256: string;
}

/** @throws InputError "file:line: what (expected, found)". */
export async function loadRig(path: string): Promise<LoadedRig> {
  const text = readRigFile(path);
  const { root } = parseYaml(path, text.toString("utf8"));
  return {
    rig: finite(calibrated(await readRig(root), root, path), path),
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}

/** The rig that ships as rigs/NAME.yaml. @throws InputError listing the names there are. */
export async function builtInRig(name: string): Promise<LoadedRig> {
  const dir = join(packageRoot(), "rigs");
  const names = readdirSync(dir).flatMap((f) => (f.endsWith(".yaml") ? [f.slice(0, -5)] : []));
  if (!names.includes(name))
    throw new InputError(
      `no built-in rig "${name}"; there are ${names.sort().join(", ")}; a rig file of your own is given by its path`,
    );
  return loadRig(join(dir, `${name}.yaml`));
}

/** `--rig FILE|NAME`: a file if there is one of that name (no folder), else a built-in rig. */
export function resolveRig(fileOrName: string): Promise<LoadedRig> {
  const isFile = existsSync(fileOrName) && !statSync(fileOrName).isDirectory();
  const isPath = isFile || /[/\\.]/.test(fileOrName);
  return isPath ? loadRig(fileOrName) : builtInRig(fileOrName);
}

/** A rig file, or a record of calibration: hundreds of times the longest there is. */
const MOST_BYTES = 1 << 20;

function readRigFile(path: string): Buffer {
  return readSmallFile(path, "a rig file (rigs/README.md)", MOST_BYTES);
}

/** @throws InputError where a product or quotient of what the file states is no number: JSON cannot hold it. */
function finite(rig: Rig, path: string): Rig {
  JSON.stringify(rig, (key, value: unknown) => {
    if (typeof value === "number" && !Number.isFinite(value))
      throw inputError(`${key} comes to ${value}`, path, "numbers that can be computed with");
    return value;
  });
  return rig;
}

/** The rig with the lines of the calibration record it names, a file beside it. */
function calibrated(rig: Rig, f: Fields, path: string): Rig {
  if (!f.has("calibrated_by")) return rig;
  const file = join(dirname(path), f.string("calibrated_by"));
  let text: string;
  try {
    text = readSmallFile(file, "a calibration record", MOST_BYTES).toString();
  } catch (error) {
    throw f.error(`calibrated_by: cannot read ${(error as Error).message}`, "calibrated_by");
  }
  const record = readRecord(file, text);
  if (record.rig !== rig.name)
    throw f.error(`calibrated_by: ${file} is of rig "${record.rig}", not of this`, "calibrated_by");
  return { ...rig, rails: rig.rails.map((rail) => calibratedRail(rail, record, file)) };
}

async function readRig(f: Fields): Promise<Rig> {
  f.only([
    ...["schema", "name", "description", "device", "rails", "missing_rails", "step_response"],
    ...["load_bandwidth", "shared", "trigger", "calibrated_by", "devices"],
  ]);
  if (f.has("schema")) f.oneOf("schema", ["rig/1", "rig/2"]);
  if (f.has("devices"))
    throw f.error("devices: a run is of one DAQ yet; name it under device", "devices");
  const device = await readDevice(f.map("device"));
  const rails = await readRails(f, device);
  if (device.text) checkChannels(f.list("rails"), device.text);
  return {
    name: f.string("name"),
    description: f.string("description"),
    device,
    rails,
    missingRails: f.has("missing_rails")
      ? await Promise.all(f.list("missing_rails").map(missing))
      : [],
    ...(f.has("shared")
      ? { shared: await Promise.all(f.list("shared").map((e) => readShared(e, rails))) }
      : {}),
    ...(f.has("load_bandwidth")
      ? { loadBandwidthHz: await f.positive("load_bandwidth", "Hz") }
      : {}),
    ...(f.has("step_response") ? { stepResponseS: await f.positive("step_response", "s") } : {}),
    ...(f.has("trigger") ? { trigger: readTrigger(f.map("trigger")) } : {}),
  };
}

async function readDevice(f: Fields): Promise<Rig["device"]> {
  const kind = readKind(f);
  const clock = f.map("clock").only(["rate", "uncertainty"]);
  return {
    kind,
    stream: f.string("stream"),
    sampling: f.oneOf("sampling", SAMPLINGS),
    rowHz: await f.positive("row_rate", "Hz"),
    clock: {
      hz: await clock.positive("rate", "Hz"),
      uRel: await clock.uncertainty("uncertainty", "1"),
      startU: await f.uncertainty("stream_start", "s"),
    },
    ...(kind === textLines.kind ? { text: readTextFormat(f.map("text")) } : {}),
    ...(f.has("source_meter") ? { feedsV: await readFed(f.map("source_meter")) } : {}),
  };
}

/** What can be recorded from, what a file may come from, and the simulation. */
const KINDS = [
  ...new Set([
    ...INSTRUMENTS.map((i) => i.kind),
    ...Object.values(formats).flatMap((f) => f.rigKinds),
    "virtual",
  ]),
];

/** The device's kind, and no key that belongs to another. */
function readKind(f: Fields): string {
  f.only([
    ...["kind", "stream", "sampling", "row_rate", "clock", "stream_start"],
    ...INSTRUMENTS.flatMap((i) => i.rigKeys),
  ]);
  const kind = f.oneOf("kind", KINDS);
  for (const owner of INSTRUMENTS)
    for (const key of owner.rigKeys)
      if (f.has(key) && owner.kind !== kind)
        throw f.error(`${key} belongs to kind: ${owner.kind}, found kind: ${kind}`, key);
  return kind;
}

/** Volts that the regulator of a PPK2 can be set to (pc-nrfconnect-ppk, serialDevice.ts). */
const FED_V = [0.8, 5] as const;

async function readFed(f: Fields): Promise<number> {
  const voltage = await f.only(["voltage"]).positive("voltage", "V");
  if (voltage < FED_V[0] || voltage > FED_V[1])
    throw f.error(`voltage: expected ${FED_V.join(" to ")} V, found ${voltage} V`, "voltage");
  return voltage;
}

/** The device that feeds a rail knows its voltage: what is assumed must not contradict it (k = 2). */
function checkFed(f: Fields, { assumedVoltage }: Rail, feedsV: number): void {
  if (assumedVoltage && Math.abs(assumedVoltage.valueV - feedsV) > 2 * assumedVoltage.u)
    throw f.error(
      `assumed_voltage: the device feeds ${feedsV} V, found ${assumedVoltage.valueV} V`,
      "assumed_voltage",
    );
}

/** Inputs of the DAQ that the wire protocol can name (docs/wire.md). */
const MAX_LINE = 3;

function readTrigger(f: Fields): NonNullable<Rig["trigger"]> {
  f.only(["output", "daq_line"]);
  const daqLine = f.number("daq_line");
  if (!Number.isInteger(daqLine) || daqLine < 0 || daqLine > MAX_LINE)
    throw f.error(`daq_line: expected 0 to ${MAX_LINE}, found ${daqLine}`, "daq_line");
  return { output: f.string("output"), daqLine };
}

/** A channel belongs to its row only if it is sampled before the next one begins. */
function checkSkew(f: Fields, rail: Rail, rowHz: number): void {
  for (const s of [rail.voltage, rail.current, rail.power])
    if ((s?.skewS ?? 0) * rowHz >= 1)
      throw f.error(`skew: expected less than a row, ${formatQuantity(1 / rowHz, "s")}`);
}

async function readRails(f: Fields, { stream, rowHz, feedsV }: Rig["device"]): Promise<Rail[]> {
  const rails: Rail[] = [];
  for (const item of f.list("rails")) {
    const rail = await readRail(item, stream);
    checkSkew(item, rail, rowHz);
    if (feedsV !== undefined) checkFed(item, rail, feedsV);
    if (rails.some((r) => r.name === rail.name))
      throw item.error(`rail "${rail.name}" is listed twice`, "name");
    if (rail.reference && rails.some((r) => r.reference?.stream === rail.reference!.stream))
      throw item.error(`reference ${rail.reference.stream} is listed twice`, "reference");
    rails.push(rail);
  }
  if (rails.length === 0) throw f.error("rails: expected at least one", "rails");
  return rails;
}

const RAIL_KEYS = [
  ...["name", "voltage", "current", "power", "assumed_voltage", "reference", "plausible", "feeds"],
  "child_of",
];

async function readRail(f: Fields, stream: string): Promise<Rail> {
  f.only(RAIL_KEYS);
  const name = f.string("name");
  // It becomes part of column names: power_<rail>_w.
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    throw f.error(`rail name "${name}": expected lower-case letters, digits and _`, "name");
  if (f.has("child_of"))
    throw f.error(
      `rail "${name}": child_of: rails add up, none may be part of another yet; leave one of the two out`,
      "child_of",
    );
  const hasVolts = f.has("voltage") || f.has("assumed_voltage");
  if (!f.has("power") && !(f.has("current") && hasVolts))
    throw f.error(`rail "${name}" needs power, or current with voltage or assumed_voltage`);
  if (f.has("voltage") && f.has("assumed_voltage"))
    throw f.error(`rail "${name}": voltage is measured or assumed, not both`, "assumed_voltage");
  const rail: Rail = {
    name,
    ...(f.has("voltage") ? { voltage: await readSensor(f.map("voltage"), "V") } : {}),
    ...(f.has("current") ? { current: await readSensor(f.map("current"), "A") } : {}),
    ...(f.has("power") ? { power: await readSensor(f.map("power"), "W") } : {}),
    ...(f.has("assumed_voltage")
      ? { assumedVoltage: await assumed(f.map("assumed_voltage")) }
      : {}),
    ...(f.has("plausible") ? { plausible: await readPlausible(f.map("plausible")) } : {}),
    ...(f.has("feeds") ? { feeds: readFeeds(f) } : {}),
  };
  if (!f.has("reference")) return rail;
  return { ...rail, reference: await readReference(f.map("reference"), stream, rail) };
}

/** As docs say it (rigs/README.md); `gpu:0` is what claims call a GPU. */
const FED = /^(?:GPU-.+|(?:gpu:)?\d+|cpu:\d+|module|other)$/;

function readFeeds(f: Fields): readonly string[] {
  const names = f.strings("feeds", "numbers too");
  const unknown = names.find((name) => !FED.test(name));
  if (unknown !== undefined)
    throw f.error(
      `feeds: "${unknown}" is no index or UUID (GPU-…) of a GPU, and none of cpu:0, module, other`,
      "feeds",
    );
  return names.map((name) => name.replace(/^gpu:/, ""));
}

async function readPlausible(f: Fields): Promise<NonNullable<Rail["plausible"]>> {
  f.only(["voltage", "current", "power"]);
  return {
    ...(f.has("voltage") ? { voltage: await f.range("voltage", "V") } : {}),
    ...(f.has("current") ? { current: await f.range("current", "A") } : {}),
    ...(f.has("power") ? { power: await f.range("power", "W") } : {}),
  };
}

async function assumed(f: Fields): Promise<NonNullable<Rail["assumedVoltage"]>> {
  f.only(["value", "uncertainty"]);
  return { valueV: await f.positive("value", "V"), u: await f.uncertainty("uncertainty", "V") };
}

async function missing(f: Fields): Promise<Rig["missingRails"][number]> {
  f.only(["name", "max_power"]);
  return { name: f.string("name"), maxPowerW: await f.positive("max_power", "W") };
}
