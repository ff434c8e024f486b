// device.json of a log (docs/capture.md, `device/1`): what a device said of itself, in keys of its own. Here is what is
// read of it.

import type { DocumentOf } from "./document.ts";
import { count, listOf, maybe, number, object, text } from "./words.ts";

export const DEVICE = object({
  /** A channel without a name has its number for one. Sampled so long after its row's time, ns. */
  channels: maybe(listOf(object({ channel: count, name: text, skew_ns: number }))),
});

export type DeviceDocument = DocumentOf<typeof DEVICE>;
