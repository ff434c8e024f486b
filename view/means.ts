// Rows of a table that are means over several (`fuse --rate`), at the middle of these and with the energy at their end →
// the same rows at their begin, with the energy there: each then stands until the next.

import { valueAt } from "../stats/places.ts";
import type { Rows } from "./decimate.ts";

export interface Means {
  readonly rowsPerMean: number;
  /** How long each stands, from the first of its rows on. */
  readonly holdsNs: number;
  /** Between two of them. */
  readonly periodNs: number;
}

export function fromTheirBegin(
  { energyJ, ...rows }: Rows & { readonly energyJ: Float64Array },
  { rowsPerMean, holdsNs, periodNs }: Means,
): Rows {
  const firstBefore = BigInt(Math.round(((rowsPerMean - 1) / 2 / rowsPerMean) * periodNs));
  const powerW = valueAt(rows.columns, 0);
  const holdsS = holdsNs * 1e-9;
  return {
    ...rows,
    tNs: rows.tNs.map((t) => t - firstBefore),
    energyJ: energyJ.map((j, i) => j - powerW[i]! * holdsS),
  };
}
