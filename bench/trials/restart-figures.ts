// Not speed but honesty when the device restarted: clock and Joules on both sides (bench/trials/restart-coverage.ts).

import { restartCoverages } from "./restart-coverage.ts";
import { type Figure, figure } from "../memcpy.ts";

const SESSIONS = 100;

export async function* run(): AsyncGenerator<Figure> {
  for await (const c of restartCoverages(SESSIONS)) {
    const by = `restarts told by ${c.evidence}`;
    yield figure(`${by}: share of windows inside the 95 % interval`, c.covered, "1", 0.93, {
      note: JSON.stringify(c),
    });
    yield figure(`${by}: share of segments inside theirs`, c.clock_covered, "1", 0.93);
    yield figure(`${by}: windows across that do not say so`, c.silent, "1", 0, {}, true);
  }
}
