// Trigger edges with a known truth: the pattern of the edge worker on a host that is interrupted now and then,
// seen by a DAQ whose clock drifts and whose line loses, adds and bounces edges. In: a seed. Out: what host and
// DAQ know, and which belongs to which. For the tests of the matching and `truejoule bench edges`.

import { debounced, WIDEST_BRACKET_NS } from "../../align/clocks/methods/sync-edges.ts";
import { type EdgeList, type Match, matchEdges } from "../../align/clocks/match.ts";
import { syncPattern } from "../../gpio/sync-pattern.ts";
import { append } from "../../schema/lists.ts";
import { type Random, random } from "../../stats/random.ts";
import { endsOf, valueAt } from "../../stats/places.ts";

const US = 1e3;
const MS = 1e6;

/** As the host and the DAQ of a trial are. */
export interface EdgeBench {
  readonly rowHz: number;
  /** What the DAQ's edges are rounded to, rows: 1 where the line is sampled with the rows. */
  readonly resolutionRows: number;
  readonly pulses: number;
  /** The call that drives the line: least time and the mean of what comes on top, ns. */
  readonly callNs: readonly [least: number, mean: number];
  /** Share of calls that are interrupted for a millisecond or so in the middle. */
  readonly interrupted: number;
  /** Chance of each edge to be lost, to bounce, and to be followed by a stray pulse. */
  readonly lost: number;
  readonly bounce: number;
  readonly stray: number;
}

export const FAULTY: EdgeBench = {
  rowHz: 1e5,
  resolutionRows: 0.1,
  pulses: 40,
  callNs: [1 * US, 1 * US],
  interrupted: 0.01,
  lost: 0.05,
  bounce: 0.03,
  stray: 0.05,
};

export interface EdgeTrial {
  readonly reference: EdgeList & { readonly halfNs: Float64Array };
  readonly device: EdgeList;
  /** Reference edge that each device edge is; −1 for bounces and strays. */
  readonly of: readonly number[];
  /** Edges that came in bunches and are not in `device`. */
  readonly bunched: number;
  /** True session ns of the device's fractional row. */
  readonly host: (row: number) => number;
}

/** An edge as the device has it. */
interface Seen {
  readonly row: number;
  readonly p: 1 | -1;
  /** Place of the reference edge that it is; −1 of none. */
  readonly of: number;
}

export function edgeTrial(seed: number, b: EdgeBench): EdgeTrial {
  const r = random(seed, "edges");
  const clock = drifting(r, b.rowHz);
  const next = syncPattern();
  for (let skip = r.integer(1000); skip > 0; skip--) next();
  const reference: { t: number; half: number; p: 1 | -1 }[] = [];
  const seen: Seen[] = [];
  let at = 50 * MS;
  const edge = (p: 1 | -1): void => {
    const took = b.callNs[0] + r.exponential(b.callNs[1]);
    const late = r.uniform() < b.interrupted ? r.exponential(0.3 * MS) : 0;
    const truth = at + (took + late) * r.uniform();
    const half = (took + late) / 2;
    const known = half < WIDEST_BRACKET_NS; // align leaves the others out
    if (known) reference.push({ t: at + half, half, p });
    at += took + late;
    if (r.uniform() >= b.lost)
      seen.push({ row: clock.row(truth), p, of: known ? reference.length - 1 : -1 });
    if (r.uniform() < b.bounce)
      append(seen, wobble(clock.row, truth + 20 * US + r.exponential(20 * US), p, r));
    if (r.uniform() < b.stray) append(seen, wobble(clock.row, at + 40 * MS * r.uniform(), p, r));
  };
  for (let i = 0; i < b.pulses; i++) {
    edge(1);
    at += MS;
    edge(-1);
    at += (next() - 1) * MS;
  }
  const rows = seen
    .map((s) => ({
      ...s,
      row: Math.ceil(s.row / b.resolutionRows) * b.resolutionRows - b.resolutionRows / 2,
    }))
    .map((s) => ({ ...s, device: s.row }));
  const kept = debounced(rows, b.rowHz);
  return {
    reference: {
      t: Float64Array.from(reference, (e) => e.t),
      polarity: Int8Array.from(reference, (e) => e.p),
      halfNs: Float64Array.from(reference, (e) => e.half),
    },
    device: {
      t: Float64Array.from(kept, (e) => e.row),
      polarity: Int8Array.from(kept, (e) => e.p),
    },
    of: kept.map((e) => e.of),
    bunched: rows.length - kept.length,
    host: clock.host,
  };
}

/** Away and back again: two edges that are nobody's. */
function wobble(row: (ns: number) => number, ns: number, p: 1 | -1, r: Random): Seen[] {
  return [
    { row: row(ns), p: -p as 1 | -1, of: -1 },
    { row: row(ns + 10 * US + r.exponential(20 * US)), p, of: -1 },
  ];
}

/** Up to ±100 ppm, and a rate that swings by at most 0.2 ppm a second, twice what a warming crystal does. */
function drifting(
  r: Random,
  rowHz: number,
): { readonly row: (ns: number) => number; readonly host: (row: number) => number } {
  const nsPerRow = (1e9 / rowHz) * (1 + 100e-6 * (2 * r.uniform() - 1));
  const start = 40 * MS * (2 * r.uniform() - 1);
  const omega = (2 * Math.PI) / ((10 + 50 * r.uniform()) * 1e9);
  const swing = 0.2e-6 / 1e9 / omega ** 2;
  const phase = 2 * Math.PI * r.uniform();
  const host = (row: number): number => {
    const t = row * nsPerRow;
    return start + t + swing * (Math.sin(omega * t + phase) - Math.sin(phase));
  };
  const row = (ns: number): number => {
    let x = (ns - start) / nsPerRow;
    for (let i = 0; i < 3; i++) x -= (host(x) - ns) / nsPerRow;
    return x;
  };
  return { row, host };
}

/** As align/clocks/methods/sync-edges.ts asks for it. */
export function matchTrial(trial: EdgeTrial, b: EdgeBench): Match | undefined {
  const prior = { hz: b.rowHz, uRel: 1e-4 / Math.sqrt(3), startNs: 0, startUNs: 23 * MS };
  return matchEdges(trial.reference, trial.device, prior, {
    offsetRangeNs: 3 * prior.startUNs,
    edgeUNs: 1e9 / b.rowHz / Math.sqrt(12),
    toleranceNs: 5 * MS,
    observed: endsOf(trial.device.t),
  });
}

export interface EdgeTrials {
  readonly trials: number;
  readonly pairs: number;
  /** Pairs of a device edge with another's host edge, or of a bounce or stray with any. */
  readonly wrong: number;
  /** Of `wrong`: an edge that was lost, and another edge taken for it. */
  readonly bounces: number;
  /** Edges that both sides had and that were not paired. */
  readonly overlooked: number;
  readonly lost: number;
  /** Bounces and strays, and edges that they made doubtful. */
  readonly bunched: number;
  readonly extra: number;
}

export function edgeTrials(trials: number, b: EdgeBench = FAULTY): EdgeTrials {
  const sum = {
    trials,
    pairs: 0,
    wrong: 0,
    bounces: 0,
    overlooked: 0,
    lost: 0,
    bunched: 0,
    extra: 0,
  };
  for (let seed = 1; seed <= trials; seed++) {
    const trial = edgeTrial(seed, b);
    const match = matchTrial(trial, b);
    const common = trial.of.filter((of) => of >= 0).length;
    sum.lost += trial.reference.t.length - common;
    sum.bunched += trial.bunched;
    sum.extra += trial.of.length - common;
    if (!match) {
      sum.overlooked += common;
      continue;
    }
    let right = 0;
    for (const { deviceIndex, referenceIndex } of match.pairs) {
      const of = valueAt(trial.of, deviceIndex);
      if (of === referenceIndex) right++;
      else if (of < 0 && !trial.of.includes(referenceIndex)) sum.bounces++;
    }
    sum.pairs += match.pairs.length;
    sum.wrong += match.pairs.length - right;
    sum.overlooked += common - right;
  }
  return sum;
}
