// The DAQ's clock by exchanges of stamps with the device.

import { type ClockModel, fitLine } from "../clock.ts";
import { modelOf } from "../fit-model.ts";
import type { ClockMethod, Look } from "./method.ts";

export const exchange: ClockMethod = { name: "exchange", fit };

function fit({ evidence: { exchanges: pairs, clock, prior } }: Look): ClockModel | undefined {
  if (pairs.length === 0) return undefined;
  const asymmetryNs = pairs.reduce((least, p) => Math.min(least, p.uNs), Infinity);
  const fitted = { pairs, fit: fitLine(pairs, prior) };
  return modelOf({ clock, method: exchange.name, prior }, fitted, asymmetryNs);
}
