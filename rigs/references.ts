// The `reference` block of a rail → Reference: an INA226 on the same conductor whose readings correct the
// rail's fast sensors (rigs/README.md, reference).

import { BUS_COUNT_V, SHUNT_COUNT_V } from "../schema/wire/ina226.ts";
import type { Rail, Reference, Sensor } from "../schema/rig.ts";
import { readUncertainties, sign } from "./sensors.ts";
import type { Fields } from "./yaml-node.ts";

const ADDRESSES = [0x40, 0x41, 0x44, 0x45];

/** @param stream of the DAQ that reads the chip. @param rail as far as it is read. */
export async function readReference(f: Fields, stream: string, rail: Rail): Promise<Reference> {
  f.only(["kind", "address", "current", "voltage"]);
  const kind = f.oneOf("kind", ["ina226"]);
  const address = f.number("address");
  if (!ADDRESSES.includes(address))
    throw f.error(`address: expected 0x40, 0x41, 0x44 or 0x45, found ${address}`, "address");
  if (!f.has("current") && !f.has("voltage"))
    throw f.error("reference: expected current, voltage or both");
  for (const quantity of ["current", "voltage"] as const)
    if (f.has(quantity) && !rail[quantity])
      throw f.error(`rail "${rail.name}" has no ${quantity} sensor to be corrected`, quantity);
  return {
    kind,
    address,
    stream: `${stream}.ina226-${address.toString(16)}`,
    ...(f.has("current") ? { current: await current(f.map("current")) } : {}),
    ...(f.has("voltage") ? { voltage: await voltage(f.map("voltage")) } : {}),
  };
}

async function current(f: Fields): Promise<Sensor> {
  f.only(["resistance", "polarity", "calibration"]);
  return {
    field: "shunt",
    perCount: (sign(f) * SHUNT_COUNT_V) / (await f.positive("resistance", "ohm")),
    zeroCount: 0,
    ...(await readUncertainties(f, "A")),
  };
}

async function voltage(f: Fields): Promise<Sensor> {
  f.only(["calibration"]);
  return {
    field: "bus",
    perCount: BUS_COUNT_V,
    zeroCount: 0,
    ...(await readUncertainties(f, "V")),
  };
}
