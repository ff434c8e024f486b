// Enters: fused.arrow and the window edges. Leaves: the whole run in buckets, raw excerpts around the edges,
// and what the flags say. Holds two batches and the buckets; reads the file once.

import type { Schema } from "apache-arrow";
import { type ColumnBatch, openColumns, type Wanted } from "./arrow-columns.ts";
import { addRows, type Buckets, createBuckets, endRows, type Rows } from "./decimate.ts";
import { addToExcerpts, type Excerpt, planExcerpts } from "./excerpts.ts";
import { fromTheirBegin } from "./means.ts";
import { createNotices, type Notices, noteFlags } from "./notices.ts";
import { NS_PER_S } from "../schema/time.ts";
import { upperMedian } from "../stats/summary.ts";
import { valueAt } from "../stats/places.ts";

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
const NEEDED = { t_ns: "int64", power_w: "float32", energy_j: "float64", flags: "uint8" } as const;

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
  const file = await openColumns(path, "truejoule fuse", NEEDED);
  try {
    const series = seriesOf(file.schema, isTelemetry);
    const ends = await file.ends("t_ns");
    if (!ends) return null;
    const notices = createNotices();
    let buckets: Buckets | undefined;
    let excerpts: Excerpt[] = [];
    let rowPeriodNs = 0;
    const { metadata } = file.schema;
    const holdsNs = Number(metadata.get("row_holds_ns") ?? 0);
    const rowsPerMean = Number(metadata.get("rows_per_mean") ?? 1);
    const areMeans = rowsPerMean > 1 && holdsNs > 0;
    let done = 0;
    for await (const batch of file.batches(wantedColumns(series))) {
      const rows = rowsOf(batch);
      if (!buckets) {
        rowPeriodNs = medianStep(rows.tNs);
        const capacity = capacityFor(series.length, file.count * batch.rows);
        buckets = createBuckets(
          series.length,
          capacity,
          (Math.max(0, ends[1] - ends[0]) + holdsNs + 1) / capacity,
          holdsNs,
        );
        // Where buckets are about as fine as rows there is nothing finer to show.
        const coarse = buckets.widthNs > 4 * rowPeriodNs;
        if (coarse) excerpts = planExcerpts(edgesNs, rowPeriodNs, series.length);
      }
      noteFlags(notices, rows.flags, rows.tNs);
      const means = { rowsPerMean, holdsNs, periodNs: rowPeriodNs };
      addRows(buckets, areMeans ? fromTheirBegin(rows, means) : rows);
      if (excerpts.length > 0) addToExcerpts(excerpts, rows.tNs, rows.columns);
      progress(++done / file.count);
    }
    if (!buckets) return null;
    endRows(buckets);
    return { metadata, series, buckets, rowPeriodNs, excerpts, notices };
  } finally {
    await file.close();
  }
}

function seriesOf(schema: Schema, isTelemetry: (column: string) => boolean): SeriesInfo[] {
  const names = schema.fields.map((f) => f.name);
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

function wantedColumns(series: readonly SeriesInfo[]): Wanted[] {
  return [
    { name: "t_ns", type: "Int64" },
    { name: "energy_j", type: "Float64" },
    { name: "flags", type: "Uint8" },
    ...series.map((s) => ({ name: s.column, type: "Float32" }) as const),
  ];
}

/** What every fused.arrow has beside the rows of its series. */
interface Noted {
  readonly flags: Uint8Array;
  readonly energyJ: Float64Array;
}

/** In the order of {@link wantedColumns}. */
function rowsOf(batch: ColumnBatch): Rows & Noted {
  const [tNs, energyJ, flags, ...columns] = batch.values;
  return {
    tNs: tNs as BigInt64Array,
    energyJ: energyJ as Float64Array,
    flags: flags as Uint8Array,
    columns: columns.map((v, i) => withoutNulls(v as Float32Array, batch.valid[i + 3] ?? null)),
  };
}

/** A null becomes NaN, which decimation counts as missing. Bit i of the bitmap is row i's validity. */
function withoutNulls(values: Float32Array, valid: Uint8Array | null): Float32Array {
  return valid ? values.map((v, i) => (valid[i >> 3]! & (1 << (i & 7)) ? v : NaN)) : values;
}

function medianStep(tNs: BigInt64Array): number {
  const some = tNs.subarray(0, 4096);
  const steps = Array.from(some.subarray(1), (t, i) => Number(t - valueAt(some, i)));
  return upperMedian(steps) ?? NS_PER_S;
}
