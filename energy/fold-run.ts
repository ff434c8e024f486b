// A prepared run → its folded kernels: one pass over the samples.

import { kernelName, type KernelTable } from "../align/clocks/cuda-kernels.ts";
import { Timeline } from "../align/timeline.ts";
import { assertUnchanged } from "../capture/unchanged.ts";
import { inputError } from "../schema/errors.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";
import { NS_PER_S } from "../schema/time.ts";
import { ofRun } from "./of-run.ts";
import type { Prepared } from "./result.ts";
import { type Folded, Folder, type FoldOptions, MIN_LAUNCHES } from "./fold.ts";

/** @throws InputError when the run has no physical trace or no kernel that was launched often enough. */
export function foldKernels(
  { scan, clocks }: Prepared,
  options: Omit<FoldOptions, "skewNs">,
  onProgress?: (done: number, total: number) => void,
): Folded[] {
  if (!scan.stream || !scan.rig || !clocks.daq)
    throw inputError("nothing to fold: the run has no physical trace", scan.path);
  if (!clocks.kernels)
    throw inputError(
      "nothing to fold: the run has no kernels",
      scan.path,
      "a run recorded with --cuda",
    );
  const { rig, stream } = scan;
  const skewNs = new Map(rigSkews(rig));
  const trace = { rig, layout: stream.layout, clock: clocks.daq, run: ofRun(stream, rig) };
  const folder = new Folder(trace, clocks.kernels, { ...options, skewNs });
  if (folder.kernels.length === 0)
    throw inputError(
      "nothing to fold",
      scan.path,
      `${options.kernel === undefined ? "a kernel" : `kernel ${options.kernel}`} with at least ${MIN_LAUNCHES} launches`,
      mostLaunched(clocks.kernels.table),
    );
  // Elsewhere late channels are brought to their row's time by straight lines between rows: that would smear
  // what folding resolves. Here each keeps its own time.
  const asSampled = { path: scan.path, rig: withoutSkew(scan.rig) };
  const timeline = new Timeline(asSampled, scan.stream, clocks.daq);
  for (const run of timeline.runs(onProgress)) folder.add(run);
  assertUnchanged(scan);
  return folder.finish();
}

function mostLaunched(table: KernelTable): string {
  const launches = new Map<string, number>();
  for (let row = 0; row < table.count; row++) {
    const name = kernelName(table, row);
    launches.set(name, (launches.get(name) ?? 0) + 1);
  }
  const [most] = [...launches].sort(([, a], [, b]) => b - a);
  return most ? `${most[0]} with ${most[1]} at most` : "none";
}

const sensorsOf = (rail: Rail): Sensor[] =>
  [rail.voltage, rail.current, rail.power].filter((s) => s !== undefined);

/** As the rig states it, or the device where the rig does not (align/rows/device-skew.ts). */
const rigSkews = (rig: Rig): [string, number][] =>
  rig.rails
    .flatMap(sensorsOf)
    .flatMap((s) => (s.skewS === undefined ? [] : [[s.field, s.skewS * NS_PER_S]]));

function withoutSkew(rig: Rig): Rig {
  const rails = rig.rails.map((rail) => ({
    ...rail,
    ...(rail.voltage ? { voltage: { ...rail.voltage, skewS: 0 } } : {}),
    ...(rail.current ? { current: { ...rail.current, skewS: 0 } } : {}),
    ...(rail.power ? { power: { ...rail.power, skewS: 0 } } : {}),
  }));
  return { ...rig, rails };
}
