// events.arrow → slices of a Perfetto trace. Slices of one track must nest, so events that overlap go to
// lanes; lanes are found from all events' times before the first is written.

import type { RecordBatch, Vector } from "apache-arrow";
import type { ArrowReader } from "../arrow-reader.ts";
import type { Arguments, PerfettoTrace, Track } from "./perfetto-trace.ts";
import { valueAt } from "../../stats/places.ts";

/** Columns that slices are made of. */
export const EVENT_NEEDS = {
  name: "utf8",
  kind: "utf8",
  t0_ns: "int64",
  t1_ns: "int64",
  fields: "utf8",
  energy_j: "float64",
  expanded_uncertainty_j: "float64",
  mean_power_w: "float64",
  operational_j: "float64",
  samples: "int32",
  gap_fraction: "float64",
  quality: "utf8",
  claim_status: "utf8",
  doubt: "utf8",
} as const;

/** What a first pass over the table learns. */
export interface EventTimes {
  readonly t0Ns: readonly number[];
  readonly t1Ns: readonly number[];
  /** Which group of tracks each event belongs to: a span's name, a kernel's GPU and stream. */
  readonly group: readonly string[];
  readonly isKernel: readonly boolean[];
  /** `session` and `load` cover others: nothing begins or ends there that is worth a closer look. */
  readonly isSummary: readonly boolean[];
}

/** One of them. */
interface EventTime {
  readonly t0Ns: number;
  readonly t1Ns: number;
  readonly group: string;
  readonly isKernel: boolean;
}

const eventAt = (e: EventTimes, i: number): EventTime => ({
  t0Ns: valueAt(e.t0Ns, i),
  t1Ns: valueAt(e.t1Ns, i),
  group: valueAt(e.group, i),
  isKernel: valueAt(e.isKernel, i),
});

type Fields = Readonly<Record<string, string | number | boolean>>;

/** A batch's columns by name, looked up once. */
type Columns = ReadonlyMap<string, Vector>;

const columnsOf = (batch: RecordBatch): Columns =>
  new Map(
    batch.schema.fields.flatMap((f, c) => {
      const column = batch.getChildAt(c);
      return column ? [[f.name, column]] : [];
    }),
  );

/** A cell of a column that the table was opened for. */
const cell = (columns: Columns, name: keyof typeof EVENT_NEEDS, i: number): unknown =>
  columns.get(name)?.get(i);

const text = (columns: Columns, name: keyof typeof EVENT_NEEDS, i: number): string | null =>
  cell(columns, name, i) as string | null;

function fieldsOf(table: ArrowReader, columns: Columns, i: number): Fields {
  const json = text(columns, "fields", i);
  if (json === null) return {};
  try {
    return (JSON.parse(json) as Fields | null) ?? {};
  } catch {
    throw table.broken(`fields ${json}, which is no JSON`);
  }
}

export async function eventTimes(table: ArrowReader): Promise<EventTimes> {
  const [t0Ns, t1Ns]: [number[], number[]] = [[], []];
  const group: string[] = [];
  const isKernel: boolean[] = [];
  const isSummary: boolean[] = [];
  const groups = new Map<string, string>(); // one string a group, not one an event
  for await (const batch of table.batches) {
    const columns = columnsOf(batch);
    for (let i = 0; i < batch.numRows; i++) {
      const kind = text(columns, "kind", i);
      const name = text(columns, "name", i) ?? "";
      const key =
        kind === "kernel" ? streamOf(fieldsOf(table, columns, i)) : name.replace(/-\d+$/, "");
      const known = groups.get(key) ?? key;
      groups.set(known, known);
      t0Ns.push(Number(cell(columns, "t0_ns", i)));
      t1Ns.push(Number(cell(columns, "t1_ns", i)));
      group.push(known);
      isKernel.push(kind === "kernel");
      isSummary.push(kind === "session" || name === "load");
    }
  }
  return { t0Ns, t1Ns, group, isKernel, isSummary };
}

const streamOf = (f: Fields): string => `${f["gpu"] ?? "gpu"} stream ${f["stream"] ?? 0}`;

/** A track, and when the events open on it end, the innermost last. */
interface Lane {
  readonly track: Track;
  readonly untilNs: number[];
}

/** @returns the track of each event: inside another of its group, after it, or on a track beside it. */
export function lanes(
  e: EventTimes,
  trace: PerfettoTrace,
  parent: (isKernel: boolean) => Track,
): Uint32Array {
  const track = new Uint32Array(e.t0Ns.length);
  const groups = new Map<string, Lane[]>();
  for (const i of byStart(e)) {
    const event = eventAt(e, i);
    const group = groups.get(event.group) ?? [];
    groups.set(event.group, group);
    let lane = group.find((l) => fits(l, event));
    if (!lane) {
      lane = { track: trace.track(parent(event.isKernel), event.group), untilNs: [] };
      group.push(lane);
    }
    lane.untilNs.push(event.t1Ns);
    track[i] = lane.track;
  }
  return track;
}

function fits({ untilNs }: Lane, { t0Ns, t1Ns }: EventTime): boolean {
  const innermost = (): number => untilNs.at(-1) ?? Infinity;
  while (innermost() < t0Ns) untilNs.pop();
  return t1Ns <= innermost();
}

function byStart({ t0Ns, t1Ns }: EventTimes): Uint32Array {
  return Uint32Array.from(t0Ns, (_, i) => i).sort(
    (a, b) => t0Ns[a]! - t0Ns[b]! || t1Ns[b]! - t1Ns[a]!,
  );
}

/** Second pass over the table: every event with its Joules and what is known of it. */
export async function writeSlices(
  table: ArrowReader,
  e: EventTimes,
  track: Uint32Array,
  trace: PerfettoTrace,
): Promise<void> {
  let n = 0;
  for await (const batch of table.batches) {
    const columns = columnsOf(batch);
    for (let i = 0; i < batch.numRows; i++, n++) {
      const args = { ...argumentsOf(columns, i), ...fieldsOf(table, columns, i) };
      const name = text(columns, "name", i) ?? "";
      const { t0Ns, t1Ns, isKernel } = eventAt(e, n);
      trace.slice(valueAt(track, n), [t0Ns, t1Ns], { name, args, repeats: isKernel });
    }
  }
}

const NUMBERS = [
  "energy_j",
  "expanded_uncertainty_j",
  "mean_power_w",
  "operational_j",
  "samples",
  "gap_fraction",
] as const;

/** Null is left out: what is not known is not shown as 0. */
function argumentsOf(columns: Columns, i: number): Arguments {
  const args: Record<string, string | number> = {};
  for (const column of NUMBERS) {
    const value = cell(columns, column, i) as number | null;
    if (value !== null) args[column] = value;
  }
  for (const column of ["quality", "claim_status", "doubt"] as const) {
    const value = text(columns, column, i);
    if (value !== null) args[column] = value;
  }
  return args;
}

/** Stretches within `aroundNs` of where an event begins or ends, ascending and apart. */
export function nearEvents(
  e: EventTimes,
  aroundNs: number,
): readonly (readonly [number, number])[] {
  const spans = e.t0Ns
    .flatMap((t0, i) => (e.isSummary[i] ? [] : [t0, valueAt(e.t1Ns, i)]))
    .sort((a, b) => a - b);
  const out: [number, number][] = [];
  for (const t of spans) {
    const last = out[out.length - 1];
    if (last && t - aroundNs <= last[1]) last[1] = t + aroundNs;
    else out.push([t - aroundNs, t + aroundNs]);
  }
  return out;
}
