import { formatQuantity } from "../../../schema/units.ts";
import type { InstrumentKind, Recognised } from "../kind.ts";
import { probePpk2 } from "./handshake.ts";
import type { Ppk2 } from "./metadata.ts";

export const ppk2 = {
  kind: "nordic-ppk2",
  name: "PPK2",
  usb: "1915:c00a",
  // The voltage that it feeds a rail.
  rigKeys: ["source_meter"],
  ask: async (open) => recognised(await probePpk2(open())),
  start: async (open, ...rest) => (await import("./source.ts")).startPpk2(open(), ...rest),
} as const satisfies InstrumentKind;

function recognised({ calibrated, hardware, vddV, ranges, defaults }: Ppk2): Recognised {
  const ohms = ranges.map(({ r }) => formatQuantity(r, "ohm"));
  const but = defaults.length === 0 ? "" : ` but for ${defaults.join(", ")}`;
  return {
    kind: ppk2.kind,
    model: "Nordic PPK2",
    serial: null,
    firmware: null,
    source: null,
    channels: null,
    lines: [
      `100 kHz, current and logic inputs d0 to d7; shunts ${ohms.join(", ")}; ${calibrated === false ? "un" : ""}calibrated${but}`,
    ],
    facts: { row_hz: 100_000, hardware, calibrated, vdd_v: vddV, defaults },
  };
}
