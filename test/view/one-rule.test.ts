// The report reads the Joules of a run off fused.arrow as compare counts them: for instants and for means, across a gap
// and to the end of the last row.

import { dirname } from "node:path";
import { expect, test } from "@jest/globals";
import { runPaths } from "../../capture/run.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { readTrace } from "../../view/trace.ts";
import { runFolder } from "../support/made-run.ts";
import { rigOf } from "../support/rig.ts";

test.each(["instant", "interval_mean"] as const)("a run of %s rows", async (sampling) => {
  const run = runFolder({
    ...{ seconds: 2, rig: rigOf({ sampling }), lost: [700, 900] as const },
    powerW: (s: number) => 100 + 80 * Math.sin(7 * s),
  });
  try {
    const paths = runPaths(dirname(run.path));
    const { comparison } = fuseRun(paths);
    const trace = (await readTrace(
      paths.fused,
      [],
      () => false,
      () => undefined,
    ))!;
    const { energyJ, used, last, startNs, series } = trace.buckets;
    const [session] = comparison.windows;
    const { energyJ: joules, bridgedJ } = session!.physical!;
    expect(bridgedJ).toBeGreaterThan(0);
    // What follows the last row is of its power as float32.
    expect(energyJ[used]).toBeCloseTo(joules - bridgedJ, 7);
    expect(series[0]!.integral.reduce((a, b) => a + b)).toBeCloseTo(joules - bridgedJ, 3);
    expect([startNs, last.tNs]).toEqual([session!.window.t0Ns, session!.window.t1Ns]);
  } finally {
    run.remove();
  }
});
