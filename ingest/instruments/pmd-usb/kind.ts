import type { InstrumentKind, Recognised } from "../kind.ts";
import { type PmdUsb, probePmdUsb } from "./handshake.ts";

export const pmdUsb = {
  kind: "elmorlabs-pmd-usb",
  name: "PMD-USB",
  usb: "1a86:7523",
  rigKeys: [],
  ask: async (open) => recognised(await probePmdUsb(open)),
  start: async (...all) => (await import("./source.ts")).startPmdUsb(...all),
} as const satisfies InstrumentKind;

const recognised = ({ firmware }: PmdUsb): Recognised => ({
  kind: pmdUsb.kind,
  model: "ElmorLabs PMD-USB",
  serial: null,
  firmware: String(firmware),
  source: null,
  channels: null,
  lines: ["inputs pcie1, pcie2, eps1, eps2; up to 5.12 kHz"],
  facts: { inputs: ["pcie1", "pcie2", "eps1", "eps2"], max_row_hz: 5120 },
});
