// Evidence → the DAQ's clock, a model for each segment. The best at hand decides (`methods/`): trigger edges that
// the host raised itself, else exchanges of four stamps, else load marks against the power trace, else arrival
// times, else the host's stamp and the rig's declared rate alone.

import { type Observation, observed } from "../../schema/findings.ts";
import { endsOf, valueAt } from "../../stats/places.ts";
import { upperMedian } from "../../stats/summary.ts";
import type { TracedScan } from "../scanned.ts";
import { type ClockModel, type ClockPrior, fixedModel, tickHz, toSessionNs } from "./clock.ts";
import { type Evidence, evidenceOf, leastDelayNs, withDelay } from "./daq-evidence.ts";
import { arrival } from "./methods/arrival.ts";
import { exchange } from "./methods/exchange.ts";
import { loadEdges } from "./methods/load-edges.ts";
import type { ClockMethod, Look } from "./methods/method.ts";
import { syncEdges } from "./methods/sync-edges.ts";
import { type DaqClock, segmentFrom, steadyClock } from "./segments.ts";

/**
 * Segments share a crystal. What a rig declares of its rate is mostly from part to part; from one segment to the
 * next only its temperature and supply differ, by a tenth of that (crystals: 30 to 100 ppm cut, 3 to 10 in a room).
 */
const SHARE_OF_TOLERANCE = 0.1;

/** The clock of each of the stream's segments. */
export function fitDaq(scan: TracedScan): DaqClock {
  const { stream } = scan;
  const evidence = evidenceOf(scan);
  const [{ clock, prior }] = endsOf(evidence);
  if (prior.uRel === 0 && prior.startUNs === 0)
    return steadyClock(fixedModel(clock, prior), stream.firstDevice, stream.lastDevice);
  const broken = evidence.length > 1;
  const alone = evidence.map((e) => ({ e, model: fitSegment(scan, e, broken) }));
  const fitted = broken ? withShared(scan, alone) : alone;
  return {
    clock,
    segments: stream.segments.map(({ firstDevice, lastDevice }, k) => {
      const { e, model } = valueAt(fitted, k);
      return segmentFrom(onStream(model, e), firstDevice, lastDevice);
    }),
  };
}

/** A segment's evidence and what it came to. */
interface Fitted {
  readonly e: Evidence;
  readonly model: ClockModel;
}

/**
 * What one segment knows better than another: the crystal's rate, and how long blocks take to the host, which
 * edges or exchanges tell and arrivals alone do not.
 */
function withShared(scan: TracedScan, alone: readonly Fitted[]): Fitted[] {
  const best = alone.map(({ model }) => model).reduce((a, b) => (b.uRate < a.uRate ? b : a));
  const hz = tickHz(best);
  const delays = alone.flatMap(({ e, model }) => (isTied(model) ? [leastDelayNs(e, model)] : []));
  const delayNs = upperMedian(delays.filter(Number.isFinite));
  return alone.map((own) => {
    const { e, model } = own;
    const { prior } = e;
    const uRel = Math.min(prior.uRel, Math.hypot(best.uRate, SHARE_OF_TOLERANCE * prior.uRel));
    const late = delayNs !== undefined && !isTied(model);
    if (model.uRate <= uRel && !late) return own;
    const shared = { ...e, prior: { ...prior, hz, uRel } };
    const again = fitSegment(scan, late ? withDelay(shared, delayNs) : shared, true);
    // Where its own evidence contradicts the others', it is no longer the same clock.
    return again.findings.length > model.findings.length
      ? own
      : { e, model: { ...again, nominalHz: model.nominalHz } };
  });
}

const isTied = ({ method }: ClockModel): boolean =>
  method === syncEdges.name || method === exchange.name;

/** Counted from the stream's first row again. */
function onStream(m: ClockModel, { originDevice }: Evidence): ClockModel {
  if (originDevice === 0) return m;
  const wander = m.wander && { ...m.wander, device: m.wander.device.map((d) => d + originDevice) };
  // Only the stream's start has a stamp that says when it should have begun.
  return { ...m, refDevice: m.refDevice + originDevice, wander, startDelayNs: null };
}

/** The best evidence first; without any, the host's stamp and the rig's rate. */
const METHODS: readonly ClockMethod[] = [syncEdges, exchange, loadEdges, arrival];
/** Those that need no pairing: they say where to look for the edges that then fix the clock. */
const COARSE: readonly ClockMethod[] = [exchange, arrival];

/** @param broken one of several segments. */
function fitSegment(scan: TracedScan, evidence: Evidence, broken: boolean): ClockModel {
  const refused: Observation[] = [];
  const refuse = (why: Observation): void => void refused.push(why);
  const far: Look = { scan, evidence, near: undefined, broken };
  const coarse = firstFit(COARSE, far, refuse);
  const near = coarse && { ...evidence, prior: narrowed(evidence.prior, coarse) };
  const model =
    firstFit(METHODS, { ...far, near }, refuse) ??
    fixedModel(evidence.clock, evidence.prior, [BY_STAMP]);
  if (model.method === syncEdges.name) return model;
  if (refused.length === 0 && unmatched(scan, evidence))
    refused.push(broken ? UNCERTAIN : UNMATCHED);
  return { ...model, findings: [...model.findings, ...refused] };
}

function firstFit(
  methods: readonly ClockMethod[],
  look: Look,
  refuse: (why: Observation) => void,
): ClockModel | undefined {
  for (const m of methods) {
    const model = m.fit(look, refuse);
    if (model) return model;
  }
  return undefined;
}

const BY_STAMP = observed(
  "clock-by-stamp",
  "no edge ties the DAQ's clock to the host's: its offset rests on the host's stamp alone",
);

const UNMATCHED = observed(
  "edges-unmatched",
  "trigger edges and sync marks are both there, but no offset brings them together: the line or the rig's stream_start is wrong",
);
const UNCERTAIN = observed(
  "edges-uncertain",
  "its trigger edges fit the sync marks at no offset, or at several: they are left out",
);

const unmatched = (scan: TracedScan, e: Evidence): boolean =>
  scan.syncMarks.length > 1 && e.edges.length > 1;

/** The rig's rate, and a start known as well as the coarse model knows it. */
function narrowed(prior: ClockPrior, coarse: ClockModel): ClockPrior {
  return { ...prior, startNs: toSessionNs(coarse, 0), startUNs: 3 * coarse.uOffsetNs + 1e6 };
}
