// When a converter reads its inputs in turn, each is sampled a little after its row's time. The device says by
// how much (docs/wire.md, capabilities); the log has it in device.json. In: a rig and that. Out: the rig with
// the device's skew for every sensor for which it states none itself.

import { DEVICE } from "../../schema/documents/device.ts";
import { checked } from "../../schema/documents/document.ts";
import type { Rail, Rig, Sensor } from "../../schema/rig.ts";
import { NS_PER_S } from "../../schema/time.ts";
import { type Finding, finding } from "../../schema/findings.ts";

/** Nearer to each other than this, two statements of a skew agree: it moves no Joule. */
const SAME_NS = 100;

export interface SkewedRig {
  readonly rig: Rig;
  /** Where both state a skew and they differ: the rig is believed. */
  readonly findings: readonly Finding[];
}

/** @param device device.json; without channels, or no JSON, it changes nothing. */
export function withDeviceSkew(rig: Rig, device: Uint8Array): SkewedRig {
  const skews = skewsNs(device);
  const findings: Finding[] = [];
  const of = (s: Sensor): Sensor => {
    const ns = skews.get(s.field);
    if (ns === undefined) return s;
    if (s.skewS === undefined) return isWithinRow(ns, rig) ? { ...s, skewS: ns / NS_PER_S } : s;
    const rigNs = s.skewS * NS_PER_S;
    if (Math.abs(rigNs - ns) > SAME_NS)
      findings.push(
        finding(
          "skew-differs",
          s.field,
          `rig ${rig.name}: channel ${s.field} is sampled ${us(rigNs)} after its row by the rig, ${us(ns)} by the device: the rig's value is used; leave its skew out to take the device's`,
        ),
      );
    return s;
  };
  const rails = rig.rails.map((rail: Rail) => ({
    ...rail,
    ...(rail.voltage ? { voltage: of(rail.voltage) } : {}),
    ...(rail.current ? { current: of(rail.current) } : {}),
    ...(rail.power ? { power: of(rail.power) } : {}),
  }));
  return { rig: { ...rig, rails }, findings };
}

const us = (ns: number): string => `${(ns / 1e3).toFixed(2)} µs`;

/** What a row's straight lines can bring back; no skew is nothing to bring back. */
const isWithinRow = (ns: number, { device }: Rig): boolean =>
  ns > 0 && ns * device.rowHz < NS_PER_S;

function skewsNs(device: Uint8Array): ReadonlyMap<string, number> {
  // Another tool's: its rows are read without it.
  const { channels = [] } = checked(DEVICE, new TextDecoder().decode(device)).document ?? {};
  // A channel without a name has its number for one (schema/wire/frame-records.ts).
  return new Map(channels.map((c) => [c.name || `adc${c.channel}`, c.skew_ns]));
}
