// The shortest event that a set-up can resolve, and what limits it. In: a rig; the channels that claim Joules. Out:
// seconds. Holds: it is known before anything is measured, and says nothing of how many Joules such an event must have.

import { loadSensors, type Rig } from "../schema/rig.ts";
import { NS_PER_S } from "../schema/time.ts";
import { formatQuantity } from "../schema/units.ts";
import type { Channel } from "./claimed.ts";
import { resolvedNs, type Sight } from "./claims/resolution.ts";
import { knownCounter, knownSensor } from "./claims/sensors.ts";

export interface Shortest {
  readonly s: number;
  /** What nothing shorter gets past, in words. */
  readonly limit: string;
}

/** Of one channel: so many of its updates. */
export interface ShortestClaim {
  readonly channel: string;
  readonly s: number;
  readonly updateS: number;
}

/** With fewer readings inside a figure is an estimate (quality.ts). */
const READINGS = 3;

/** By the rails: three rows, or two that are means, which three instants bound; the slowest sensor; the path before it. */
export function shortestOnRails(rig: Rig): Shortest {
  const { rowHz, sampling } = rig.device;
  const rows = sampling === "instant" ? READINGS : READINGS - 1;
  const limits: Shortest[] = [
    { s: rows / rowHz, limit: `${rows} rows at ${formatQuantity(rowHz, "Hz")}` },
    ...loadSensors(rig).flatMap(({ field, bandwidthHz: hz }) =>
      hz === undefined ? [] : [{ s: riseS(hz), limit: `the rise of ${field}` }],
    ),
    ...(rig.stepResponseS === undefined
      ? []
      : [{ s: rig.stepResponseS, limit: "the physical path's step response" }]),
  ];
  return limits.reduce((longest, one) => (one.s > longest.s ? one : longest));
}

/** 10–90 % of a first-order low-pass. */
const riseS = (hz: number): number => Math.log(9) / (2 * Math.PI * hz);

/** By what each channel did in a run, and what is known of it. */
export const shortestClaims = (
  channels: Iterable<Pick<Channel, "name" | "sight">>,
): ShortestClaim[] => [...channels].flatMap(({ name, sight }) => ofSight(name, sight));

/** By what is known of a card, before it is read. */
export const shortestOfCard = (
  gpu: string,
  channels: readonly string[],
  readEveryNs: number,
): ShortestClaim[] =>
  channels.flatMap((channel) =>
    ofSight(channel, {
      updateNs: Math.max(readEveryNs, knownUpdateNs(gpu, channel)),
      windowNs: knownSensor(gpu, channel)?.windowNs ?? 0,
    }),
  );

function ofSight(channel: string, sight: Pick<Sight, "updateNs" | "windowNs">): ShortestClaim[] {
  const { updateNs } = sight;
  return updateNs > 0
    ? [{ channel, s: resolvedNs(sight) / NS_PER_S, updateS: updateNs / NS_PER_S }]
    : [];
}

/** The slowest that a driver's fields were seen to be, where the card is not known. */
const SLOW_UPDATE_NS = 100e6;

/** 0 of what is no driver's field. */
function knownUpdateNs(gpu: string, channel: string): number {
  if (!channel.startsWith("nvml.")) return 0;
  if (channel.endsWith("energy_counter")) return knownCounter(gpu)?.sampleNs ?? SLOW_UPDATE_NS;
  const isPower = /\.power_(usage|instant|average)$/.test(channel);
  return knownSensor(gpu, channel)?.updateNs ?? (isPower ? SLOW_UPDATE_NS : 0);
}
