// A DAQ that speaks docs/wire.md as an instrument behind a line: device, conversation, and the splitter
// between them and the host's bytes.

import { FrameSplitter } from "../../schema/wire/frame-splitter.ts";
import { Conversation } from "./conversation.ts";
import { type TriggerReport, VirtualDevice } from "./device.ts";
import type { Instrument, Send } from "./instrument.ts";
import { LINE_LAG_NS, type OutsideLine } from "./line-file.ts";
import { type DaqTruth, loopTruth } from "./truth.ts";
import type { UsbPipe } from "./usb-pipe.ts";

export interface WireOptions {
  readonly serial: string;
  readonly trigger: TriggerReport;
  /** Where the trigger line's edges come from; null: the simulated work makes them. */
  readonly line: OutsideLine | null;
  readonly flatOut: boolean;
}

/** Rows kept for a flat-out run. */
const LOOP_ROWS = 1 << 17;

export function wireInstrument(
  truth: DaqTruth,
  { serial, trigger, line, flatOut }: WireOptions,
  send: Send,
  pipe: UsbPipe,
): Instrument {
  const device = new VirtualDevice(flatOut ? loopTruth(truth, LOOP_ROWS) : truth, trigger, send);
  device.stalls = () => [pipe.stalls, pipe.longestStallNs];
  let now = 0;
  const conversation = new Conversation(device, serial, () => device.reset(now));
  const splitter = new FrameSplitter((frame) => conversation.command(frame, now));
  return {
    get running() {
      return device.running;
    },
    baud: null,
    take(bytes, nowNs) {
      now = nowNs;
      splitter.push(bytes, null, null);
    },
    advance(nowNs) {
      if (line) for (const t of line.file.take()) truth.edge(Number(t - line.epoch));
      device.advance(nowNs, line ? LINE_LAG_NS : 0);
    },
    block: () => device.block(),
    reset: (nowNs) => device.reset(nowNs),
    account: () => ({
      ...device.counters,
      lateEdges: truth.lateEdges(),
      starts: device.starts.list,
    }),
    close: () => line?.file.close(),
  };
}
