// Raw blocks → Joules on one core: decoding, calibration, clip check, session time, gap check, V·I of
// every rail and all running integrals of energy/integrate.ts, a snapshot every 10,000 rows.

import type { AlignedRun } from "../align/timeline.ts";
import { instantsOf, Integrator } from "../energy/integrate.ts";
import { type Figure, measure } from "./memcpy.ts";
import {
  BLOCK_ROWS,
  blocksOf,
  packed12,
  pmd,
  rowNs,
  type Stream,
  timelineOf,
  words16,
} from "./stream.ts";

/** More than the second-level cache holds. */
const POOL_ROWS = 1 << 20;
/** One timing: a few milliseconds, so that some of them find the machine quiet. */
const BLOCKS = 128;
const REPEATS = 400;
const TARGET = 400e6;

export async function* run(): AsyncGenerator<Figure> {
  yield decode("decode 4 × 16 bit", await words16(POOL_ROWS), TARGET);
  yield decode("decode 4 × 12 bit packed", await packed12(POOL_ROWS));
  yield decode("decode PMD frames", await pmd(POOL_ROWS));
}

function decode(bench: string, s: Stream, target?: number): Figure {
  const instants = instantsOf(Array.from({ length: 10_000 }, (_, k) => rowNs(s, k * 10_000 + 0.5)));
  const integrator = new Integrator(s.rig, instants);
  const runs = timelineOf(s).align(blocksOf(s, Infinity));
  const next = (): AlignedRun => runs.next().value as AlignedRun; // it never ends
  const rows = BLOCKS * BLOCK_ROWS;
  return measure(
    {
      bench,
      unit: "samples/s",
      amount: rows * s.channels,
      bytes: rows * s.layout.rowBytes,
      ...(target === undefined ? {} : { target }),
      run() {
        for (let k = 0; k < BLOCKS; k++) integrator.add(next());
      },
    },
    REPEATS,
  );
}
