// Enters: a view (from, to, number of pixel columns). Leaves: min, mean and max of every series in each
// column, so that no peak is lost however far one zooms out. Pure.

import { lastAtOrBefore } from "./data.js";

/** The excerpt of raw rows that covers the whole view, if one does. */
export function excerptFor(trace, from, to) {
  if (!trace) return null;
  return (
    trace.excerpts.find((e) => e.t.length > 1 && e.t[0] <= from && e.t[e.t.length - 1] >= to) ??
    null
  );
}

/** Column centres. */
export function columnTimes(from, to, n) {
  return Float64Array.from({ length: n }, (_, c) => from + ((c + 0.5) * (to - from)) / n);
}

/** One DAQ series in n columns, from buckets. @returns {{min, mean, max}} arrays with null where nothing was observed */
export function bucketColumns(trace, index, from, to, n) {
  const s = trace.series[index];
  const out = emptyColumns(n);
  const step = (to - from) / n;
  for (let c = 0; c < n; c++) {
    const x0 = (from + c * step - trace.start) / trace.width;
    const x1 = (from + (c + 1) * step - trace.start) / trace.width;
    if (x1 <= 0 || x0 >= trace.used) continue;
    const k0 = Math.max(0, Math.floor(x0));
    const k1 = Math.min(trace.used, Math.max(k0 + 1, Math.ceil(x1)));
    let min = Infinity;
    let max = -Infinity;
    let sum = 0;
    let weight = 0;
    for (let k = k0; k < k1; k++) {
      if (s.min[k] < min) min = s.min[k];
      if (s.max[k] > max) max = s.max[k];
      const w = trace.activeS[k] * (Math.min(x1, k + 1) - Math.max(x0, k));
      if (w > 0 && s.mean[k] === s.mean[k]) {
        sum += s.mean[k] * w;
        weight += w;
      }
    }
    if (min <= max) put(out, c, min, weight > 0 ? sum / weight : (min + max) / 2, max);
  }
  return out;
}

/** One DAQ series in n columns, from raw rows; between rows a straight line. */
export function rawColumns(excerpt, column, from, to, n) {
  const out = emptyColumns(n);
  const { t } = excerpt;
  const v = excerpt.values[column];
  const step = (to - from) / n;
  let i = lastAtOrBefore(t, from);
  for (let c = 0; c < n; c++) {
    const end = from + (c + 1) * step;
    let min = Infinity;
    let max = -Infinity;
    let sum = 0;
    let rows = 0;
    while (i + 1 < t.length && t[i + 1] < end) {
      i++;
      min = Math.min(min, v[i]);
      max = Math.max(max, v[i]);
      sum += v[i];
      rows++;
    }
    if (rows > 0) put(out, c, min, sum / rows, max);
    else if (i >= 0 && i + 1 < t.length) {
      const x = (end - step / 2 - t[i]) / (t[i + 1] - t[i]);
      const at = v[i] + x * (v[i + 1] - v[i]);
      put(out, c, at, at, at);
    }
  }
  return out;
}

/** One telemetry channel in n columns, as last read: reads inside a column give its extremes. */
export function channelColumns(channel, from, to, n) {
  const out = emptyColumns(n);
  const step = (to - from) / n;
  let i = lastAtOrBefore(channel.t, from);
  for (let c = 0; c < n; c++) {
    const start = from + c * step;
    const end = start + step;
    const stands = i >= 0 && start - channel.t[i] <= channel.hold && i + 1 < channel.t.length;
    const held = stands ? channel.value[i] : NaN;
    let [min, max, last] = held === held ? [held, held, held] : [Infinity, -Infinity, NaN];
    while (i + 1 < channel.t.length && channel.t[i + 1] < end) {
      i++;
      const v = channel.value[i];
      if (!(v === v)) continue;
      min = Math.min(min, channel.lo ? channel.lo[i] : v);
      max = Math.max(max, channel.hi ? channel.hi[i] : v);
      last = v;
    }
    if (min <= max) put(out, c, min, last === last ? last : min, max);
  }
  return out;
}

function emptyColumns(n) {
  const nulls = () => new Array(n).fill(null);
  return { min: nulls(), mean: nulls(), max: nulls() };
}

function put(out, c, min, mean, max) {
  out.min[c] = min;
  out.mean[c] = mean;
  out.max[c] = max;
}
