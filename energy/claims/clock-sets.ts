// Telemetry whose clock was set while it was logged: from there on every read stands at a wrong time, by just
// as much as the log's stamps jump. A jump of stamps alone says nothing, it may as well be a pause of the
// logger; so the stretches on both sides are laid against the physical trace, once as they are stamped and
// once moved by the jump, and only where the second explains what the first does not was the clock set.
// A load that repeats with the very period of the jump fits both ways: then nothing is said, and the reads
// stay where they are.

import type { SessionNs } from "../../schema/time.ts";
import { type Fit, MOST_UNEXPLAINED, Placing, type Sensor } from "./placing.ts";
import type { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { GoodReads, type Stretch } from "./stretches.ts";
import type { TraceMeans } from "./trace-means.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";

/** Reads of one channel that stand at a wrong time. */
export interface Misplaced {
  readonly channel: string;
  /** Indices into the series, [from, to) each. */
  readonly reads: readonly (readonly [from: number, to: number])[];
  /** Stamps of its first and last such read. */
  readonly fromNs: SessionNs;
  readonly toNs: SessionNs;
  /** By how much they come late, at most; half the width of what is not known of it. */
  readonly lateNs: number;
  readonly halfNs: number;
}

/** What a sensor can lag behind what it measures: none leads, none averages over more than a second or so. */
const DELAY_NS = [-0.1e9, 1.2e9] as const;
/** Averaging windows of known sensors; one that is near is good enough to tell places apart. */
const WINDOWS_NS = [25e6, 100e6, 300e6, 1000e6];

/** @returns undefined where all reads may stand at their right time. */
export function misplacedReads(series: TelemetrySeries, trace: TraceMeans): Misplaced | undefined {
  const reads = new GoodReads(series);
  const stretches = reads.stretches();
  if (stretches.length < 2) return undefined;
  const placing = new Placing(reads, trace);
  const found = anchorOf(stretches, placing);
  if (!found) return undefined;
  const { anchor, lateNs, sensor } = found;
  const late = new Array<number>(stretches.length).fill(0);
  late[anchor] = lateNs;
  for (let k = anchor + 1; k < stretches.length; k++)
    late[k] = placing.follow(stretches[k]!, late[k - 1]!, stretches[k]!.jumpNs, sensor);
  // Before the jump that moved the anchor nothing had been set.
  for (let k = anchor - 1; k >= 0 && lateNs === 0; k--)
    late[k] = placing.follow(stretches[k]!, late[k + 1]!, -stretches[k + 1]!.jumpNs, sensor);
  const wrong = stretches.filter((_, k) => Math.abs(late[k]!) > reads.resolutionNs);
  if (wrong.length === 0) return undefined;
  const most = late.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
  const stamps = wrong.flatMap((s) => [reads.tNs.at(s.from), reads.tNs.at(s.to - 1)]);
  return {
    channel: series.channel.name,
    reads: wrong.map((s) => [reads.indexOf(s.from), reads.indexOf(s.to - 1) + 1]),
    fromNs: leastOf(stamps),
    toNs: mostOf(stamps),
    lateNs: most,
    halfNs: reads.resolutionNs,
  };
}

/** What one channel shows is so of every channel that was stamped with it, a counter included. */
export function sharingStamps(
  found: readonly Misplaced[],
  all: readonly TelemetrySeries[],
): Misplaced[] {
  const shown = found.flatMap((m) => {
    const series = all.find((s) => s.channel.name === m.channel);
    return series ? [{ m, tNs: series.tNs }] : [];
  });
  return all.flatMap(({ channel, tNs }) => {
    const own = found.find((m) => m.channel === channel.name);
    const other = shown.find((s) => s.tNs.length === tNs.length && same(s.tNs, tNs))?.m;
    return own ?? (other ? { ...other, channel: channel.name } : []);
  });
}

function same(a: ReadColumn, b: ReadColumn): boolean {
  for (let i = 0; i < a.length; i++) if (a.at(i) !== b.at(i)) return false;
  return true;
}

/** A series without its misplaced reads; what lies between the others is a gap. */
export function withoutReads(
  s: TelemetrySeries,
  left: readonly (readonly [number, number])[],
): TelemetrySeries {
  if (left.length === 0) return s;
  const kept = (c: ReadColumn): ReadColumn => {
    const out = c.beside();
    for (let i = 0; i < c.length; i++)
      if (!left.some(([a, b]) => i >= a && i < b)) out.push(c.at(i));
    return out;
  };
  return {
    channel: s.channel,
    tNs: kept(s.tNs),
    halfNs: kept(s.halfNs),
    value: kept(s.value),
    code: kept(s.code),
  };
}

interface Anchor {
  readonly anchor: number;
  readonly lateNs: number;
  readonly sensor: Sensor;
}

/**
 * The stretch that follows the trace best, as it is stamped or, where that fails, moved by the jump before it; of
 * those that follow it alike the one with the least delay.
 */
function anchorOf(stretches: readonly Stretch[], placing: Placing): Anchor | undefined {
  const shown = stretches.flatMap((s, anchor) => (placing.isShown(s) ? [{ s, anchor }] : []));
  const fitsAt = (late: (s: Stretch) => number): (Anchor & Fit)[] =>
    shown.flatMap(({ s, anchor }) => {
      const fits = WINDOWS_NS.flatMap((windowNs) => {
        const lateNs = late(s);
        const fit = placing.best(s, lateNs, windowNs, ...DELAY_NS);
        return fit ? [{ ...fit, anchor, lateNs, sensor: { ...fit, windowNs } }] : [];
      });
      return fits.sort((a, b) => a.unexplained - b.unexplained).slice(0, 1);
    });
  const stamped = fitsAt(() => 0).filter((f) => f.unexplained <= MOST_UNEXPLAINED);
  const fits = stamped.length > 0 ? stamped : fitsAt((s) => s.jumpNs).filter((f) => f.lateNs !== 0);
  const least = leastOf(fits.map((f) => f.unexplained));
  if (!(least <= MOST_UNEXPLAINED)) return undefined;
  // Nearer to the best than to chance.
  const alike = fits.filter((f) => f.unexplained ** 2 <= least * MOST_UNEXPLAINED);
  return alike.sort((a, b) => Math.abs(a.delayNs) - Math.abs(b.delayNs))[0];
}
