// Enters: fused.arrow and the window edges. Leaves: the whole run in buckets, raw excerpts around the edges,
// and what the flags say. Holds two batches and the buckets; reads the file once.

import type { RecordBatch, Schema } from "apache-arrow";
import { inputError } from "../schema/errors.ts";
import { openArrow } from "../dataset/arrow-reader.ts";
import { addRows, type Buckets, createBuckets } from "./decimate.ts";
import { addToExcerpts, type Excerpt, planExcerpts } from "./excerpts.ts";
import { createNotices, type Notices, noteFlags } from "./notices.ts";
import { NS_PER_S } from "../schema/time.ts";

export interface SeriesInfo {
  readonly column: string;
  readonly name: string;
  readonly role: "total" | "rail";
  readonly unit: "W" | "V" | "A";
}

export interface Trace {
  readonly metadata: ReadonlyMap<string, string>;
  readonly series: readonly SeriesInfo[];
  readonly buckets: Buckets;
  readonly rowPeriodNs: number;
  readonly excerpts: readonly Excerpt[];
  readonly notices: Notices;
}

// A report stays under 5 MB: min, max and mean as float32 in base64 take 16 bytes a bucket and series.
const SERIES_BUDGET_BYTES = 1_900_000;
const MAX_BUCKETS = 32768;
const MIN_BUCKETS = 4000;

/**
 * Reads fused.arrow once, in time order, in bounded memory.
 * @param edgesNs window edges, session ns, around which raw rows are kept
 * @param isTelemetry whether a power column is a telemetry channel's and not a rail's
 * @returns null when the file has no rows
 * @throws InputError when it is no Arrow file or lacks a column of the contract
 */
export async function readTrace(
  path: string,
  edgesNs: readonly number[],
  isTelemetry: (column: string) => boolean,
  progress: (done: number) => void,
): Promise<Trace | null> {
  const file = await openArrow(path, "truejoule fuse");
  try {
    const series = seriesOf(file.schema, isTelemetry, path);
    if (!file.spanNs) return null;
    const [firstNs, lastNs] = file.spanNs;
    const notices = createNotices();
    let buckets: Buckets | undefined;
    let excerpts: Excerpt[] = [];
    let rowPeriodNs = 0;
    let done = 0;
    for await (const batch of file.batches) {
      const columns = columnsOf(batch, series);
      if (!buckets) {
        rowPeriodNs = medianStep(columns.tNs);
        const capacity = capacityFor(series.length, file.count * batch.numRows);
        buckets = createBuckets(series.length, capacity, (lastNs - firstNs + 1) / capacity);
        // Where buckets are about as fine as rows there is nothing finer to show.
        const coarse = buckets.widthNs > 4 * rowPeriodNs;
        if (coarse) excerpts = planExcerpts(edgesNs, rowPeriodNs, series.length);
      }
      noteFlags(notices, columns.flags, columns.tNs);
      addRows(buckets, columns);
      if (excerpts.length > 0) addToExcerpts(excerpts, columns.tNs, columns.columns);
      progress(++done / file.count);
    }
    if (!buckets) return null;
    const metadata = file.schema.metadata;
    return { metadata, series, buckets, rowPeriodNs, excerpts, notices };
  } finally {
    await file.close();
  }
}

function seriesOf(
  schema: Schema,
  isTelemetry: (column: string) => boolean,
  path: string,
): SeriesInfo[] {
  const names = schema.fields.map((f) => f.name);
  const missing = ["t_ns", "power_w", "energy_j", "flags"].filter((n) => !names.includes(n));
  if (missing.length > 0)
    throw inputError(
      "not a fused/1 table",
      path,
      `columns ${missing.join(", ")}`,
      names.join(", "),
    );
  const found: SeriesInfo[] = [{ column: "power_w", name: "total", role: "total", unit: "W" }];
  for (const [pattern, unit] of RAIL_COLUMNS)
    for (const column of names) {
      const name = pattern.exec(column)?.[1];
      if (name && !(unit === "W" && isTelemetry(column)))
        found.push({ column, name, role: "rail", unit });
    }
  return found;
}

const RAIL_COLUMNS = [
  [/^power_(.+)_w$/, "W"],
  [/^voltage_(.+)_v$/, "V"],
  [/^current_(.+)_a$/, "A"],
] as const;

/** Even; as fine as the page can carry, no finer than the rows are. */
function capacityFor(series: number, rows: number): number {
  const affordable = Math.max(MIN_BUCKETS, Math.floor(SERIES_BUDGET_BYTES / (16 * series)));
  return 2 * Math.ceil(Math.min(MAX_BUCKETS, affordable, rows) / 2);
}

interface BatchColumns {
  readonly tNs: BigInt64Array;
  readonly columns: Float32Array[];
  readonly energyJ: Float64Array;
  readonly flags: Uint8Array;
}

function columnsOf(batch: RecordBatch, series: readonly SeriesInfo[]): BatchColumns {
  const values = (name: string): unknown => batch.getChild(name)!.data[0]!.values;
  return {
    tNs: values("t_ns") as BigInt64Array,
    columns: series.map((s) => floats(batch, s.column)),
    energyJ: values("energy_j") as Float64Array,
    flags: values("flags") as Uint8Array,
  };
}

/** A column as float32; a null becomes NaN, which decimation counts as missing. */
function floats(batch: RecordBatch, name: string): Float32Array {
  const data = batch.getChild(name)!.data[0]!;
  const values = data.values as Float32Array;
  if (data.nullCount === 0) return values;
  const vector = batch.getChild(name)!;
  return Float32Array.from(values, (v, i) => (vector.isValid(i) ? v : NaN));
}

function medianStep(tNs: BigInt64Array): number {
  const steps: number[] = [];
  for (let i = 1; i < Math.min(tNs.length, 4096); i++) steps.push(Number(tNs[i]! - tNs[i - 1]!));
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1] ?? NS_PER_S;
}
