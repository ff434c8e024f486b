// A virtual ElmorLabs PMD-USB, written from the maker's program (ElmorLabs/PMD-USB, PMD_USB_Device.cs) and
// PMDLogger: commands of one byte with their arguments, a UART whose rate can be set, frames of a tick and
// eight channels.

import type { Instrument } from "./instrument.ts";
import {
  commandReader,
  type Paced,
  pacedInstrument,
  type PacedRows,
  type Protocol,
} from "./paced.ts";

const NAME = "ElmorLabs PMD-USB";
const ID = Uint8Array.of(0xee, 0x0a, 6);
/** Of firmware 6: version 5, no offsets, no averaging. */
const CONFIG = Uint8Array.from({ length: 34 }, (_, at) => (at === 0 ? 5 : 0));
const FIRST_BAUD = 115_200;
const CHANNELS = ["pcie1", "pcie2", "eps1", "eps2"].flatMap((input) => [
  `${input}_v`,
  `${input}_i`,
]);
/** Signed, 12 bits. */
const TOP = 0x7ff;
/** Bytes that follow a command. */
const ARGUMENTS: Readonly<Record<number, number>> = { 0x07: 3, 0x08: 16 };

export const pmdUsbInstrument = (paced: Paced): Instrument =>
  pacedInstrument(paced, (rows) => pmdUsb(rows, paced));

function pmdUsb(rows: PacedRows, { send }: Paced): Protocol {
  let baud = FIRST_BAUD;
  let tickBytes = 0;
  let channels: readonly string[] = [];
  const commands = commandReader(ARGUMENTS, (code, rest, nowNs) => {
    if (code === 0x00) send(Buffer.from(NAME, "latin1"));
    else if (code === 0x01) send(ID);
    else if (code === 0x04) send(CONFIG);
    else if (code === 0x07) {
      const [enable, ticks, mask] = rest as [number, number, number];
      tickBytes = Math.min(4, ticks);
      channels = CHANNELS.filter((_, i) => mask & (1 << i));
      if (enable) rows.start(nowNs);
      else rows.stop();
    } else if (code === 0x08) baud = Buffer.from(rest).readUInt32LE(0);
  });
  return {
    get baud() {
      return baud;
    },
    take: commands.take,
    frame() {
      const frame = new DataView(new ArrayBuffer(tickBytes + 2 * channels.length));
      const ticks = rows.ticks();
      for (let i = 0; i < tickBytes; i++) frame.setUint8(i, Math.floor(ticks / 256 ** i) & 255);
      // Bits above are the bench's trigger line, which this device has not.
      channels.forEach((channel, i) =>
        frame.setInt16(tickBytes + 2 * i, (rows.word(channel) & TOP) << 4, true),
      );
      return new Uint8Array(frame.buffer);
    },
    reset() {
      baud = FIRST_BAUD;
      commands.reset();
    },
  };
}
