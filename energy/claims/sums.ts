// Cards that the rails feed together → what they claim together, to be set against the rails' sum. In: the claims of a
// window. Out: one claim for each kind that all of them have. Holds: how the cards' errors hang together nobody knows,
// so the ends of their intervals add up.

import { leastOf, mostOf } from "../../stats/summary.ts";
import { kindsOf, sumName } from "./scope.ts";
import type { Claim } from "./series.ts";

interface ClaimOf<Method> extends Claim {
  readonly channel: string;
  readonly method: Method;
}

export interface SummedClaim<Method> {
  readonly of: {
    readonly channel: string;
    readonly method: Method;
    readonly sums: readonly string[];
  };
  readonly claim: Claim;
}

/** @param together what the rails feed, as `measuredBy` says it. */
export function summedClaims<Method>(
  claims: readonly ClaimOf<Method>[],
  together: readonly string[],
): SummedClaim<Method>[] {
  const channels = claims.map((c) => c.channel);
  return [...kindsOf(channels, together).values()].flatMap((sums) => {
    const parts = claims.filter((c) => sums.includes(c.channel));
    const [first] = parts;
    // A card that claims nothing for the window leaves the sum unknown.
    if (!first || !parts.every((c) => Number.isFinite(c.energyJ))) return [];
    const of = { channel: sumName(sums), method: first.method, sums };
    return [{ of, claim: sumClaim(parts) }];
  });
}

function sumClaim(parts: readonly Claim[]): Claim {
  const sum = (of: (c: Claim) => number): number => parts.reduce((all, c) => all + of(c), 0);
  return {
    energyJ: sum((c) => c.energyJ),
    intervalJ: [sum((c) => c.intervalJ[0]), sum((c) => c.intervalJ[1])],
    samples: leastOf(parts.map((c) => c.samples)),
    updates: leastOf(parts.map((c) => c.updates)),
    gapFraction: mostOf(parts.map((c) => c.gapFraction)),
    failedReads: sum((c) => c.failedReads),
  };
}
