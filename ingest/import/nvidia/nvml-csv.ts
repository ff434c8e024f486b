// NVML logs as home-made samplers write them: CSV with a monotonic nanosecond column, power_W, util_gpu,
// util_mem, sm_clock and the like, and MARK rows between the samples. No physical trace, so no rig.
// A column of Unix nanoseconds, where there is one, places the session in UTC and stands as the stamp of
// each read; the monotonic column stays the clock.

import { basename } from "node:path";
import type { LogWriter } from "../../../capture/log-writer.ts";
import { inputError } from "../../../schema/errors.ts";
import type { Note, TelemetryChannel } from "../../../schema/records.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { separatorOf, splitCells } from "../shared/csv-line.ts";
import type { Importer } from "../importer.ts";
import { MAX_NS, readLines, toNumber } from "../shared/lines.ts";
import { checkGpus } from "./smi-rows.ts";
import { counted, cutLines } from "../shared/notes.ts";
import { inPlace, placementNotes, refuseLeaps } from "../shared/placed-rows.ts";
import { type Placement, placementIfOdd, type TimedRow } from "../shared/row-order.ts";
import { RowTail, timedRead } from "../shared/text-log.ts";
import { marksOf, type TextMark } from "../shared/text-marks.ts";

const WHAT = "CSV with a t_mono_ns column";
const MONO = ["t_mono_ns", "t_ns"];
const UNIX = ["t_unix_ns", "t_wall_ns", "wall_ns", "time_ns"];
const LABEL = ["mark", "label"];
const GPU = ["gpu", "gpu_index", "gpu_id", "index", "device", "uuid", "gpu_uuid"];
/** nvmlReturn_t NVML_ERROR_UNKNOWN: the log says that the read failed, not why. */
const READ_FAILED = 999;

/** Two clocks read one after the other in a script differ by less than this; NTP slews 0.5 ms a second. */
const STEP_NS = 100_000_000n;

type Known = readonly [
  name: string,
  quantity: TelemetryChannel["quantity"],
  unit: string,
  toSi: number,
];
const COLUMNS: Readonly<Record<string, Known>> = {
  power_w: ["power_usage", "power", "W", 1],
  power_mw: ["power_usage", "power", "W", 1e-3],
  power_instant_w: ["power_instant", "power", "W", 1],
  power_average_w: ["power_average", "power", "W", 1],
  energy_j: ["energy_counter", "energy", "J", 1],
  energy_mj: ["energy_counter", "energy", "J", 1e-3],
  util_gpu: ["utilization_gpu", "ratio", "1", 0.01],
  util_mem: ["utilization_memory", "ratio", "1", 0.01],
  sm_clock: ["clock_sm", "frequency", "Hz", 1e6],
  sm_clock_mhz: ["clock_sm", "frequency", "Hz", 1e6],
  mem_clock: ["clock_memory", "frequency", "Hz", 1e6],
  mem_clock_mhz: ["clock_memory", "frequency", "Hz", 1e6],
  temp_c: ["temperature", "temperature", "degC", 1],
  vram_used_mb: ["memory_used", "bytes", "B", 1048576],
  pstate: ["pstate", "state", "1", 1],
};

interface Header {
  readonly separator: string;
  readonly names: readonly string[];
  readonly mono: number;
  readonly unix: number;
  readonly label: number;
  readonly ok: number;
  readonly gpu: number;
  readonly channels: readonly {
    readonly at: number;
    readonly toSi: number;
    readonly channel: TelemetryChannel;
  }[];
}

interface Sample extends TimedRow {
  readonly kind: "sample";
  readonly unix: bigint | null;
  readonly gpu: string;
  readonly cells: readonly string[];
}

type Entry = Sample | { readonly kind: "mark"; readonly mark: TextMark } | { readonly kind: "cut" };

/** @throws InputError when there is no monotonic column or no channel that is known. */
export const importNvmlCsv: Importer = async (path, context) => {
  const header = readHeader(path);
  const survey = surveyRows(path, header);
  context.origin(path);
  const log = context.create(
    {
      hostClock: "monotonic",
      hostEpoch: instant<"host">(survey.first),
      startUnix: survey.startUnix,
      labels: { format: "nvml-csv", capture: basename(path) },
    },
    null,
  );
  for (const gpu of survey.gpus)
    for (const { channel } of header.channels)
      log.declareTelemetry({ ...channel, name: numbered(channel.name, gpu, survey.gpus) });
  for (const mark of marksOf(survey.marks)) log.mark(mark);
  for (const sample of inOrder(path, header, survey.placements))
    writeSample(log, header, survey.gpus, sample);
  for (const note of survey.notes) log.note(note);
  if (!header.channels.some(({ channel }) => /^(power|energy)$/.test(channel.quantity)))
    log.note({ level: "warning", text: `${path}: none of its columns is a power or an energy` });
  log.close();
};

/** nvml.power_usage → nvml.1.power_usage where the log is of several GPUs; names count as they come. */
function numbered(name: string, gpu: string, gpus: readonly string[]): string {
  if (gpus.length < 2) return name;
  const number = gpus.every((g) => /^\d+$/.test(g)) ? gpu : gpus.indexOf(gpu);
  return name.replace(".", `.${number}.`);
}

function readHeader(path: string): Header {
  for (const { text, number } of readLines(path, WHAT)) {
    if (text.trim() === "" || text.startsWith("#")) continue;
    const separator = separatorOf(text);
    const names = splitCells(text, separator).map((n) => n.toLowerCase());
    const find = (wanted: readonly string[]): number => names.findIndex((n) => wanted.includes(n));
    const channels = names.flatMap((name, at) => {
      const known = COLUMNS[name];
      if (!known) return [];
      const [field, quantity, unit, toSi] = known;
      return [{ at, toSi, channel: { name: `nvml.${field}`, quantity, unit } }];
    });
    const mono = find(MONO);
    const where = `${path}:${number}`;
    if (mono < 0)
      throw inputError(
        "no monotonic time",
        where,
        `a column ${MONO.join(" or ")}`,
        names.join(","),
      );
    const twice = channels.find(
      (c, i) => channels.findIndex((d) => names[d.at] === names[c.at]) < i,
    );
    if (twice)
      throw inputError(`column ${names[twice.at]} is listed twice`, where, "one of each name");
    if (channels.length === 0)
      throw inputError(
        "no known telemetry",
        where,
        `a column among ${Object.keys(COLUMNS).join(", ")}`,
      );
    return {
      separator,
      names,
      mono,
      unix: find(UNIX),
      label: find(LABEL),
      ok: find(["read_ok"]),
      gpu: GPU.map((name) => names.indexOf(name)).find((at) => at >= 0) ?? -1,
      channels,
    };
  }
  throw inputError("no header", path, WHAT);
}

function* entries(path: string, h: Header): Generator<Entry> {
  let begun = false;
  const tail = new RowTail();
  for (const line of readLines(path, WHAT)) {
    const { text } = line;
    if (text.trim() === "") continue;
    const cells = splitCells(text, h.separator);
    const mark = markRow(cells, h);
    if (mark) yield { kind: "mark", mark };
    if (mark || text.startsWith("#")) continue;
    if (!begun) {
      begun = true;
      continue;
    }
    const t = wholeNumber(cells[h.mono]);
    if (t === undefined || cells.length !== h.names.length || tail.isCut(line)) {
      yield { kind: "cut" };
      continue;
    }
    tail.kept(line);
    const label = cells[h.label];
    if (label) yield { kind: "mark", mark: { t, text: label } };
    const unix = wholeNumber(cells[h.unix]) ?? null;
    yield { kind: "sample", t, line: line.number, unix, gpu: cells[h.gpu] ?? "", cells };
  }
}

function wholeNumber(cell: string | undefined): bigint | undefined {
  if (cell === undefined || !/^\d{1,19}$/.test(cell)) return undefined;
  const ns = BigInt(cell);
  return ns < MAX_NS ? ns : undefined;
}

/** A row with a cell MARK, `MARK: label` or `# MARK label`: its time, its label, other columns as fields. */
function markRow(cells: readonly string[], h: Header): TextMark | undefined {
  const at = cells.findIndex((c) => /^#?\s*MARK\b/.test(c));
  if (at < 0) return undefined;
  const inline = /^#?\s*MARK[:\s]+(\S.*)$/.exec(cells[at]!)?.[1];
  const timeAt =
    wholeNumber(cells[h.mono]) === undefined
      ? cells.findIndex((c) => wholeNumber(c) !== undefined)
      : h.mono;
  if (timeAt < 0) return undefined;
  const labelAt =
    h.label >= 0 && cells[h.label] && h.label !== at
      ? h.label
      : cells.findIndex((c, i) => i > at && i !== timeAt && c !== "");
  const text = inline ?? cells[labelAt];
  if (text === undefined) return undefined;
  const fields: Record<string, string | number> = {};
  for (const [i, cell] of cells.entries()) {
    const name = h.names[i];
    if (
      name === undefined ||
      cell === "" ||
      [at, timeAt, labelAt, h.unix].includes(i) ||
      COLUMNS[name]
    )
      continue;
    fields[name] = toNumber(cell) ?? cell;
  }
  const t = wholeNumber(cells[timeAt])!;
  return Object.keys(fields).length > 0 ? { t, text, fields } : { t, text };
}

interface Survey {
  readonly first: bigint;
  readonly startUnix: Instant<"unix"> | null;
  readonly marks: readonly TextMark[];
  /** What the column that names the GPU holds; one empty text where there is no such column. */
  readonly gpus: readonly string[];
  readonly placements: Placements;
  readonly notes: readonly Note[];
}

/** Of each GPU's samples. */
type Placements = ReadonlyMap<string, Placement | null>;

/** Whether a sample has no place among those of its GPU; to be asked of every one, in the order of the file. */
function leftOut(placements: Placements): (sample: Sample) => boolean {
  const rows = new Map<string, number>();
  return ({ gpu }) => {
    const row = rows.get(gpu) ?? 0;
    rows.set(gpu, row + 1);
    return placements.get(gpu)?.left.has(row) ?? false;
  };
}

function placementsOf(path: string, header: Header): Placements {
  const gpus = new Set<string>();
  for (const entry of entries(path, header)) {
    if (entry.kind === "sample") gpus.add(entry.gpu);
    checkGpus(gpus.size, path);
  }
  const placements = new Map<string, Placement | null>();
  for (const gpu of gpus) {
    const placement = placementIfOdd(path, () => samplesOf(path, header, gpu));
    if (placement) refuseLeaps(path, placement);
    placements.set(gpu, placement);
  }
  return placements;
}

function* samplesOf(path: string, header: Header, gpu: string): Generator<Sample> {
  for (const entry of entries(path, header))
    if (entry.kind === "sample" && entry.gpu === gpu) yield entry;
}

function surveyRows(path: string, header: Header): Survey {
  const marks: TextMark[] = [];
  let first: bigint | undefined;
  const last = new Map<string, bigint>();
  let offset: bigint | undefined;
  let moved = 0n;
  let cut = 0;
  let back = 0;
  let rows = 0;
  const placements = placementsOf(path, header);
  const isLeft = leftOut(placements);
  for (const entry of entries(path, header)) {
    if (entry.kind === "cut") cut++;
    else if (entry.kind === "mark") {
      marks.push(entry.mark);
      if (first === undefined || entry.mark.t < first) first = entry.mark.t;
    } else if (!isLeft(entry)) {
      rows++;
      if (first === undefined || entry.t < first) first = entry.t;
      if (entry.t <= (last.get(entry.gpu) ?? -1n)) back++;
      last.set(entry.gpu, entry.t);
      if (entry.unix === null) continue;
      const between = entry.unix - entry.t;
      offset ??= between;
      if (between - offset > moved || offset - between > moved)
        moved = between > offset ? between - offset : offset - between;
    }
  }
  if (first === undefined || rows === 0) throw inputError("no sample in it", path, WHAT);
  const notes: Note[] = [
    ...cutLines(path, cut),
    ...counted(path, "warning", back, "lines do not advance in time"),
    ...[...placements.values()].flatMap((p) => (p ? placementNotes(path, p) : [])),
  ];
  if (moved > STEP_NS)
    notes.push({
      level: "warning",
      text: `${path}: the wall clock moved by ${(Number(moved) / 1e9).toFixed(3)} s against the monotonic one`,
    });
  const startUnix = offset === undefined ? null : instant<"unix">(first + offset);
  return { first, startUnix, marks, gpus: [...last.keys()], placements, notes };
}

/** Samples in the order of the file; those of a GPU whose times do not follow each other behind the others'. */
function* inOrder(path: string, header: Header, placements: Placements): Generator<Sample> {
  for (const entry of entries(path, header))
    if (entry.kind === "sample" && !placements.get(entry.gpu)) yield entry;
  for (const [gpu, placement] of placements)
    if (placement)
      for (const placed of inPlace(() => samplesOf(path, header, gpu), placement))
        if (placed) yield placed.row;
}

function writeSample(
  log: LogWriter,
  h: Header,
  gpus: readonly string[],
  { t, unix, gpu, cells }: Sample,
): void {
  const stamp = unix === null ? null : instant<"unix">(unix);
  const failed = h.ok >= 0 && /^(false|0|no)$/i.test(cells[h.ok]!);
  for (const { at, toSi, channel } of h.channels) {
    const value = failed ? NaN : (toNumber(cells[at]!.replace(/^P(?=\d+$)/, "")) ?? NaN) * toSi;
    const name = numbered(channel.name, gpu, gpus);
    log.read(timedRead(name, t, { value, stamp, code: READ_FAILED }));
  }
}
