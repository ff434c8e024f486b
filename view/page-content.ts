// Enters: the report's model. Leaves: what its script needs, arrays packed.

import { valueAt } from "../stats/places.ts";
import { zip } from "../stats/zip.ts";
import type { BucketSeries } from "./bucket-series.ts";
import { packBytes, packDoubles, packFloats } from "./pack.ts";
import type { PageChannel, PageData, PageExcerpt, PageSeries, PageTrace } from "./page-data.ts";
import { isSimulated, type ReportModel } from "./report-model.ts";
import { type Channel, slopeOf } from "./telemetry.ts";
import type { SeriesInfo, Trace } from "./trace.ts";
import { leastOf, mostOf } from "../stats/summary.ts";

const MAX_MARKS = 1000; // gaps and edges drawn one by one; their counts are in the text

export function pageData(m: ReportModel): PageData {
  const w = m.headline;
  return {
    source: m.source,
    simulated: isSimulated(m.source),
    spanNs: spanOf(m),
    trace: m.trace && traceData(m.trace),
    channels: m.channels.flatMap(withSlope).map(channelData),
    windows: m.windows.list,
    gapsNs: m.trace?.notices.gapsNs.slice(0, MAX_MARKS) ?? [],
    edgesNs: m.trace?.notices.edgesNs.slice(0, MAX_MARKS) ?? [],
    headline: w && { name: w.name, kind: w.kind ?? "mark", t0Ns: w.t0_ns, t1Ns: w.t1_ns },
  };
}

function spanOf(m: ReportModel): [number, number] {
  const b = m.trace?.buckets;
  const ends = m.channels.flatMap((c) => [c.tNs[0] ?? NaN, c.tNs[c.tNs.length - 1] ?? NaN]);
  if (b) ends.push(b.startNs, b.last.tNs);
  // A window may lie partly where nothing was sampled: that must be seen, so it belongs to the picture.
  for (const w of m.windows.list) ends.push(w.t0Ns, w.t1Ns);
  const known = ends.filter(Number.isFinite);
  return known.length ? [leastOf(known), mostOf(known)] : [0, 0];
}

function traceData(t: Trace): PageTrace {
  const b = t.buckets;
  const energyJ = b.energyJ.slice(0, b.used + 1);
  return {
    startNs: b.startNs,
    widthNs: b.widthNs,
    used: b.used,
    rowPeriodNs: t.rowPeriodNs,
    series: Array.from(zip(t.series, b.series), ([info, s]) => seriesData(info, s, energyJ)),
    activeS: packFloats(Float32Array.from(valueAt(b.series, 0).activeS.subarray(0, b.used))),
    flags: packBytes(b.flags.slice(0, b.used)),
    energyJ: packDoubles(energyJ),
    excerpts: t.excerpts.filter((e) => e.rows > 1).map(excerptData),
  };
}

/**
 * The total's mean comes from the running energy, so that plot, markers and tables agree.
 * @param energyJ at the start of each bucket, and at the end of the last
 */
function seriesData(info: SeriesInfo, s: BucketSeries, energyJ: Float64Array): PageSeries {
  const { name, role, unit } = info;
  const used = energyJ.length - 1;
  const growth = energyJ.subarray(1).map((j, k) => j - valueAt(energyJ, k));
  const integral = role === "total" ? growth : s.integral;
  return {
    name,
    role,
    unit,
    min: packFloats(finite(s, s.min.slice(0, used))),
    max: packFloats(finite(s, s.max.slice(0, used))),
    mean: packFloats(
      Float32Array.from(
        s.activeS.subarray(0, used),
        (activeS, k) => valueAt(integral, k) / activeS,
      ),
    ),
  };
}

/** Empty buckets hold ±Infinity while counting; on the page they are NaN. */
function finite(s: BucketSeries, values: Float32Array): Float32Array {
  return values.map((v, k) => (s.has(k) ? v : NaN));
}

function excerptData(e: Trace["excerpts"][number]): PageExcerpt {
  return {
    tNs: packDoubles(e.tNs.slice(0, e.rows)),
    values: e.values.map((v) => packFloats(v.slice(0, e.rows))),
  };
}

/** An energy counter is also shown as power, beside the powers it competes with. */
function withSlope(c: Channel): Channel[] {
  return c.unit === "J" && !c.lo ? [c, slopeOf(c)] : [c];
}

function channelData(c: Channel): PageChannel {
  const { name, unit, reads, failed, failedNs } = c;
  return {
    name,
    unit,
    reads,
    failed,
    failedNs,
    tNs: packDoubles(c.tNs),
    value: packFloats(c.value),
    ...(c.lo && c.hi ? { lo: packFloats(c.lo), hi: packFloats(c.hi) } : {}),
  };
}
