// The emulated board as a port in this process, at its own pace: no host's clock hurries it, so that a rehearsal
// goes right on a machine of any speed. In: an image. Out: a port to open.

import { Board } from "../../firmware/emulator/board.ts";
import type { OpenPort, PortSink } from "../../ingest/ports/port.ts";

const SLICE_NS = 2e6;
const UP_NS = 300e6;
/** A square wave on the trigger input, Hz. */
export const EMULATED_TRIGGER_HZ = 100;

/** @returns how to open it, and how to end it. */
export function emulatedPort(image: Uint8Array): { readonly open: OpenPort; end(): void } {
  let sink: PortSink | null = null;
  let ended = false;
  const edgesNs = Array.from(
    { length: 100_000 },
    (_, i) => UP_NS + (i * 1e9) / (2 * EMULATED_TRIGGER_HZ),
  );
  const mean = (): { shuntV: number; busV: number } => ({ shuntV: 0.01, busV: 12 });
  const sensors = [
    { address: 0x40, slowness: 0.99, mean },
    { address: 0x41, slowness: 1.02, mean },
  ];
  const board = new Board({
    image,
    pins: { adc: (_input, tNs) => 8 + (Math.floor(tNs / 1e5) % 3), edgesNs, sensors },
    onData: (bytes) => {
      const now = process.hrtime.bigint() as never;
      sink?.bytes(bytes, now, now);
    },
  });
  const turn = (): void => {
    if (ended) return;
    board.run(board.nowNs + SLICE_NS);
    setImmediate(turn);
  };
  turn();
  const open: OpenPort = async (to) => {
    while (!board.usb.isOpen) await new Promise((r) => setTimeout(r, 5));
    sink = to;
    return {
      name: "emulated board",
      timing: "event loop",
      write: (bytes) => board.usb.send(bytes),
      close: () => {
        sink = null;
        to.closed(null);
        return Promise.resolve();
      },
    };
  };
  return { open, end: () => void (ended = true) };
}
