// Trigger edges that host and DAQ both saw → bounds of the DAQ's clock, and not a guess. Each edge says: the
// host's clock lay within its bracket when the DAQ's lay within a row or tick. A fitted line says what the
// clock does on the whole; these bounds say how far it can be off, whatever lies inside the brackets.
//
// The same linear program as for GPU clocks (gpu-clock.ts): what the line leaves is a curve whose rate changes
// by at most RATE_CHANGE, so around any instant it stays within RATE_CHANGE·x²/2 of a straight line, and all
// straight lines that respect all edges within REACH form a polygon.

import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import { type ClockBounds, type ClockModel, toSessionNs } from "./clock.ts";
import { FeasibleLines } from "../../stats/feasible-lines.ts";
import { valueAt } from "../../stats/places.ts";

/**
 * Change of the clock's rate, 1/s. An AT-cut crystal is worse than 1 ppm/K nowhere between −20 and 70 °C by
 * half; a board that warms by a quarter of a kelvin a second is being heated.
 */
const RATE_CHANGE = 0.25e-6;
/** Edges within this of an instant serve its bounds: by then a changing rate has cost 0.5 µs. */
const REACH_NS = 2e9;
/** Bounds are stated this often. */
const STEP_NS = 1e9;
/** Rates beyond a thousandth are no crystal's (RC oscillators included: docs of align/clocks/fit.ts). */
const MAX_RATE = 5e-3;
/** Type B: input filter, synchroniser and interrupt of the DAQ's trigger input, and its rows' own jitter. */
const INPUT_NS = 500;

/** One edge on both sides, with hard limits. */
export interface BracketedEdge {
  readonly device: number;
  readonly deviceHalfNs: number;
  readonly hostNs: SessionNs;
  readonly hostHalfNs: number;
}

/** Says where, and what may have happened. */
export class NoSteadyClock extends Error {
  override readonly name = "NoSteadyClock";
}

/**
 * @param edges of one segment
 * @returns true session time less the model's, at instants along the run
 * @throws NoSteadyClock where none passes through the edges
 */
export function boundClock(model: ClockModel, edges: readonly BracketedEdge[]): ClockBounds {
  const run = [...edges].sort((a, b) => a.device - b.device);
  const at: number[] = [];
  const lo: number[] = [];
  const hi: number[] = [];
  for (const centre of centresOf(run)) {
    const [l, h] = rangeAt(model, run, centre);
    at.push(toSessionNs(model, valueAt(run, centre).device));
    lo.push(l);
    hi.push(h);
  }
  return {
    atNs: Float64Array.from(at),
    loNs: Float64Array.from(lo),
    hiNs: Float64Array.from(hi),
  };
}

/** Edges a step apart, and the last. */
function centresOf(run: readonly BracketedEdge[]): number[] {
  const out = [0];
  let last = run[0]?.hostNs ?? 0;
  run.forEach(({ hostNs }, i) => {
    if (hostNs - last < STEP_NS && i < run.length - 1) return;
    out.push(i);
    last = hostNs;
  });
  return [...new Set(out)];
}

/** Around edge `centre`: [least, greatest] true session time less the model's. */
function rangeAt(
  model: ClockModel,
  run: readonly BracketedEdge[],
  centre: number,
): readonly [number, number] {
  const line = (device: number): number =>
    model.refNs + (device - model.refDevice) * model.nsPerUnit;
  const own = valueAt(run, centre);
  const middle = line(own.device);
  const inReach = (e: BracketedEdge | undefined): boolean =>
    e !== undefined && Math.abs(line(e.device) - middle) <= REACH_NS;
  let [from, to] = [centre, centre + 1];
  while (inReach(run[from - 1])) from--;
  while (inReach(run[to])) to++;
  const near = run.slice(from, to);
  const limit = (e: BracketedEdge): number => e.hostHalfNs + e.deviceHalfNs + INPUT_NS;
  const offNs = own.hostNs - middle;
  const room = limit(own) + MAX_RATE * REACH_NS;
  const lines = new FeasibleLines(offNs - room, offNs + room, MAX_RATE);
  for (const e of near) {
    const x = line(e.device) - middle;
    const bend = (RATE_CHANGE * x * x) / (2 * NS_PER_S);
    const residual = e.hostNs - line(e.device);
    lines.above(x, residual - limit(e) - bend);
    lines.below(x, residual + limit(e) + bend);
  }
  if (lines.empty) throw infeasible(near, middle);
  const wander = toSessionNs(model, own.device) - middle;
  const [l, h] = lines.range(0);
  return [l - wander, h - wander];
}

function infeasible(near: readonly BracketedEdge[], atNs: number): NoSteadyClock {
  return new NoSteadyClock(
    `no steady clock passes through the brackets of the ${near.length} trigger edges around ${(atNs / NS_PER_S).toFixed(1)} s; an edge was paired with another's (bouncing line?), or the DAQ's clock jumped`,
  );
}
