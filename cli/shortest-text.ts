// The shortest event that a set-up can resolve, in words: what compare and doctor have in common.

import type { Shortest, ShortestClaim } from "../energy/shortest.ts";
import { formatQuantity } from "../schema/units.ts";

export const onRails = ({ s, limit }: Shortest): string => `${formatQuantity(s, "s")} (${limit})`;

/** Channels that resolve alike stand together, the quickest first. */
export function claimsByLength(claims: readonly ShortestClaim[]): string[] {
  const channels = new Map<string, string[]>();
  for (const { channel, s } of [...claims].sort((a, b) => a.s - b.s)) {
    const length = formatQuantity(Number(s.toPrecision(3)), "s");
    channels.set(length, [...(channels.get(length) ?? []), channel]);
  }
  return [...channels].map(([length, names]) => `${length} (3 updates) by ${names.join(", ")}`);
}
