// Enters: messages of docs/live.md. Leaves: what the page holds of a recording: the last buckets of every level, the
// last reads of every channel. Holds: fixed memory. No DOM here; node tests it as it stands.

import {
  BUCKETS_HEAD,
  type HelloMessage,
  Kind,
  type LiveChannel,
  READS_HEAD,
} from "../../live-data.ts";
import { at } from "../arrays.ts";
import type { Reads } from "../columns.ts";

const KEPT_READS = 131072; // 22 min at 100 Hz

/** Buckets [first, end) of a level, as far as they have not been overwritten. */
export interface Ring {
  first: number;
  end: number;
  /** Min, mean, max of series s at (3 s + 0, 1, 2) · capacity + bucket mod capacity; NaN where no row was seen. */
  readonly values: Float32Array;
  readonly capacity: number;
}

/** Views of `times` and `values` as far as they are used; `hold` follows the period. */
export interface LiveReads extends Reads, LiveChannel {
  t: Float64Array;
  value: Float64Array;
  hold: number;
  failed: number[];
  readonly times: Float64Array;
  readonly values: Float64Array;
  used: number;
  /** Seconds between reads, lately. */
  period: number;
}

export interface Store {
  readonly about: HelloMessage;
  readonly simulated: boolean;
  /** Session seconds up to which something may have come. */
  now: number;
  /** Session time of row 0 and seconds a row, by the clock as known now. */
  row0: number;
  rowPeriod: number;
  readonly rings: readonly Ring[];
  readonly reads: readonly LiveReads[];
}

export function createStore(about: HelloMessage): Store {
  const { series, channels, levels, capacity } = about;
  return {
    about,
    simulated: about.source === "virtual" || about.source === "emulated",
    now: 0,
    row0: 0,
    rowPeriod: 1 / about.row_hz,
    rings: Array.from({ length: levels }, () => ({
      first: NaN,
      end: NaN,
      values: new Float32Array(series.length * 3 * capacity).fill(NaN),
      capacity,
    })),
    reads: channels.map(emptyReads),
  };
}

function emptyReads(channel: LiveChannel): LiveReads {
  const [times, values] = [new Float64Array(2 * KEPT_READS), new Float64Array(2 * KEPT_READS)];
  const none = times.subarray(0, 0);
  return {
    ...channel,
    ...{ times, values, used: 0, period: NaN },
    ...{ t: none, value: none, lo: null, hi: null, hold: Infinity, failed: [] },
  };
}

/** @param buffer a binary message @returns which kind it was */
export function takeBinary(store: Store, buffer: ArrayBuffer): number {
  const v = new DataView(buffer);
  const kind = v.getUint32(0, true);
  if (kind === Kind.buckets) takeBuckets(store, v);
  else if (kind === Kind.reads) takeReads(store, buffer, v.getUint32(4, true));
  return kind;
}

function takeBuckets(store: Store, v: DataView<ArrayBuffer>): void {
  const [level, count, series] = [
    v.getUint32(4, true),
    v.getUint32(8, true),
    v.getUint32(12, true),
  ];
  const first = v.getFloat64(16, true);
  store.now = v.getFloat64(24, true);
  store.row0 = v.getFloat64(32, true);
  store.rowPeriod = v.getFloat64(40, true);
  const ring = store.rings[level];
  if (!ring || series !== store.about.series.length) return;
  const { capacity } = ring;
  const values = new Float32Array(v.buffer, BUCKETS_HEAD);
  const place = first % capacity;
  const head = Math.min(count, capacity - place);
  for (let k = 0; k < 3 * series; k++) {
    const column = values.subarray(k * count, (k + 1) * count);
    ring.values.set(column.subarray(0, head), k * capacity + place);
    ring.values.set(column.subarray(head), k * capacity);
  }
  if (first !== ring.end) ring.first = first;
  ring.end = first + count;
}

function takeReads(store: Store, buffer: ArrayBuffer, n: number): void {
  const times = new Float64Array(buffer, READS_HEAD, n);
  const values = new Float64Array(buffer, READS_HEAD + 8 * n, n);
  const touched = new Set<LiveReads>();
  new Uint16Array(buffer, READS_HEAD + 16 * n, n).forEach((channel, i) => {
    const reads = store.reads[channel];
    if (!reads) return;
    addRead(reads, at(times, i), at(values, i));
    touched.add(reads);
  });
  for (const reads of touched) {
    reads.t = reads.times.subarray(0, reads.used);
    reads.value = reads.values.subarray(0, reads.used);
    reads.hold = 5 * reads.period;
  }
}

function addRead(c: LiveReads, t: number, value: number): void {
  if (c.used === 2 * KEPT_READS) {
    c.times.copyWithin(0, KEPT_READS);
    c.values.copyWithin(0, KEPT_READS);
    c.used = KEPT_READS;
    c.failed = c.failed.filter((failed) => failed >= at(c.times, 0));
  }
  const step = t - at(c.times, c.used - 1);
  if (step > 0) c.period = c.period > 0 ? c.period + (step - c.period) / 16 : step;
  if (!(value === value)) c.failed.push(t);
  c.times[c.used] = t;
  c.values[c.used++] = value;
}

/** The last read; NaN when it failed or there is none. */
export function lastRead(c: LiveReads | undefined): number {
  return c ? at(c.values, c.used - 1) : NaN;
}
