// Is there a PMD-USB, and at which rate does its UART run? `00` asks for its name, `01` for EE 0A and the
// firmware, `04` for its configuration; `07` starts and stops the stream, `08` sets the UART (ElmorLabs/PMD-USB,
// PMD_USB_Device.cs). It begins at 115,200 baud and stays where a program that was killed has left it.

import { setTimeout as sleep } from "node:timers/promises";
import { inputError, SourceError } from "../../../schema/errors.ts";
import { Dialogue } from "../../ports/dialogue.ts";
import { type OpenAt, WHO_ANSWERS } from "../../ports/port.ts";
import { configBytes, decodeConfig, type PmdUsbConfig } from "./config.ts";
import { FRAME_BYTES } from "./frame.ts";

export interface PmdUsb {
  readonly firmware: number;
  /** null: it did not say, or nothing that is one. */
  readonly config: PmdUsbConfig | null;
}

export const FIRST_BAUD = 115_200;
/**
 * Those of the fast sample that lorenzgillner/pmd-usb-logger took over from the maker, which calls 460,800 reliable;
 * Yang et al. (arXiv 2312.02741) used 921,600.
 */
const RATES: readonly number[] = [FIRST_BAUD, 230_400, 460_800, 921_600, 1_500_000, 2_000_000];
/** Start bit, eight data bits, stop bit. */
const UART_BITS = 10;
const NAME = "ElmorLabs PMD-USB";
const ANSWER_MS = 300;
const QUIET_MS = 40;
/** What the maker's program waits for after `08`. */
const SWITCH_MS = 100;

export const STOP = Uint8Array.of(0x07, 0, 0, 0);
/** Two bytes of time, all channels. */
export const START = Uint8Array.of(0x07, 1, 2, 0xff);

/** The slowest rate that carries so many frames a second. @throws InputError when none does. */
export function baudFor(rowHz: number): number {
  const baud = RATES.find((rate) => rate / UART_BITS / FRAME_BYTES >= rowHz);
  if (baud === undefined)
    throw inputError(
      "row_rate is more than a PMD-USB can send",
      "the rig",
      "11.1 kHz",
      `${rowHz} Hz`,
    );
  return baud;
}

/** `08`: baud, parity 2 (none), width 0 (eight bits), stop 0 (one bit), each u32 little-endian. */
export function uartCommand(baud: number): Uint8Array {
  const command = new DataView(new ArrayBuffer(17));
  command.setUint8(0, 0x08);
  [baud, 2, 0, 0].forEach((value, i) => command.setUint32(1 + 4 * i, value, true));
  return new Uint8Array(command.buffer);
}

/** Asks at each rate. The dialogue stays open. @throws SourceError when nobody answers. */
export async function greetPmdUsb(
  open: OpenAt,
): Promise<{ device: PmdUsb; dialogue: Dialogue; baud: number }> {
  let name = "";
  for (const baud of RATES) {
    const { device, dialogue } = await Dialogue.greet(open(baud), ask);
    name = dialogue.port.name;
    if (device) return { device, dialogue, baud };
    await dialogue.close();
  }
  throw new SourceError(`${name}: no PMD-USB answers at ${RATES.join(", ")} baud; ${WHO_ANSWERS}`);
}

async function ask(dialogue: Dialogue): Promise<PmdUsb | null> {
  dialogue.tell(STOP);
  if (!(await dialogue.hush(QUIET_MS))) return null; // a stream at another rate is noise here
  const name = await dialogue.ask(Uint8Array.of(0x00), NAME.length, ANSWER_MS);
  if (name.toString("latin1").replace(/\0$/, "") !== NAME) return null;
  const id = await dialogue.ask(Uint8Array.of(0x01), 3, ANSWER_MS);
  if (id.length !== 3 || id[0] !== 0xee || id[1] !== 0x0a) return null;
  const firmware = id[2]!;
  const config = await dialogue.ask(Uint8Array.of(0x04), configBytes(firmware), ANSWER_MS);
  return { firmware, config: decodeConfig(config, firmware) };
}

/** Sets the device's UART and opens the port again at that rate. @throws SourceError when it does not answer there. */
export async function switchTo(dialogue: Dialogue, open: OpenAt, baud: number): Promise<Dialogue> {
  dialogue.tell(uartCommand(baud));
  await sleep(SWITCH_MS);
  await dialogue.close();
  const { device, dialogue: fast } = await Dialogue.greet(open(baud), ask);
  if (device) return fast;
  await fast.close();
  throw new SourceError(
    `${fast.port.name}: the PMD-USB does not answer at ${baud} baud; a lower row_rate needs less`,
  );
}

export async function probePmdUsb(open: OpenAt): Promise<PmdUsb> {
  const { device, dialogue, baud } = await greetPmdUsb(open);
  if (baud !== FIRST_BAUD) dialogue.tell(uartCommand(FIRST_BAUD));
  await dialogue.close();
  return device;
}
