// One entry of a rig's `shared`: what several sensors' errors have in common (rigs/README.md). Holds: it names sensors
// that there are, and states no more than a unit that they all have.

import { QUANTITIES, type Quantity, type Rail, type SharedError } from "../schema/rig.ts";
import type { Fields } from "./yaml-node.ts";

const UNITS = { voltage: "V", current: "A", power: "W" } as const;

/** @throws InputError with file and line. */
export async function readShared(f: Fields, rails: readonly Rail[]): Promise<SharedError> {
  f.only(["cause", "of", "sensors", "uncertainty"]);
  const of = f.oneOf("of", ["gain", "offset"]);
  const sensors = f.strings("sensors").map((name) => sensorOf(f, name, rails));
  const quantities = [...new Set(sensors.map((s) => s.quantity))];
  if (of === "offset" && f.has("uncertainty") && quantities.length > 1)
    throw f.error(
      `uncertainty: one of ${quantities.join(" and ")} cannot have one unit; leave it out, or make an entry of each`,
      "uncertainty",
    );
  const unit = of === "gain" ? "1" : UNITS[quantities[0] ?? "current"];
  return {
    cause: f.string("cause"),
    of,
    sensors,
    ...(f.has("uncertainty") ? { u: await f.uncertainty("uncertainty", unit) } : {}),
  };
}

/** `RAIL.voltage` */
function sensorOf(
  f: Fields,
  name: string,
  rails: readonly Rail[],
): { rail: string; quantity: Quantity } {
  const known = rails.flatMap((rail) =>
    QUANTITIES.flatMap((quantity) => (rail[quantity] ? [{ rail: rail.name, quantity }] : [])),
  );
  const found = known.find((s) => `${s.rail}.${s.quantity}` === name);
  if (!found)
    throw f.error(
      `sensors: no sensor "${name}"; there are ${known.map((s) => `${s.rail}.${s.quantity}`).join(", ")}`,
      "sensors",
    );
  return found;
}
