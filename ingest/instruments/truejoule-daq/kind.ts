// A DAQ that speaks docs/wire.md.

import { channelsOf } from "../../../schema/wire/frame-records.ts";
import { formatQuantity } from "../../../schema/units.ts";
import type { InstrumentKind, Recognised } from "../kind.ts";
import { channelNames, type Greeting, probe, sourceOf } from "./handshake.ts";

export const truejouleDaq = {
  kind: "truejoule-daq",
  name: "DAQ",
  usb: null,
  rigKeys: [],
  ask: async (open, patienceMs) => recognised(await probe(open(), patienceMs)),
  start: async (open, rig, sink, onFatal) => {
    const { stream, rowHz } = rig.device;
    const { startDaq } = await import("./daq-source.ts");
    return startDaq({ open: open(), stream, rowHz, onFatal }, sink);
  },
} as const satisfies InstrumentKind;

function recognised({ identity: i, capabilities: c }: Greeting): Recognised {
  const channels = channelNames(c);
  const rate = `up to ${formatQuantity(c.maxSamplesHz, "Hz")} in all, ${c.bits} bits`;
  const lines = channelsOf(c.edgeLines | c.sampledLines).length;
  return {
    kind: truejouleDaq.kind,
    model: i.model,
    serial: i.serial,
    firmware: i.firmware,
    source: sourceOf(i),
    channels,
    lines: [
      `channels ${channels.join(", ")}; ${rate}; ${lines} trigger line${lines === 1 ? "" : "s"}`,
    ],
    facts: {
      channels,
      row_hz: c.rowHz,
      max_samples_hz: c.maxSamplesHz,
      bits: c.bits,
      tick_hz: c.tickHz,
      tick_tolerance_ppb: c.tickTolerancePpb,
    },
  };
}
