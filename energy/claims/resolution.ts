// What a channel can tell of a window at best. In: its claim, its reads, the filter it is known by. Out: whether it
// resolves the window, and the claim with what it may have missed of it.
// A power channel renewed every T with the mean over w, d late, stands for the power of some time before: on average
// d + (w + T)/2; where w is shorter than T it sees w/T of the time. What it did not see may have been as different from
// what it saw as the load ever was.

import { NS_PER_S, type SessionNs } from "../../schema/time.ts";
import type { Claim, Series } from "./series.ts";

/** Fewer updates say nothing of a window that lies where it pleases. */
const LEAST_UPDATES = 3;

export interface Sight {
  /** Time between two updates, ns. */
  readonly updateNs: SessionNs;
  /** 0 where nobody knows. */
  readonly windowNs: SessionNs;
  readonly delayNs: SessionNs;
  /** Least and most power that there may have been, W: of the rails' trace, else what it read and its device can draw. */
  readonly rangeW: readonly [number, number];
  /** How far the load's power goes from least to most, W, as far as anything shows. */
  readonly swingW: number;
  /** It may have averaged over so long, where the load would have to show the window and does not. */
  readonly mayAverageNs?: SessionNs;
  /** What it does not see between its windows is known else. */
  readonly isUnseenKnown?: boolean;
}

/** Of a channel without a known filter: what its own reads show. */
export function ownSight(s: Series): Pick<Sight, "updateNs" | "windowNs" | "delayNs"> {
  const { count, updates } = s;
  const updateNs = count ? count.updateNs : updates.isBeat ? updates.periodNs : 0;
  return { updateNs: Math.max(updateNs, s.periodNs), windowNs: 0, delayNs: 0 };
}

/** Shorter windows are not resolved. */
export const resolvedNs = ({
  updateNs,
  windowNs,
}: Pick<Sight, "updateNs" | "windowNs">): SessionNs => Math.max(windowNs, LEAST_UPDATES * updateNs);

export const isResolved = (sight: Sight, ns: SessionNs): boolean => ns >= resolvedNs(sight);

/** A claim's interval with what the channel may have missed of a window that lasts so long. */
export function withMissed(claim: Claim, s: Series, sight: Sight, ns: SessionNs): Claim {
  const { updateNs, windowNs, delayNs, rangeW, swingW, mayAverageNs = windowNs } = sight;
  const [least, most] = [rangeW[0] * ns, rangeW[1] * ns].map((x) => x / NS_PER_S);
  const [low, high] = claim.intervalJ;
  if (!isResolved(sight, ns))
    return { ...claim, intervalJ: [Math.min(low, least!), Math.max(high, most!)] };
  // A counter's claim is bracketed by its own changes.
  if (s.isCounter) return claim;
  const lateNs = Math.abs(delayNs) + (mayAverageNs + updateNs) / 2;
  const isUnseenKnown = sight.isUnseenKnown === true || windowNs === 0;
  const unseenNs = isUnseenKnown ? 0 : Math.max(0, 1 - windowNs / updateNs) * ns;
  const missed = (swingW * (lateNs + unseenNs)) / NS_PER_S;
  // Never below the least power for the whole window nor above the most, but for what the reads themselves leave open.
  const [below, above] = [claim.energyJ - low, high - claim.energyJ];
  return {
    ...claim,
    intervalJ: [
      Math.max(low - missed, Math.min(low, least! - below)),
      Math.min(high + missed, Math.max(high, most! + above)),
    ],
  };
}
