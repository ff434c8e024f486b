// A million windows over a capture of 100 million samples: the log read and checked, decoded, calibrated
// and integrated, and each window's Joules, covered seconds and bridged Joules taken.

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../host/temporary.ts";
import { Timeline } from "../align/timeline.ts";
import { steadyClock } from "../align/clocks/segments.ts";
import { instantsOf, Integrator, type Snapshots, Sum } from "../energy/integrate.ts";
import { random } from "../stats/random.ts";
import { writeLog } from "./log.ts";
import { cpuSeconds, type Figure, figure } from "./memcpy.ts";
import { BLOCK_ROWS, blocksOf, rowNs, type Stream, words16 } from "./stream.ts";
import { leastOf } from "../stats/summary.ts";

const WINDOWS = 1_000_000;
const SAMPLES = 100e6;
const TARGET_S = 5;
const REPEATS = 3;

export async function* run(): AsyncGenerator<Figure> {
  const s = await words16(1 << 20);
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  try {
    const path = join(dir, "capture.mcap");
    const rows = Math.ceil(SAMPLES / s.channels / BLOCK_ROWS) * BLOCK_ROWS;
    writeLog(s, path, blocksOf(s, rows));
    const { t0, t1 } = someWindows(rowNs(s, rows));
    const times: number[] = [];
    for (let i = 0; i < REPEATS; i++) times.push(cpuSeconds(() => void joules(s, path, t0, t1)));
    const best = leastOf(times);
    yield figure(
      "a million windows",
      best,
      "s of processor time",
      TARGET_S,
      { repeats: REPEATS },
      true,
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** From 10 µs to 10 s long, evenly by logarithm, anywhere in the capture; in order of time, as marks pair. */
function someWindows(endNs: number): { t0: Float64Array; t1: Float64Array } {
  const r = random(1, "windows");
  const t0 = new Float64Array(WINDOWS).map(() => r.uniform() * (endNs - 10e9)).sort();
  return { t0, t1: t0.map((t) => t + 10 ** (4 + 6 * r.uniform())) };
}

function joules(s: Stream, path: string, t0: Float64Array, t1: Float64Array): number {
  const snapshots = integrate(s, path, t0, t1);
  let sum = 0;
  for (let i = 0; i < WINDOWS; i++)
    for (const k of [Sum.energyJ, Sum.coveredS, Sum.gapJ])
      sum += snapshots.between(t0[i]!, t1[i]!, k);
  return sum;
}

function integrate(s: Stream, path: string, t0: Float64Array, t1: Float64Array): Snapshots {
  const instants = new Float64Array(2 * WINDOWS);
  instants.set(t0);
  instants.set(t1, WINDOWS);
  const integrator = new Integrator(s.rig, instantsOf(instants));
  const timeline = new Timeline({ path, rig: s.rig }, { layout: s.layout }, steadyClock(s.clock));
  for (const run of timeline.runs()) integrator.add(run);
  return integrator.finish();
}
