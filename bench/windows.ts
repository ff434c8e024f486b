// A million windows over a capture of 100 million samples: one pass over the blocks, a snapshot at every
// end, then each window as the difference of two, found in O(log n).

import { instantsOf, Integrator, Sum } from "../energy/integrate.ts";
import { random } from "../schema/random.ts";
import { type Figure, figure, seconds } from "./memcpy.ts";
import { blocksOf, rowNs, timelineOf, words16 } from "./stream.ts";

const SAMPLES = 100e6;
const WINDOWS = 1e6;
const TARGET_S = 5;

export async function* run(): AsyncGenerator<Figure> {
  const stream = await words16(1 << 20);
  const rows = SAMPLES / stream.channels;
  const r = random(7, "windows");
  const t0 = new Float64Array(WINDOWS).map(() => rowNs(stream, rows * r.uniform()));
  const t1 = t0.map((t) => t + 1e6 + 50e6 * r.uniform());
  const ends = new Float64Array(2 * WINDOWS);
  ends.set(t0);
  ends.set(t1, WINDOWS);
  let joules = 0;
  const took = seconds(() => {
    const integrator = new Integrator(stream.rig, instantsOf(ends));
    for (const run of timelineOf(stream).align(blocksOf(stream, rows))) integrator.add(run);
    const snapshots = integrator.finish();
    for (let i = 0; i < WINDOWS; i++) joules += snapshots.between(t0[i]!, t1[i]!, Sum.energyJ);
  });
  if (!(joules > 0)) throw new Error("the windows hold no energy");
  yield figure("windows: 1,000,000 over 100 million samples", took, "s", TARGET_S, {}, true);
}
