// Enters: telemetry.arrow. Leaves: each channel's reads in time order, every one of them while they are few,
// min/mean/max buckets when they are many. Holds at most RAW_READS reads a channel.

import type { RecordBatch } from "apache-arrow";
import { openArrow } from "../dataset/arrow-reader.ts";
import { valueAt } from "../stats/places.ts";
import { zip } from "../stats/zip.ts";
import { columnOf } from "./batch-columns.ts";
import { addRows, type Buckets, coarsen, createBuckets } from "./decimate.ts";
import { startOf } from "./runs.ts";

/** One channel. Values are in `unit`; a counter's are its growth since the first read. */
export interface Channel {
  readonly name: string;
  readonly unit: string;
  readonly reads: number;
  readonly failed: number;
  readonly failedNs: readonly number[];
  readonly tNs: Float64Array;
  readonly value: Float32Array;
  /** Where reads were bucketed: the extremes at each `tNs`. */
  readonly lo?: Float32Array;
  readonly hi?: Float32Array;
}

// Of a report's 5 MB a fifth is for telemetry: 60,000 reads in base64.
const TOTAL_READS = 60_000;
const RAW_READS = 20_000;
const READ_BYTES = 12; // time as float64, value as float32
const BUCKET_BYTES = 20; // and two extremes
const COARSE_BUCKETS = 4096;
const MAX_FAILED = 300;
const NEEDED = { t_ns: "int64", channel: "utf8", value: "float64" } as const;

interface Gathering {
  readonly name: string;
  readonly unit: string;
  reads: number;
  failed: number;
  readonly failedNs: number[];
  firstValue: number;
  /** The first reads, as they came. */
  readonly raw: { readonly tNs: number; readonly value: number }[];
  readonly coarse: Buckets;
}

/** @throws InputError when it is no Arrow file or lacks `t_ns`, `channel` or `value`. */
export async function readTelemetry(path: string): Promise<Channel[]> {
  const file = await openArrow(path, "truejoule fuse", NEEDED);
  try {
    const channels = new Map<string, Gathering>();
    for await (const batch of file.batches) addBatch(channels, batch);
    const shown = [...channels.values()].filter((c) => c.unit !== "");
    const each = Math.floor(TOTAL_READS / Math.max(1, shown.length));
    const allowance = Math.max(4, Math.min(RAW_READS, each));
    return shown.map((c) => finish(c, allowance)).sort((a, b) => (a.name < b.name ? -1 : 1));
  } finally {
    await file.close();
  }
}

function addBatch(channels: Map<string, Gathering>, batch: RecordBatch): void {
  const name = columnOf(batch, "channel");
  const unit = batch.getChild("unit");
  const rowsOf = new Map<Gathering, number[]>();
  for (let i = 0; i < batch.numRows; i++) {
    const key = String(name.get(i));
    let c = channels.get(key);
    if (!c) channels.set(key, (c = gather(key, unit ? String(unit.get(i)) : unitOf(key))));
    if (c.unit === "") continue;
    const rows = rowsOf.get(c);
    if (rows) rows.push(i);
    else rowsOf.set(c, [i]);
  }
  for (const [c, rows] of rowsOf) addReads(c, rows, batch);
}

function gather(name: string, unit: string): Gathering {
  return {
    name,
    unit: PLOTTED.has(unit) && !/pstate|reasons/.test(name) ? unit : "",
    reads: 0,
    failed: 0,
    failedNs: [],
    firstValue: NaN,
    raw: [],
    coarse: createBuckets(1, COARSE_BUCKETS, 1e6),
  };
}

const PLOTTED = new Set(["W", "J", "degC", "Hz", "1", "B", "V", "A"]);

/** Unit by the channel names of docs/telemetry.md, for tables that carry no `unit` column. */
export function unitOf(channel: string): string {
  if (/energy|^rapl\./.test(channel)) return "J";
  if (/temperature/.test(channel)) return "degC";
  if (/clock/.test(channel)) return /reasons/.test(channel) ? "" : "Hz";
  if (/utili[sz]ation/.test(channel)) return "1";
  if (/memory_used/.test(channel)) return "B";
  return /power|^meter\.|^hwmon\./.test(channel) ? "W" : "";
}

function addReads(c: Gathering, rows: readonly number[], batch: RecordBatch): void {
  const stamp = columnOf(batch, "t_ns");
  const value = columnOf(batch, "value");
  const code = batch.getChild("code");
  const tNs = new BigInt64Array(rows.length);
  const shown = new Float32Array(rows.length);
  for (const [r, i] of rows.entries()) {
    const v = value.get(i) as number | null;
    const stampNs = stamp.get(i) as bigint;
    const failed = v === null || v !== v || (code !== null && (code.get(i) as number) !== 0);
    const t = Number(stampNs);
    if (failed) noteFailure(c, t);
    else if (c.firstValue !== c.firstValue) c.firstValue = v;
    tNs[r] = stampNs;
    const drawn = failed ? NaN : c.unit === "J" ? v - c.firstValue : v;
    shown[r] = drawn;
    if (c.raw.length <= RAW_READS) c.raw.push({ tNs: t, value: drawn });
  }
  c.reads += rows.length;
  addRows(c.coarse, { tNs, columns: [shown] });
}

function noteFailure(c: Gathering, tNs: number): void {
  c.failed++;
  if (c.failedNs.length < MAX_FAILED) c.failedNs.push(tNs);
}

function finish(c: Gathering, allowance: number): Channel {
  const { name, unit, reads, failed, failedNs } = c;
  const about = { name, unit, reads, failed, failedNs };
  if (c.reads > allowance) {
    while (c.coarse.used * BUCKET_BYTES > allowance * READ_BYTES) coarsen(c.coarse);
    return { ...about, ...fromBuckets(c.coarse) };
  }
  const ordered = [...c.raw].sort((a, b) => a.tNs - b.tNs);
  return {
    ...about,
    tNs: Float64Array.from(ordered, (r) => r.tNs),
    value: Float32Array.from(ordered, (r) => r.value),
  };
}

function fromBuckets(
  b: Buckets,
): Pick<Channel, "tNs" | "value"> & { lo: Float32Array; hi: Float32Array } {
  const s = valueAt(b.series, 0);
  const kept = [...Array(b.used).keys()].filter((k) => s.has(k));
  return {
    tNs: Float64Array.from(kept, (k) => startOf(b, k)),
    value: Float32Array.from(kept, (k) => s.mean(k)),
    lo: s.min.slice(0, b.used).filter((_, k) => s.has(k)),
    hi: s.max.slice(0, b.used).filter((_, k) => s.has(k)),
  };
}

/** An energy counter as the mean power between its changes, held from one change to the next. */
export function slopeOf(counter: Channel): Channel {
  const t: number[] = [];
  const w: number[] = [];
  let fromNs = NaN;
  let fromJ = NaN;
  for (const [tNs, j] of zip(counter.tNs, counter.value)) {
    if (Number.isNaN(j) || j === fromJ) continue;
    if (!Number.isNaN(fromJ)) {
      t.push(fromNs);
      w.push(j > fromJ ? ((j - fromJ) / (tNs - fromNs)) * 1e9 : NaN); // fell: wrapped or reset
    }
    fromNs = tNs;
    fromJ = j;
  }
  if (t.length > 0) {
    t.push(fromNs);
    w.push(NaN);
  }
  const { reads, failed } = counter;
  const value = Float32Array.from(w);
  return {
    name: `${counter.name} (slope)`,
    unit: "W",
    reads,
    failed,
    failedNs: [],
    tNs: Float64Array.from(t),
    value,
  };
}
