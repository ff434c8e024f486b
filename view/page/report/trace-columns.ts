// Enters: a series of the trace, a view in pixel columns. Leaves: its columns, from raw rows where an excerpt covers
// the whole view, from buckets elsewhere. Pure.

import { at, lastAtOrBefore } from "../arrays.ts";
import { type Columns, emptyColumns, put, type Raster } from "../columns.ts";
import type { Excerpt, Trace, TraceSeries } from "./document.ts";

/** The excerpt of raw rows that covers the whole view, if one does. */
export function excerptFor(trace: Trace, from: number, to: number): Excerpt | null {
  const covers = ({ t }: Excerpt): boolean =>
    t.length > 1 && at(t, 0) <= from && at(t, t.length - 1) >= to;
  return trace.excerpts.find(covers) ?? null;
}

export function traceColumns(trace: Trace, index: number, raster: Raster): Columns {
  const rows = excerptFor(trace, raster.from, raster.to);
  const values = rows?.values[index];
  if (rows && values) return rawColumns(rows.t, values, raster);
  const series = trace.series[index];
  return series ? bucketColumns(trace, series, raster) : emptyColumns(raster.n);
}

export function bucketColumns(trace: Trace, s: TraceSeries, { from, to, n }: Raster): Columns {
  const out = emptyColumns(n);
  const step = (to - from) / n;
  for (let c = 0; c < n; c++) {
    const x0 = (from + c * step - trace.start) / trace.width;
    const x1 = (from + (c + 1) * step - trace.start) / trace.width;
    if (x1 <= 0 || x0 >= trace.used) continue;
    const k0 = Math.max(0, Math.floor(x0));
    const k1 = Math.min(trace.used, Math.max(k0 + 1, Math.ceil(x1)));
    let [min, max, sum, weight] = [Infinity, -Infinity, 0, 0];
    for (let k = k0; k < k1; k++) {
      const [low, mean, high] = [at(s.min, k), at(s.mean, k), at(s.max, k)];
      if (low < min) min = low;
      if (high > max) max = high;
      const w = at(trace.activeS, k) * (Math.min(x1, k + 1) - Math.max(x0, k));
      if (!(w > 0) || !(mean === mean)) continue;
      sum += mean * w;
      weight += w;
    }
    if (min <= max) put(out, c, [min, weight > 0 ? sum / weight : (min + max) / 2, max]);
  }
  return out;
}

/** From raw rows; between rows a straight line. */
export function rawColumns(
  t: Float64Array,
  values: Float32Array,
  { from, to, n }: Raster,
): Columns {
  const out = emptyColumns(n);
  const step = (to - from) / n;
  let i = lastAtOrBefore(t, from);
  for (let c = 0; c < n; c++) {
    const end = from + (c + 1) * step;
    let [min, max, sum, rows] = [Infinity, -Infinity, 0, 0];
    while (i + 1 < t.length && at(t, i + 1) < end) {
      const v = at(values, ++i);
      min = Math.min(min, v);
      max = Math.max(max, v);
      sum += v;
      rows++;
    }
    if (rows > 0) put(out, c, [min, sum / rows, max]);
    else if (i >= 0 && i + 1 < t.length) {
      const x = (end - step / 2 - at(t, i)) / (at(t, i + 1) - at(t, i));
      const between = at(values, i) + x * (at(values, i + 1) - at(values, i));
      put(out, c, [between, between, between]);
    }
  }
  return out;
}
