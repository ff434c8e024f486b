// Enters: messages of docs/live.md. Leaves: what the page holds of a recording, ready to be asked for
// columns. No DOM here; node tests it as it stands.

import { channelColumns } from "../columns.js";

const KEPT_READS = 131072; // 22 min at 100 Hz
const HEAD_BYTES = 48;
const READS_HEAD_BYTES = 8;
const STALE_S = 2; // a DAQ that sent nothing for so long says nothing of now

/** @param hello the first message, parsed */
export function createStore(hello) {
  const { series, channels, levels, capacity } = hello;
  return {
    ...hello,
    simulated: hello.source === "virtual" || hello.source === "emulated",
    now: 0,
    row0: 0,
    rowPeriod: 1 / hello.row_hz,
    rings: Array.from({ length: levels }, () => ({
      first: NaN,
      end: NaN,
      values: new Float32Array(series.length * 3 * capacity).fill(NaN),
    })),
    reads: channels.map((c) => emptyChannel(c)),
  };
}

function emptyChannel(c) {
  const [times, values] = [new Float64Array(2 * KEPT_READS), new Float64Array(2 * KEPT_READS)];
  const none = times.subarray(0, 0);
  return {
    ...c,
    times,
    values,
    used: 0,
    t: none,
    value: none,
    period: NaN,
    hold: Infinity,
    failed: [],
  };
}

/** @param buffer a binary message @returns which kind it was */
export function takeBinary(store, buffer) {
  const v = new DataView(buffer);
  const kind = v.getUint32(0, true);
  if (kind === 1) takeBuckets(store, v);
  else if (kind === 2) takeReads(store, v);
  return kind;
}

function takeBuckets(store, v) {
  const [level, count, series] = [4, 8, 12].map((at) => v.getUint32(at, true));
  const [first, now, row0, rowPeriod] = [16, 24, 32, 40].map((at) => v.getFloat64(at, true));
  Object.assign(store, { now, row0, rowPeriod });
  const ring = store.rings[level];
  if (!ring || series !== store.series.length) return;
  const { capacity } = store;
  const values = new Float32Array(v.buffer, HEAD_BYTES);
  const at = first % capacity;
  const head = Math.min(count, capacity - at);
  for (let k = 0; k < 3 * series; k++) {
    const column = values.subarray(k * count, (k + 1) * count);
    ring.values.set(column.subarray(0, head), k * capacity + at);
    ring.values.set(column.subarray(head), k * capacity);
  }
  if (!(first === ring.end)) ring.first = first;
  ring.end = first + count;
}

function takeReads(store, v) {
  const n = v.getUint32(4, true);
  const times = new Float64Array(v.buffer, READS_HEAD_BYTES, n);
  const values = new Float64Array(v.buffer, READS_HEAD_BYTES + 8 * n, n);
  const which = new Uint16Array(v.buffer, READS_HEAD_BYTES + 16 * n, n);
  const touched = new Set();
  for (let i = 0; i < n; i++) {
    const c = store.reads[which[i]];
    if (!c) continue;
    addRead(c, times[i], values[i]);
    touched.add(c);
  }
  for (const c of touched) {
    c.t = c.times.subarray(0, c.used);
    c.value = c.values.subarray(0, c.used);
    c.hold = 5 * c.period;
  }
}

function addRead(c, t, value) {
  if (c.used === 2 * KEPT_READS) {
    c.times.copyWithin(0, KEPT_READS);
    c.values.copyWithin(0, KEPT_READS);
    c.used = KEPT_READS;
    c.failed = c.failed.filter((at) => at >= c.times[0]);
  }
  const step = t - c.times[c.used - 1];
  if (step > 0) c.period = c.period > 0 ? c.period + (step - c.period) / 16 : step;
  if (!(value === value)) c.failed.push(t);
  c.times[c.used] = t;
  c.values[c.used++] = value;
}

/** The coarsest level that is still as fine as a pixel, or the first coarser one that reaches back to `from`. */
export function levelFor(store, from, pixel) {
  const width = (l) => store.rows_per_bucket * store.ratio ** l * store.rowPeriod;
  let level = 0;
  while (level + 1 < store.levels && width(level + 1) <= pixel) level++;
  const held = store.rings.map(({ first, end }, l) =>
    end > 0 ? store.row0 + Math.max(first, end - store.capacity) * width(l) : Infinity,
  );
  // No level reaches back to before the first row.
  const back = Math.max(from, Math.min(...held));
  const reaches = (l) => held[l] <= back + width(l);
  let wider = level;
  while (wider + 1 < store.levels && !reaches(wider) && store.rings[wider + 1].end > 0) wider++;
  return reaches(wider) ? wider : level;
}

/** One series in n columns. @returns {{min, mean, max}} arrays with null where no row was seen */
export function storeColumns(store, s, from, to, n) {
  const pixel = (to - from) / n;
  const level = levelFor(store, from, pixel);
  const { first, end, values } = store.rings[level];
  const width = store.rows_per_bucket * store.ratio ** level * store.rowPeriod;
  const { capacity } = store;
  const held = Math.max(first, end - capacity);
  const nulls = () => new Array(n).fill(null);
  const out = { min: nulls(), mean: nulls(), max: nulls() };
  const [at0, at1, at2] = [0, 1, 2].map((k) => (3 * s + k) * capacity);
  for (let c = 0; c < n; c++) {
    // Half a bucket's slack: a column that shares only an edge with a bucket does not show it.
    const x0 = (from + c * pixel - store.row0) / width + 1e-6;
    const k0 = Math.max(held, Math.floor(x0));
    const k1 = Math.min(end, Math.max(Math.floor(x0) + 1, Math.ceil(x0 + pixel / width - 2e-6)));
    let [min, max, sum, buckets] = [Infinity, -Infinity, 0, 0];
    for (let k = k0; k < k1; k++) {
      const i = k % capacity;
      const mean = values[at1 + i];
      if (!(mean === mean)) continue;
      if (values[at0 + i] < min) min = values[at0 + i];
      if (values[at2 + i] > max) max = values[at2 + i];
      sum += mean;
      buckets++;
    }
    if (buckets === 0) continue;
    out.min[c] = min;
    out.mean[c] = sum / buckets;
    out.max[c] = max;
  }
  return out;
}

/** Mean and maximum of a series over the last `seconds` that came; NaN without any, or where they are long past. */
export function lately(store, s, seconds) {
  const { first, end, values } = store.rings[0];
  const { capacity } = store;
  const width = store.rows_per_bucket * store.rowPeriod;
  const buckets = Math.ceil(seconds / width);
  let [sum, count, max] = [0, 0, NaN];
  if (store.now - (store.row0 + end * width) > Math.max(STALE_S, 4 * width))
    return { mean: NaN, max };
  for (let k = Math.max(first, end - capacity, end - buckets); k < end; k++) {
    const i = k % capacity;
    const mean = values[(3 * s + 1) * capacity + i];
    if (!(mean === mean)) continue;
    sum += mean;
    count++;
    if (!(values[(3 * s + 2) * capacity + i] <= max)) max = values[(3 * s + 2) * capacity + i];
  }
  return { mean: sum / count, max };
}

/** The last read of a channel; NaN when it failed or there is none. */
export function lastRead(c) {
  return c && c.used > 0 ? c.values[c.used - 1] : NaN;
}

/** Session time up to which there is data to show. */
export function latest(store) {
  return store.now;
}

export const readColumns = channelColumns;
