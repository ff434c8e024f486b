// Not speed but honesty, kernel by kernel: how often the stated interval holds a kernel's true Joules, and
// the folded band its true waveform (bench/trials/kernels.ts).

import { kernelCoverage } from "./kernels.ts";
import { type Figure, figure } from "../memcpy.ts";

const SESSIONS = 100;

export async function* run(): AsyncGenerator<Figure> {
  const c = await kernelCoverage({ sessions: SESSIONS });
  const all = "kernels: share of windows inside the 95 % interval";
  yield figure(all, c.covered, "1", 0.93, { note: `standard error ${c.covered_u.toFixed(3)}` });
  for (const k of c.kernels)
    yield figure(`kernels: ${k.kernel}, share inside`, k.covered, "1", 0.9, {
      note: JSON.stringify(k),
    });
  const fold = `kernels: folded ${c.fold.kernel} in steps of ${c.fold.step_us} µs, share of steps inside`;
  yield figure(fold, c.fold.covered, "1", 0.9, { note: JSON.stringify(c.fold) });
}
