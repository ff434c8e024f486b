// Any CSV file with a time column, by `--map` (csv-map.ts): rails become DAQ rows, channels telemetry.
// What stands before the data (an oscilloscope's preamble, unit lines) is skipped and counted. Numbers
// are kept in SI as float64; what a sensor makes of them is the rig's. Times below 10^9 s count from
// some start of the file's own (an oscilloscope's trigger), which then is the session's clock.

import { basename } from "node:path";
import type { LogWriter } from "../../../capture/log-writer.ts";
import { InputError, inputError } from "../../../schema/errors.ts";
import type { RowField } from "../../../schema/records.ts";
import type { Rail, Rig, Sensor } from "../../../schema/rig.ts";
import { instant } from "../../../schema/time.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { UNIX_FROM_NS } from "../shared/lines.ts";
import { rowSink } from "../shared/rows.ts";
import { timedRead, timedSession } from "../shared/text-log.ts";
import { marksOf } from "../shared/text-marks.ts";
import { textLayout, textRows, timedRig } from "../shared/text-rows.ts";
import { type CsvMap, parseMap } from "./csv-map.ts";
import { placedRows, surveyRows } from "./csv-survey.ts";
import { findData, numberAt, type Plan, type Row } from "./csv-table.ts";

/** Rows whose number is their time: a period may be no whole number of nanoseconds, or less than one. */
const ROW_COUNT: RowField = { name: "row", bitOffset: 0, bits: 64, kind: "uint" };

/** Rail of rigs/csv.yaml whose sensors stand for those of a rail that only the map names. */
const TEMPLATE = "template";

/** @throws InputError when the map or a column is wrong, or no line holds data. */
export const importCsv: Importer = async (path, context) => {
  if (context.map === undefined)
    throw new InputError(
      `${path}: csv needs --map to say which column is what (docs/importing.md)`,
    );
  const map = parseMap(context.map);
  const plan = findData(path, map);
  const survey = surveyRows(plan, context);
  const { first } = survey;
  const indexed = map.time.kind === "index";
  const unix = first.t >= UNIX_FROM_NS;
  // Rows cannot be before zero; a trigger in the middle of a record becomes a mark.
  const zero = unix ? 0n : first.t;
  const rig = map.fields.length > 0 ? await rigFor(map, survey.rowHz, context) : null;
  const names = map.fields.map((f) => f.name);
  const layout = rig && textLayout(rig, names, indexed ? ROW_COUNT : undefined);
  context.origin(path);
  const start = first.t - zero;
  const log = context.create(
    timedSession(start, unix, { format: "csv", capture: basename(path), map: context.map }),
    rig,
  );
  const marks = survey.marks.map((m) => ({ ...m, t: m.t - zero }));
  if (zero < 0n) marks.push({ t: -zero, text: "trigger" });
  for (const mark of marksOf(marks)) log.mark(mark);
  const rows = layout && textRows(rowSink(log, layout, instant<"host">(start)), layout, path);
  const write = telemetryWriter(log, plan, unix);
  const values = new Float64Array(names.length);
  const progress: ImportContext["progress"] = (done, total) => context.progress(done, total);
  for (const placed of placedRows(plan, context, survey.layout, progress)) {
    if (!placed) {
      rows?.leaveOut();
      continue;
    }
    const { row, leapNs } = placed;
    if (leapNs > 0) rows?.pause(Math.round((leapNs * survey.rowHz) / 1e9));
    for (const [k, field] of map.fields.entries()) values[k] = numberAt(row, plan, field);
    rows?.add(indexed ? BigInt(row.index - first.index) : row.t - zero, values);
    write(row, row.t - zero);
  }
  for (const note of [...survey.notes, ...(rows?.end() ?? [])]) log.note(note);
  log.close();
};

/** The rig's own rails; those that only the map names are made after its rail `template`. */
async function rigFor(map: CsvMap, rowHz: number, context: ImportContext): Promise<Rig> {
  const rig = await context.rig("csv");
  const template = rig.rails.find((r) => r.name === TEMPLATE);
  const known = rig.rails.filter((r) => r.name !== TEMPLATE);
  const made = [...map.rails].flatMap(([name, kinds]) => {
    if (known.some((r) => r.name === name)) return [];
    if (!template) throw inputError(`no rail ${name}, which --map names`, `rig ${rig.name}`);
    return [railFrom(template, name, kinds)];
  });
  const timed = timedRig({ ...rig, rails: [...known, ...made] }, rowHz);
  if (map.time.kind !== "index") return timed;
  return { ...timed, device: { ...timed.device, clock: { ...timed.device.clock, hz: rowHz } } };
}

function railFrom(template: Rail, name: string, kinds: ReadonlySet<"v" | "a" | "w">): Rail {
  const sensor = (like: Sensor | undefined, kind: "v" | "a" | "w"): Sensor | undefined =>
    like && kinds.has(kind) ? { ...like, field: `${name}_${kind}` } : undefined;
  const voltage = sensor(template.voltage, "v");
  const current = sensor(template.current, "a");
  const power = sensor(template.power, "w");
  if (!power && !(voltage && current))
    throw new InputError(`--map: rail ${name} needs w.${name}, or v.${name} and a.${name}`);
  return {
    name,
    ...(voltage ? { voltage } : {}),
    ...(current ? { current } : {}),
    ...(power ? { power } : {}),
  };
}

function telemetryWriter(
  log: LogWriter,
  plan: Plan,
  unix: boolean,
): (row: Row, tNs: bigint) => void {
  const { telemetry } = plan.map;
  for (const { channel } of telemetry) log.declareTelemetry(channel);
  return (row, tNs) => {
    for (const use of telemetry) {
      const stamp = unix ? instant<"unix">(row.t) : null;
      log.read(timedRead(use.channel.name, tNs, { value: numberAt(row, plan, use), stamp }));
    }
  };
}
