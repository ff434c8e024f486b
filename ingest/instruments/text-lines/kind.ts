import type { InstrumentKind } from "../kind.ts";

export const textLines = {
  kind: "text-lines",
  name: "device that prints lines",
  usb: null,
  // How its lines read.
  rigKeys: ["text"],
  ask: null,
  start: async (open, rig, sink, onFatal) => {
    const { stream, rowHz, clock, text } = rig.device;
    if (!text) throw new Error("a rig of text lines says how they read");
    const { startText } = await import("./text-source.ts");
    return startText({ open: open(text.baud), stream, format: text, rowHz, clock, onFatal }, sink);
  },
} as const satisfies InstrumentKind;
