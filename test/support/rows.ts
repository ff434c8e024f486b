// Rows of known power → aligned runs and their running integrals.

import type { RailColumns } from "../../align/rows/calibrate.ts";
import type { AlignedRun } from "../../align/timeline.ts";
import { instantsOf, Integrator, type Snapshots } from "../../energy/integrate.ts";
import type { Rig } from "../../schema/rig.ts";

/** Volts and amperes at an instant, s; a rail of watts alone has no `v` and `i`. */
export interface RailRow {
  readonly w: number;
  readonly v?: number;
  readonly i?: number;
}

/** Rows [from, to) of a grid of `hz`, the first at 0 s. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly pauseBefore?: boolean;
}

/** Runs with a gap before each but the first. @param at each rail's values at an instant, s. */
export function runsOf(
  hz: number,
  pieces: readonly Piece[],
  at: (s: number, row: number) => readonly RailRow[],
): AlignedRun[] {
  return pieces.map(({ from, to, pauseBefore = false }, n) => {
    const seconds = Array.from({ length: to - from }, (_, i) => (from + i) / hz);
    const rows = seconds.map((s, i) => at(s, from + i));
    const column = (of: (row: readonly RailRow[]) => number): Float64Array =>
      Float64Array.from(rows, of);
    const rails = rows[0]!.map((first, r): RailColumns => ({
      name: `rail${r}`,
      powerW: column((row) => row[r]!.w),
      currentA: first.i === undefined ? null : column((row) => row[r]!.i!),
      voltageV: first.v === undefined ? null : column((row) => row[r]!.v!),
    }));
    return {
      from: 0,
      to: rows.length,
      gapBefore: n > 0,
      pauseBefore,
      tNs: Float64Array.from(seconds, (s) => s * 1e9),
      rails,
      totalW: column((row) => row.reduce((sum, { w }) => sum + w, 0)),
      flags: new Uint8Array(rows.length),
    };
  });
}

/** Integrals of the runs at some instants, ns. */
export function integralsOf(
  rig: Rig,
  runs: Iterable<AlignedRun>,
  atNs: Iterable<number>,
): Snapshots {
  const integrator = new Integrator(rig, instantsOf(atNs));
  for (const run of runs) integrator.add(run);
  return integrator.finish();
}
