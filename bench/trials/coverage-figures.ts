// Not speed but honesty: how often the stated interval holds the true Joules (bench/trials/coverage.ts).

import { coverage } from "./coverage.ts";
import { type Figure, figure } from "../memcpy.ts";

const SESSIONS = 500;

export async function* run(): AsyncGenerator<Figure> {
  const c = await coverage({ sessions: SESSIONS, durationS: 4 });
  const note = JSON.stringify(c);
  yield figure("coverage: share of windows inside the 95 % interval", c.covered, "1", 0.93, {
    note,
  });
  const bias = Math.abs(c.pipeline_bias_pct);
  yield figure("coverage: bias of the pipeline", bias, "%", 0.02, {}, true);
}
