// The session's clocks → align.json: every model with what it rests on, frozen with the files beside it.

import {
  type ClockBounds,
  type ClockModel,
  offsetNs,
  ratePpm,
  tickHz,
} from "../../align/clocks/clock.ts";
import type { KernelTimes } from "../../align/clocks/cuda-times.ts";
import {
  type GpuClock,
  gpuToSession,
  RATE_CHANGE,
  segmentFigures,
} from "../../align/clocks/gpu-clock.ts";
import type { ClockSegment } from "../../align/clocks/segments.ts";
import type { Comparison } from "../../energy/result.ts";
import type {
  AlignDocument,
  AlignedClock,
  AlignedGpu,
  ErrorBound,
} from "../../schema/documents/align.ts";
import { about, textsOf } from "../../schema/findings.ts";
import { valueAt } from "../../stats/places.ts";
import { disciplinesToJson } from "./discipline-json.ts";

/** Residuals kept in the file; evenly thinned beyond. */
const MAX_RESIDUALS = 5000;

export function alignToJson({ scan, clocks, lags }: Comparison): AlignDocument {
  const segments = clocks.daq?.segments ?? [];
  return {
    schema: "align/1",
    source: scan.session.source,
    session: {
      host_clock: scan.session.hostClock,
      start_unix_ns: scan.session.startUnix?.toString() ?? null,
      assumed_zone: scan.session.assumedZone ?? null,
    },
    edges: clocks.edgesNs.length,
    incomplete: clocks.incomplete.size > 0,
    clocks: [
      ...segments.map((s, k) => ({ ...modelJson(s.model), ...segmentJson(s, k, segments.length) })),
      ...[...clocks.named.values()].map(modelJson),
    ],
    lags: lags.map((l) => ({
      channel: l.channel,
      lag_ms: l.lagNs / 1e6,
      correlation: l.correlation,
    })),
    ...(scan.disciplines.length > 0 ? { disciplines: disciplinesToJson(scan.disciplines) } : {}),
    ...(clocks.kernels ? gpuJson(clocks.kernels) : {}),
  };
}

/**
 * Bounds, not estimates: at `gpu_ns` from the epoch the session clock says gpu_ns + offset, offset between
 * the two; away from it the bounds spread with the rate's and with rate_change.
 */
function gpuJson(k: KernelTimes): Pick<AlignDocument, "gpu" | "cupti"> {
  const cupti = k.cupti.map((e) => ({
    clock: e.name,
    bursts_contradictory: e.contradictions,
    bursts: boundsOf(e),
  }));
  return { gpu: k.clocks.map(gpuClockJson), cupti };
}

const gpuClockJson = (c: GpuClock): AlignedGpu => ({
  clock: c.clock,
  method: "interval",
  epoch_ns: c.epoch.toString(),
  step_ns: c.stepNs,
  rate_change_per_s: RATE_CHANGE,
  exchanges_used: c.exchanges,
  bursts_contradictory: c.contradictions,
  segments: thinned(c.segments).map((s) => {
    const { offsetNs: offset, rate } = segmentFigures(s);
    return {
      t_ns: Math.round(gpuToSession(c, s.centreNs)[0]),
      gpu_ns: s.centreNs,
      offset_ns: [offset[0], offset[1] + c.stepNs],
      rate_ppm: [rate[0] * 1e6, rate[1] * 1e6],
      exchanges: s.exchanges,
      alone: s.alone,
    };
  }),
});

const boundsOf = ({ atNs, loNs, hiNs }: ClockBounds): ErrorBound[] =>
  Array.from(atNs, (t, i) => ({
    t_ns: Math.round(t),
    error_ns: [valueAt(loNs, i), valueAt(hiNs, i)],
  }));

function thinned<T>(list: readonly T[]): T[] {
  const stride = Math.max(1, Math.ceil(list.length / MAX_RESIDUALS));
  return list.filter((_, i) => i % stride === 0);
}

/** Which part of the stream a model holds for, where the device restarted. */
const segmentJson = (s: ClockSegment, k: number, count: number): Partial<AlignedClock> =>
  count === 1
    ? {}
    : {
        segment: k + 1,
        from_device: s.fromDevice,
        to_device: s.toDevice,
        t0_ns: Math.round(s.fromNs),
        t1_ns: Math.round(s.toNs),
      };

function modelJson(m: ClockModel): AlignedClock {
  const offset = offsetNs(m);
  return {
    clock: m.clock,
    method: m.method,
    nominal_hz: m.nominalHz,
    tick_hz: tickHz(m),
    rate_ppm: ratePpm(m),
    u_rate_ppm: m.uRate * 1e6,
    rate_from_edges: m.rateFromEdges,
    offset_ns: offset,
    u_offset_ns: m.uOffsetNs,
    interval_ns: [offset - 2 * m.uOffsetNs, offset + 2 * m.uOffsetNs],
    start_delay_ns: m.startDelayNs,
    /** session_ns = ref_ns + (device − ref_device) · ns_per_unit */
    ref_device: m.refDevice,
    ref_ns: m.refNs,
    ns_per_unit: m.nsPerUnit,
    wander: m.wander && { device: [...m.wander.device], ns: [...m.wander.ns] },
    /** True session time less the model's lies between the two, whatever lies inside the brackets of the edges. */
    bounds: m.bounds && thinned(boundsOf(m.bounds)),
    residual_rms_ns: m.residualRmsNs,
    edges_used: m.edgesUsed,
    edges_missing: m.edgesMissing,
    edges_extra: m.edgesExtra,
    residuals: thinned(m.residuals).map((r) => ({
      t_ns: Math.round(r.tNs),
      residual_ns: r.residualNs,
    })),
    warnings: textsOf(m.findings),
    findings: m.findings.map((o) => about(m.clock, o)),
  };
}
