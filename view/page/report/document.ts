// Enters: the embedded document (view/page-data.ts). Leaves: the run as the page has it: typed arrays, running sums,
// times in seconds from session start. No DOM here; node tests it as it stands.

import type {
  Packed,
  PageChannel,
  PageData,
  PageSeries,
  PageTrace,
  PageWindow,
} from "../../page-data.ts";
import { upperMedian } from "../../../stats/summary.ts";
import { at } from "../arrays.ts";
import type { Reads, Span } from "../columns.ts";

export interface Run {
  readonly simulated: boolean;
  readonly span: Span;
  readonly trace: Trace | null;
  readonly channels: readonly Channel[];
  readonly windows: readonly RunWindow[];
  readonly gaps: readonly Span[];
  readonly edges: readonly number[];
  /** Where the markers stand at first. */
  readonly headline: Span | null;
}

/** The whole run in buckets of `width` seconds. */
export interface Trace {
  readonly start: number;
  readonly width: number;
  readonly used: number;
  readonly rowPeriod: number;
  /** The total stands first. */
  readonly series: readonly TraceSeries[];
  /** Seconds of each bucket that were observed; `active` its running sum. */
  readonly activeS: Float32Array;
  readonly active: Float64Array;
  /** Running energy of the total at bucket starts, J; one more than buckets. */
  readonly energyJ: Float64Array;
  readonly excerpts: readonly Excerpt[];
}

/** NaN in an empty bucket. */
export interface TraceSeries {
  readonly name: string;
  readonly role: "total" | "rail";
  readonly unit: string;
  readonly min: Float32Array;
  readonly max: Float32Array;
  readonly mean: Float32Array;
  /** Running integral of the mean over observed seconds. */
  readonly integral: Float64Array;
}

/** Raw rows; `values[i]` belongs to `series[i]`. */
export interface Excerpt {
  readonly t: Float64Array;
  readonly values: readonly Float32Array[];
}

export interface Channel extends Reads {
  readonly name: string;
  readonly unit: string;
}

export interface RunWindow extends PageWindow {
  readonly t0: number;
  readonly t1: number;
}

const seconds = (ns: number): number => ns * 1e-9;
const spanOf = ([from, to]: readonly [number, number]): Span => [seconds(from), seconds(to)];

export function loadDocument(doc: PageData): Run {
  const { headline } = doc;
  return {
    simulated: doc.simulated,
    span: spanOf(doc.spanNs),
    trace: doc.trace && loadTrace(doc.trace),
    channels: doc.channels.map(loadChannel),
    windows: doc.windows.map((w) => ({ ...w, t0: seconds(w.t0Ns), t1: seconds(w.t1Ns) })),
    gaps: doc.gapsNs.map(spanOf),
    edges: doc.edgesNs.map(seconds),
    headline: headline && spanOf([headline.t0Ns, headline.t1Ns]),
  };
}

function bytesOf({ base64 }: Packed<"f32" | "f64" | "u8">): ArrayBuffer {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes.buffer;
}

const floats = (packed: Packed<"f32">): Float32Array => new Float32Array(bytesOf(packed));
const doubles = (packed: Packed<"f64">): Float64Array => new Float64Array(bytesOf(packed));

function loadTrace(t: PageTrace): Trace {
  const activeS = floats(t.activeS);
  return {
    start: seconds(t.startNs),
    width: seconds(t.widthNs),
    used: t.used,
    rowPeriod: seconds(t.rowPeriodNs),
    series: t.series.map((s) => loadSeries(s, activeS)),
    activeS,
    active: runningSum(activeS),
    energyJ: doubles(t.energyJ),
    excerpts: t.excerpts.map((e) => ({
      t: doubles(e.tNs).map(seconds),
      values: e.values.map(floats),
    })),
  };
}

function loadSeries({ name, role, unit, ...s }: PageSeries, activeS: Float32Array): TraceSeries {
  const mean = floats(s.mean);
  const integral = runningSum(mean, activeS);
  return { name, role, unit, min: floats(s.min), max: floats(s.max), mean, integral };
}

function loadChannel(c: PageChannel): Channel {
  const t = doubles(c.tNs).map(seconds);
  const [lo, hi] = [c.lo ? floats(c.lo) : null, c.hi ? floats(c.hi) : null];
  const standsUntilNext = lo !== null || c.name.endsWith("(slope)");
  return {
    name: c.name,
    unit: c.unit,
    t,
    value: floats(c.value),
    lo,
    hi,
    hold: standsUntilNext ? Infinity : 5 * medianStep(t),
    failed: c.failedNs.map(seconds),
  };
}

function medianStep(t: Float64Array): number {
  return upperMedian(t.subarray(1).map((after, i) => after - at(t, i))) ?? Infinity;
}

/** Of `values` times `weights`, one longer than `values`; NaN adds nothing. */
function runningSum(values: Float32Array, weights?: Float32Array): Float64Array {
  const sums = new Float64Array(values.length + 1);
  let sum = 0;
  values.forEach((v, i) => {
    const x = weights ? v * at(weights, i) : v;
    sum += x === x ? x : 0;
    sums[i + 1] = sum;
  });
  return sums;
}
