// The report reads the Joules of a run off fused.arrow as compare counts them: for instants and for means, across a gap
// and to the end of the last row.

import { dirname } from "node:path";
import { expect, test } from "@jest/globals";
import { runPaths } from "../../capture/run.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { readTrace } from "../../view/trace.ts";
import { runFolder } from "../support/made-run.ts";
import { rigOf } from "../support/rig.ts";

const powerW = (s: number): number => 100 + 80 * Math.sin(7 * s);
/** Of {@link powerW} from 0 on. */
const joulesTo = (s: number): number => 100 * s + (80 / 7) * (1 - Math.cos(7 * s));

test.each(["instant", "interval_mean"] as const)(
  "a table of means over ten %s rows: within what one row can shift",
  async (sampling) => {
    const run = runFolder({ seconds: 2.099, rig: rigOf({ sampling }), powerW });
    try {
      const paths = runPaths(dirname(run.path));
      const { comparison } = fuseRun(paths, { rateHz: 100 });
      const { energyJ, used, last, startNs, widthNs } = (await traceOf(paths.fused)).buckets;
      const { window, physical } = comparison.windows[0]!;
      expect(energyJ[used]! - energyJ[0]!).toBeCloseTo(physical!.energyJ, 1);
      expect([startNs, last.tNs]).toEqual([window.t0Ns, window.t1Ns]);
      // A row that is a mean here has the power at its begin: half a row early.
      const lateS = sampling === "instant" ? 0 : 0.5e-3;
      const off = Array.from(energyJ.subarray(0, used), (j, k) => {
        const s = (k * widthNs) / 1e9;
        return Math.abs(j - energyJ[0]! - joulesTo(s - lateS) - powerW(0) * lateS);
      });
      expect(Math.max(...off)).toBeLessThan(0.16);
    } finally {
      run.remove();
    }
  },
);

const traceOf = async (fused: string) =>
  (await readTrace(
    fused,
    [],
    () => false,
    () => undefined,
  ))!;

test.each(["instant", "interval_mean"] as const)("a run of %s rows", async (sampling) => {
  const run = runFolder({
    ...{ seconds: 2, rig: rigOf({ sampling }), lost: [700, 900] as const },
    powerW,
  });
  try {
    const paths = runPaths(dirname(run.path));
    const { comparison } = fuseRun(paths);
    const trace = await traceOf(paths.fused);
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
