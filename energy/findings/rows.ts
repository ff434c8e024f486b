// What all rows of a run together show of its rails' sensors, and the rows that were left out for it.

import type { Oddity } from "../../align/rows/learned.ts";
import type { Dropped, Implausible } from "../../align/rows/plausible.ts";
import type { Scan } from "../../align/scanned.ts";
import {
  counted,
  type Finding,
  finding,
  type FindingCode,
  type Observation,
} from "../../schema/findings.ts";
import type { Quantity } from "../../schema/rig.ts";
import { formatQuantity } from "../../schema/units.ts";

const UNIT: Readonly<Record<Quantity, string>> = { voltage: "V", current: "A", power: "W" };
const shown = (quantity: Quantity, x: number): string => formatQuantity(x, UNIT[quantity]);

const WHOSE: Readonly<Record<Implausible["basis"], string>> = {
  rig: "the rig's plausible range",
  run: "what the rest of the run leaves possible",
  any: "what any rail carries",
};

/** Rows with values that their rail cannot have. */
export function leftOut({
  rail,
  quantity,
  range,
  basis,
  rows,
  ...seen
}: Implausible): Observation[] {
  const [low, high, from, to] = [...range, seen.least, seen.most].map((x) => shown(quantity, x));
  const left = `${rows} rows of rail ${rail} were left out: ${quantity} from ${from} to ${to}`;
  if (basis === "run" && seen.most < 0 && range[0] !== -range[1])
    return counted(
      "rows-reversed",
      rows,
      `${left}, on a rail that takes power for the rest of the run: a shunt, clamp or probe was the wrong way round for a while; if power did flow back, state plausible of the rail in the rig`,
    );
  return counted(
    "rows-implausible",
    rows,
    `${left}, outside ${low} to ${high}, ${WHOSE[basis]} (overload or spike); if the values are right, state plausible of the rail in the rig`,
  );
}

/** Dropped samples that were written as zeros. */
export const zeroed = ({ rail, quantity, rows }: Dropped): Observation[] =>
  counted(
    "rows-zeroed",
    rows,
    `${rows} rows of rail ${rail} were left out: ${quantity} exactly zero between rows that are far from it (dropped samples written as zeros); if the rail was off, state plausible of its ${quantity} in the rig`,
  );

/** Sensors whose range ends where nobody says so. */
export const cutOff = ({ rig, stream }: Scan): Finding[] =>
  (rig?.rails ?? []).flatMap(({ name }, r) => {
    const tops = stream?.learned?.[r]?.tops ?? {};
    return (["current", "power"] as const).flatMap((quantity) => {
      const top = tops[quantity];
      if (!top) return [];
      const text = `rail ${name}: ${top.rows} rows have a ${quantity} of exactly ${shown(quantity, top.value)}, its greatest, though others are noisy: its range ends there, and the Joules are a lower bound; use a larger range`;
      return [finding("rail-cut-off", name, text, top.rows)];
    });
  });

const ODDITY: Readonly<Record<Oddity["kind"], FindingCode>> = {
  stuck: "rail-stuck",
  silent: "rail-silent",
  alone: "rail-burst",
  spike: "rail-spike",
};

export const oddLoads = ({ stream }: Scan): Finding[] =>
  (stream?.oddities ?? []).map((o) =>
    finding(ODDITY[o.kind], o.rail, `rail ${o.rail}: ${oddity(o)}`),
  );

function oddity({ kind, quantity, value, held }: Oddity): string {
  const [much, usual] = [shown(quantity, value), shown(quantity, held)];
  switch (kind) {
    case "stuck":
      return `its ${quantity} is exactly ${much} in all rows, while other rails move: a dead channel, or one that is read from the wrong place; look at its sensor and its wiring`;
    case "silent":
      return `its ${quantity} is nothing (${much}) in all rows, while other rails move: nothing draws from it, or its channel is dead`;
    case "spike":
      return `its ${quantity} reaches ${much} in one row, more than ten times both rows beside it, and holds no more than ${usual} anywhere: a flipped bit, or a burst that these rows are too slow for; if it cannot be, state plausible of the rail in the rig, else use a higher row rate`;
    case "alone":
      return `its ${quantity} reaches ${much} in a few rows and holds no more than ${usual} anywhere: a short burst, or flipped bits; if it cannot be, state plausible of the rail in the rig`;
  }
}
