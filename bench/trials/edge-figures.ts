// Not speed but honesty: trigger edges lost, added and bouncing, and how many pairs are wrong (bench/trials/edge-trials.ts).

import { edgeTrials } from "./edge-trials.ts";
import { type Figure, figure } from "../memcpy.ts";

const TRIALS = 10_000;

export async function* run(): AsyncGenerator<Figure> {
  const t = edgeTrials(TRIALS);
  const note = JSON.stringify(t);
  yield figure("edges: wrong pairs in 10,000 trials", t.wrong, "1", 0, { note }, true);
}
