// What a device supports, asked once by reading every quantity. A refusal that cannot change leaves the
// quantity out; any other failure keeps it, to be recorded with its code.

import { isPermanent } from "./codes.ts";
import { type NvmlDevice, QUANTITIES, type Quantity } from "./library.ts";

export interface Feature {
  readonly quantity: Quantity;
  /** 0, or why the read failed. */
  readonly code: number;
  readonly supported: boolean;
}

/** Reads each of `quantities` once. */
export function probeFeatures(
  device: NvmlDevice,
  quantities: readonly Quantity[] = QUANTITIES,
): Feature[] {
  return quantities.map((quantity) => {
    let code = 0;
    device.read[quantity]({ put: (_value, c) => void (code = c) });
    return { quantity, code, supported: !isPermanent(code) };
  });
}
