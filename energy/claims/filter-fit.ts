// A telemetry channel's filter (window, delay, gain, offset) found in a capture, and how well: the filter that leaves
// least of the channel's updates unexplained, and all that the capture cannot tell from it. What is known of the sensor
// is weighed with that. In: updates and the physical trace. Out: the likeliest filter and a few that are as far from it
// as the capture and the table allow; undefined where neither says anything.

import { leastOf, mostOf } from "../../stats/summary.ts";
import {
  type Candidate,
  type Filter,
  FilterTrials,
  MIN_R2,
  MIN_UPDATES,
  MOST_OPEN,
} from "./filter-trials.ts";
import type { PowerPrefix } from "./prefix.ts";
import type { KnownSensor, SensorModel } from "./sensors.ts";
import type { Updates } from "./updates.ts";

export interface FilterFit extends Filter, SensorModel {
  /** Share of the reported variance that the filtered trace explains, 0 … 1. */
  readonly r2: number;
  /** The load of this capture showed it. */
  readonly fitted: boolean;
  /** Filters that neither the capture nor the table excludes, this one first: some at the border of them all. */
  readonly among: readonly Filter[];
  /** Root mean square of what it leaves of an update, W. */
  readonly residualW: number;
  /** Reads that keep step with the updates leave open by so much to either side when all of these were, ns. */
  readonly placedUNs: number;
}

/** Least and most of a figure among the filters that are not excluded. */
export function rangeAmong(fit: FilterFit, figure: (f: Filter) => number): [number, number] {
  const all = fit.among.map(figure);
  return [leastOf(all), mostOf(all)];
}

/** Windows twice as long as others that explain as much: the capture does not say which. */
const UNDETERMINED = 2;

/** Delay, with what reads leave open of the updates' instants. */
export function delayRange(fit: FilterFit): [number, number] {
  const [least, most] = rangeAmong(fit, (f) => f.delayNs);
  return [least - fit.placedUNs, most + fit.placedUNs];
}

export function isDetermined(fit: FilterFit): boolean {
  const [least, most] = rangeAmong(fit, (f) => f.windowNs);
  return most < UNDETERMINED * least;
}

export function fitFilter(
  updates: Updates,
  trace: PowerPrefix,
  stated: KnownSensor | undefined,
): FilterFit | undefined {
  const seen = new FilterTrials(updates, trace);
  if (seen.count < MIN_UPDATES) return undefined;
  // A field that means something else than it did where it was measured.
  const known = stated && seen.excludes(stated) ? undefined : stated;
  const shown = seen.likeliest(known);
  const border = shown.r2 >= MIN_R2 ? seen.border(shown, known) : [];
  if (shown.r2 >= MIN_R2 && updates.halfNs <= MOST_OPEN && seen.isInside(shown, border)) {
    const origin = known ? `fitted to this capture, weighed with: ${known.origin}` : FITTED;
    const { windowNs, delayNs, gain, offsetW, r2, residual } = shown;
    return {
      ...{ windowNs, delayNs, gain, offsetW, r2, origin, fitted: true },
      updateNs: updates.periodNs,
      among: [shown, ...border].map(filterOf),
      residualW: Math.sqrt(residual / seen.count),
      placedUNs: updates.halfNs,
    };
  }
  if (!known) return undefined;
  const own = seen.of(known.windowNs, known.delayNs);
  const among = [own, ...corners(known).map(([w, d]) => seen.of(w, d))];
  const { r2 } = own;
  return {
    ...known,
    ...UNSEEN,
    r2,
    fitted: false,
    among: among.map(asStated),
    residualW: Math.sqrt(own.residual / seen.count),
    placedUNs: 0,
  };
}

const FITTED = "fitted to this capture";
/** Of a sensor that the capture does not show. */
const UNSEEN = { gain: 1, offsetW: 0 } as const;

const filterOf = ({ windowNs, delayNs, gain, offsetW }: Candidate): Filter => ({
  ...{ windowNs, delayNs, gain, offsetW },
});
const asStated = ({ windowNs, delayNs }: Candidate): Filter => ({ windowNs, delayNs, ...UNSEEN });

/** What is known of a sensor at two standard uncertainties to every side. */
function corners(k: KnownSensor): (readonly [windowNs: number, delayNs: number])[] {
  const [w, d] = [2 * k.windowUNs, 2 * k.delayUNs];
  return [
    [k.windowNs - w, k.delayNs],
    [k.windowNs + w, k.delayNs],
    [k.windowNs, k.delayNs - d],
    [k.windowNs, k.delayNs + d],
  ];
}
