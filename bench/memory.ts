// Memory from 10 million to 1,000 million samples through decoding, integration and the Arrow table: it
// must not grow with the capture. Blocks come from a pool in memory, again and again.

import { instantsOf, Integrator } from "../energy/integrate.ts";
import { FusedTable } from "../dataset/fused.ts";
import { type Figure, figure } from "./memcpy.ts";
import { blocksOf, type Stream, timelineOf, words16 } from "./stream.ts";

const NO_WINDOWS = { count: 0, t0Ns: () => NaN, t1Ns: () => NaN, isSum: () => false };
const SIZES = [10e6, 100e6, 1000e6];
/** Flat: within 20 % of where it stood after the first size. */
const TARGET = 1.2;

export async function* run(): AsyncGenerator<Figure> {
  const stream = await words16(1 << 20);
  let first = 0;
  // V8 gives itself more room over the first seconds of any work: the small capture is read as often as it
  // takes to see as many samples as in the large one, so that only the capture's size can make a difference.
  for (let seen = 0; seen < SIZES.at(-1)!; seen += SIZES[0]!)
    peakRss(stream, SIZES[0]! / stream.channels);
  for (const samples of SIZES) {
    const peak = peakRss(stream, samples / stream.channels);
    first ||= peak;
    yield figure(
      `memory: peak RSS at ${samples / 1e6} million samples`,
      peak / first,
      "of the first",
      TARGET,
      { note: `${Math.round(peak / 1e6)} MB` },
      true,
    );
  }
}

function peakRss(stream: Stream, rows: number): number {
  const integrator = new Integrator(stream.rig, instantsOf([0]));
  const rails = stream.rig.rails.map((r) => ({ name: r.name, hasVoltage: true, hasCurrent: true }));
  const table = new FusedTable(() => undefined, rails, [], NO_WINDOWS, {});
  let [peak, blocks] = [0, 0];
  for (const run of timelineOf(stream).align(blocksOf(stream, rows))) {
    integrator.add(run);
    table.add(run);
    if (blocks++ % 256 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  integrator.finish();
  table.close();
  return peak;
}
