// What all rows of a run together show of its rails' sensors.

import type { Scan } from "../../align/scanned.ts";
import { type Finding, finding } from "../../schema/findings.ts";
import type { Quantity } from "../../schema/rig.ts";
import { formatQuantity } from "../../schema/units.ts";

export const UNIT: Readonly<Record<Quantity, string>> = { voltage: "V", current: "A", power: "W" };

/** Sensors whose range ends where nobody says so. */
export const cutOff = ({ rig, stream }: Scan): Finding[] =>
  (rig?.rails ?? []).flatMap(({ name }, r) => {
    const tops = stream?.learned?.[r]?.tops ?? {};
    return (["current", "power"] as const).flatMap((quantity) => {
      const top = tops[quantity];
      if (!top) return [];
      const value = formatQuantity(top.value, UNIT[quantity]);
      const text = `rail ${name}: ${top.rows} rows have a ${quantity} of exactly ${value}, its greatest, though others are noisy: its range ends there, and the Joules are a lower bound; use a larger range`;
      return [finding("rail-cut-off", name, text, top.rows)];
    });
  });
