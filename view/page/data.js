// Enters: the embedded document (view/page-data.ts). Leaves: typed arrays and pure answers about them:
// columns to draw, energy between two instants. No DOM here; node tests it as it stands.

/** @param {{kind: string, base64: string}} packed */
export function unpack(packed) {
  const text = atob(packed.base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  if (packed.kind === "u8") return bytes;
  return packed.kind === "f32" ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer);
}

/** The document with its arrays unpacked; all times in seconds from session start. */
export function loadDocument(doc) {
  const trace = doc.trace && loadTrace(doc.trace);
  return {
    source: doc.source,
    simulated: doc.simulated,
    span: doc.spanNs.map((t) => t * 1e-9),
    trace,
    channels: doc.channels.map(loadChannel),
    windows: doc.windows.map((w) => ({ ...w, t0: w.t0Ns * 1e-9, t1: w.t1Ns * 1e-9 })),
    gaps: doc.gapsNs.map((gap) => gap.map((t) => t * 1e-9)),
    edges: doc.edgesNs.map((t) => t * 1e-9),
    headline: doc.headline && { t0: doc.headline.t0Ns * 1e-9, t1: doc.headline.t1Ns * 1e-9 },
  };
}

function loadTrace(t) {
  const activeS = unpack(t.activeS);
  const series = t.series.map((s) => {
    const mean = unpack(s.mean);
    return { ...s, min: unpack(s.min), max: unpack(s.max), mean, energy: prefixOf(mean, activeS) };
  });
  return {
    start: t.startNs * 1e-9,
    width: t.widthNs * 1e-9,
    used: t.used,
    rowPeriod: t.rowPeriodNs * 1e-9,
    series,
    activeS,
    active: prefixOf(activeS, null),
    flags: unpack(t.flags),
    energyJ: unpack(t.energyJ),
    excerpts: t.excerpts.map((e) => ({
      t: unpack(e.tNs).map((ns) => ns * 1e-9),
      values: e.values.map(unpack),
    })),
  };
}

function loadChannel(c) {
  const t = unpack(c.tNs).map((ns) => ns * 1e-9);
  const value = unpack(c.value);
  const failed = c.failedNs.map((ns) => ns * 1e-9);
  const channel = { ...c, t, value, failed, lo: c.lo && unpack(c.lo), hi: c.hi && unpack(c.hi) };
  return { ...channel, hold: holdOf(channel) };
}

/** How long a read stands before its silence counts as a gap: 5 median periods; a slope stands until the next. */
function holdOf(channel) {
  if (channel.lo || channel.name.endsWith("(slope)")) return Infinity;
  const steps = [...channel.t.subarray(1)].map((t, i) => t - channel.t[i]).sort((a, b) => a - b);
  return 5 * (steps[steps.length >> 1] ?? Infinity);
}

/** Running sum of `values` (times `weights`), one longer than `values`; NaN adds nothing. */
function prefixOf(values, weights) {
  const prefix = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const x = weights ? values[i] * weights[i] : values[i];
    prefix[i + 1] = prefix[i] + (x === x ? x : 0);
  }
  return prefix;
}

/** Where instant t lies: bucket and fraction, clamped to the trace. */
function placeOf(trace, t) {
  const x = Math.min(trace.used, Math.max(0, (t - trace.start) / trace.width));
  const bucket = Math.min(trace.used - 1, Math.floor(x));
  return { bucket, fraction: x - bucket };
}

function lerpPrefix(prefix, { bucket, fraction }) {
  return prefix[bucket] + fraction * (prefix[bucket + 1] - prefix[bucket]);
}

/**
 * How far the energy up to an instant inside a bucket can lie from the straight line, J: what is known is the
 * bucket's energy E, its extremes and those of its neighbours (m, M) and how long it was observed (A of w s).
 */
function slackAt(trace, place) {
  const { bucket: k, fraction } = place;
  if (fraction === 0 || fraction === 1) return 0;
  const total = trace.series[0];
  let m = Infinity;
  let M = -Infinity;
  for (let i = Math.max(0, k - 1); i <= Math.min(trace.used - 1, k + 1); i++) {
    if (total.min[i] < m) m = total.min[i];
    if (total.max[i] > M) M = total.max[i];
  }
  const A = trace.activeS[k];
  if (!(m <= M) || A === 0) return 0;
  const E = trace.energyJ[k + 1] - trace.energyJ[k];
  // Observed time before the instant: all of it without gaps, anything possible with them.
  const before = [
    Math.max(0, A - (1 - fraction) * trace.width),
    Math.min(A, fraction * trace.width),
  ];
  const lower = Math.max(
    least(before, m),
    least(
      before.map((a) => A - a),
      -M,
    ) + E,
  );
  const upper = Math.min(
    -least(before, -M),
    E -
      least(
        before.map((a) => A - a),
        m,
      ),
  );
  const line = fraction * E;
  return Math.max(0, line - lower, upper - line);
}

function least(durations, rate) {
  return Math.min(...durations.map((d) => d * rate));
}

/**
 * Energy and mean of the total between two instants, from the running energy of the trace: exact at bucket
 * ends, a straight line inside. `slackJ` bounds what the line can be off at both ends together.
 */
export function energyBetween(trace, a, b) {
  const [from, to] = [placeOf(trace, Math.min(a, b)), placeOf(trace, Math.max(a, b))];
  const energyJ = lerpPrefix(trace.energyJ, to) - lerpPrefix(trace.energyJ, from);
  const observedS = lerpPrefix(trace.active, to) - lerpPrefix(trace.active, from);
  return {
    energyJ,
    slackJ: slackAt(trace, from) + slackAt(trace, to),
    observedS,
    meanW: energyJ / observedS,
  };
}

/** Mean, extremes and integral of one series; extremes are those of every bucket touched. */
export function seriesBetween(trace, index, a, b) {
  const s = trace.series[index];
  const [from, to] = [placeOf(trace, Math.min(a, b)), placeOf(trace, Math.max(a, b))];
  const integral = lerpPrefix(s.energy, to) - lerpPrefix(s.energy, from);
  const observedS = lerpPrefix(trace.active, to) - lerpPrefix(trace.active, from);
  const range = extremes(s, from.bucket, to.fraction > 0 ? to.bucket : to.bucket - 1);
  return { integral, mean: integral / observedS, ...range };
}

function extremes(s, from, to) {
  let min = Infinity;
  let max = -Infinity;
  for (let k = from; k <= Math.max(from, to); k++) {
    if (s.min[k] < min) min = s.min[k];
    if (s.max[k] > max) max = s.max[k];
  }
  return min <= max ? { min, max } : { min: NaN, max: NaN };
}

/** Index of the last element ≤ x, −1 before the first. */
export function lastAtOrBefore(sorted, x) {
  let lo = 0;
  let hi = sorted.length;
  while (lo < hi) {
    const mid = (lo + hi) >>> 1;
    if (sorted[mid] <= x) lo = mid + 1;
    else hi = mid;
  }
  return lo - 1;
}

/** A channel as last read: its mean over the time it stood, extremes, reads inside, growth of a counter. */
export function channelBetween(channel, a, b) {
  const [from, to] = a < b ? [a, b] : [b, a];
  const first = Math.max(0, lastAtOrBefore(channel.t, from));
  let stood = 0;
  let sum = 0;
  let min = Infinity;
  let max = -Infinity;
  let reads = 0;
  for (let i = first; i < channel.t.length && channel.t[i] < to; i++) {
    const v = channel.value[i];
    if (channel.t[i] >= from) reads++;
    const end = Math.min(channel.t[i + 1] ?? channel.t[i], channel.t[i] + channel.hold, to);
    const dt = end - Math.max(from, channel.t[i]);
    if (!(v === v) || dt <= 0) continue;
    stood += dt;
    sum += v * dt;
    min = Math.min(min, channel.lo ? channel.lo[i] : v);
    max = Math.max(max, channel.hi ? channel.hi[i] : v);
  }
  const growth = valueAt(channel, to) - valueAt(channel, from);
  return {
    mean: sum / stood,
    min: stood ? min : NaN,
    max: stood ? max : NaN,
    reads,
    stood,
    growth,
  };
}

export function valueAt(channel, t) {
  const i = lastAtOrBefore(channel.t, t);
  return i < 0 || t - channel.t[i] > channel.hold ? NaN : channel.value[i];
}
