// A virtual ElmorLabs PMD-USB, written from the maker's program (ElmorLabs/PMD-USB, PMD_USB_Device.cs) and
// PMDLogger: commands of one byte with their arguments, a UART whose rate can be set, frames of a tick and
// eight channels.

import type { Rig } from "../../schema/rig.ts";
import { type BenchOptions, VirtualBench } from "../virtual/bench.ts";
import type { Instrument, Send } from "./instrument.ts";

const NAME = "ElmorLabs PMD-USB";
const ID = Uint8Array.of(0xee, 0x0a, 6);
const FIRST_BAUD = 115_200;
const CHANNELS = ["pcie1", "pcie2", "eps1", "eps2"].flatMap((input) => [
  `${input}_v`,
  `${input}_i`,
]);
/** Signed, 12 bits. */
const TOP = 0x7ff;
/** Bytes that follow a command; none follow any other. */
const ARGUMENTS: Readonly<Record<number, number>> = { 0x07: 3, 0x08: 16 };

/** @param rig its rows timed by the bench's clock; `tickHz` what its counter counts. */
export function pmdUsbInstrument(
  rig: Rig,
  options: BenchOptions,
  tickHz: number,
  send: Send,
): Instrument {
  const bench = new VirtualBench(rig, options);
  const words = CHANNELS.map((name) => bench.layout.fields.findIndex((f) => f.name === name));
  const row = new Uint16Array(bench.layout.rowBytes >> 1);
  const account = { framesMade: 0, framesDropped: 0 };
  let baud = FIRST_BAUD;
  let stream: { tickBytes: number; channels: readonly number[] } | null = null;
  let next = 0;
  let poweredRow = 0;
  let waiting: number[] = [];

  const block = (): void => {
    const { tickBytes, channels } = stream!;
    bench.fillRows(next, 1, row);
    const frame = new DataView(new ArrayBuffer(tickBytes + 2 * channels.length));
    const ticks = Math.floor(((next - poweredRow) * tickHz) / rig.device.rowHz);
    for (let i = 0; i < tickBytes; i++) frame.setUint8(i, Math.floor(ticks / 256 ** i) & 255);
    channels.forEach((channel, i) => {
      const word = words[channel]!;
      // Bits above are the bench's trigger line, which this device has not.
      frame.setInt16(tickBytes + 2 * i, word < 0 ? 0 : (row[word]! & TOP) << 4, true);
    });
    const sent = send(new Uint8Array(frame.buffer));
    account[sent ? "framesMade" : "framesDropped"]++;
    next++;
  };
  const command = ([code, ...rest]: number[], nowNs: number): void => {
    if (code === 0x00) send(Buffer.from(NAME, "latin1"));
    else if (code === 0x01) send(ID);
    else if (code === 0x07) {
      const [enable, tickBytes, mask] = rest as [number, number, number];
      const channels = CHANNELS.flatMap((_, i) => (mask & (1 << i) ? [i] : []));
      if (enable && !stream) next = bench.clock.rowAt(nowNs);
      stream = enable ? { tickBytes: Math.min(4, tickBytes), channels } : null;
    } else if (code === 0x08) baud = Buffer.from(rest).readUInt32LE(0);
  };
  return {
    get running() {
      return stream !== null;
    },
    get baud() {
      return baud;
    },
    take(bytes, nowNs) {
      for (const byte of bytes) {
        waiting.push(byte);
        if (waiting.length <= (ARGUMENTS[waiting[0]!] ?? 0)) continue;
        command(waiting, nowNs);
        waiting = [];
      }
    },
    advance(nowNs) {
      if (!stream) return;
      for (const due = bench.clock.rowAt(nowNs); next < due;) block();
    },
    block,
    reset(nowNs) {
      baud = FIRST_BAUD;
      stream = null;
      waiting = [];
      poweredRow = bench.clock.rowAt(nowNs);
    },
    account: () => account,
    close: () => undefined,
  };
}
