// Enters: the flags column of fused.arrow. Leaves: how often each flag stands, where the gaps and trigger
// edges lie. Lists are capped, counts are not.

/** Bits of `flags`, as docs/reference.md lists them. */
export const Flag = { gap: 1, clipped: 2, edge: 4, clock: 8, interpolated: 16 } as const;

const MAX_LISTED = 2000;

export interface Notices {
  /** Rows per value of `flags`. */
  readonly histogram: Float64Array;
  gapS: number;
  longestGapS: number;
  readonly gapsNs: [number, number][];
  readonly edgesNs: number[];
  lastNs: bigint | null;
}

export function createNotices(): Notices {
  return {
    histogram: new Float64Array(256),
    gapS: 0,
    longestGapS: 0,
    gapsNs: [],
    edgesNs: [],
    lastNs: null,
  };
}

/** Rows that carry a flag. */
export function flagged(n: Notices, flag: number): number {
  return n.histogram.reduce((sum, rows, value) => (value & flag ? sum + rows : sum), 0);
}

export function noteFlags(n: Notices, flags: Uint8Array, tNs: BigInt64Array): void {
  const { histogram } = n;
  for (let i = 0; i < flags.length; i++) {
    const value = flags[i]!;
    histogram[value]!++;
    if (value & (Flag.gap | Flag.edge)) noteRow(n, value, tNs[i]!, tNs[i - 1] ?? n.lastNs);
  }
  n.lastNs = tNs[tNs.length - 1] ?? n.lastNs;
}

function noteRow(n: Notices, flags: number, tNs: bigint, beforeNs: bigint | null): void {
  if (flags & Flag.edge && n.edgesNs.length < MAX_LISTED) n.edgesNs.push(Number(tNs));
  if (!(flags & Flag.gap) || beforeNs === null) return;
  const gapS = Number(tNs - beforeNs) * 1e-9;
  n.gapS += gapS;
  n.longestGapS = Math.max(n.longestGapS, gapS);
  if (n.gapsNs.length < MAX_LISTED) n.gapsNs.push([Number(beforeNs), Number(tNs)]);
}
