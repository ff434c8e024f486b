// What may go wrong in a virtual session, as probabilities; 0 is a healthy bench.

import { random } from "../../stats/random.ts";

export interface Faults {
  /** Of a block of rows never arriving. */
  readonly lostBlocks: number;
  /** The same of a block during which the card draws more than {@link LOAD_W}: loss that follows the load. */
  readonly lostLoadBlocks: number;
  /** Of the DAQ missing a trigger pulse; of a bounce or a stray pulse beside one. */
  readonly lostEdges: number;
  readonly extraEdges: number;
  /** Of a telemetry read failing. */
  readonly failedReads: number;
}

export const NO_FAULTS: Faults = {
  lostBlocks: 0,
  lostLoadBlocks: 0,
  lostEdges: 0,
  extraEdges: 0,
  failedReads: 0,
};

/** Board power, W: above what the card draws while it waits, below every load. */
export const LOAD_W = 250;

/** Which of `count` blocks never arrive. */
export function lostBlocks(
  seed: number,
  count: number,
  probability: (block: number) => number,
): ReadonlySet<number> {
  const r = random(seed, "lost blocks");
  const lost = new Set<number>();
  for (let k = 0; k < count; k++) if (r.uniform() < probability(k)) lost.add(k);
  return lost;
}
