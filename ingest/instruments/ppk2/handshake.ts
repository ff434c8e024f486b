// Is there a PPK2, and how is it calibrated? `07` ends a stream that somebody left running, `19` asks for the
// metadata (NordicSemiconductor/pc-nrfconnect-ppk, serialDevice.ts). What is sent before a stream is what the
// maker's program sends (deviceActions.ts, open and setPowerMode).

import { SourceError } from "../../../schema/errors.ts";
import { Dialogue } from "../../ports/dialogue.ts";
import type { OpenPort } from "../../ports/port.ts";
import { parseMetadata, type Ppk2 } from "./metadata.ts";

export const START = Uint8Array.of(0x06);
export const STOP = Uint8Array.of(0x07);
const METADATA = Uint8Array.of(0x19);
/** 1: the current comes in and goes out; 2: the PPK2 feeds the rail. */
const AMPERE_METER = Uint8Array.of(0x11, 1);
const SOURCE_METER = Uint8Array.of(0x11, 2);
/** As source meter the output's switch; as ampere meter the one between VIN and VOUT. */
const OUTPUT_ON = Uint8Array.of(0x0c, 1);
const OUTPUT_OFF = Uint8Array.of(0x0c, 0);
const SOURCE_MODE = 2;

const ANSWER_MS = 1500;
const QUIET_MS = 60;

/** Opens the port and asks. The dialogue stays open for whoever streams. @throws SourceError, port closed. */
export const greetPpk2 = (open: OpenPort): Promise<{ device: Ppk2; dialogue: Dialogue }> =>
  Dialogue.greet(open, ask);

async function ask(dialogue: Dialogue): Promise<Ppk2> {
  const stranger = (what: string): SourceError =>
    new SourceError(
      `${dialogue.port.name}: no PPK2 answers (${what}); plug it in again, close what else uses it, or try its other port: newer firmware has two`,
    );
  dialogue.tell(STOP);
  if (!(await dialogue.hush(QUIET_MS))) throw stranger("the line never falls silent");
  const text = await dialogue.askUntil(METADATA, /^END\s*$/m, ANSWER_MS);
  const device = parseMetadata(text);
  if (device) return device;
  if (text === "") throw stranger("silence");
  const cut = /^END\s*$/m.test(text) ? "" : " without END";
  throw stranger(`${JSON.stringify(text.slice(0, 40))}${cut} for metadata`);
}

export async function probePpk2(open: OpenPort): Promise<Ppk2> {
  const { device, dialogue } = await greetPpk2(open);
  await dialogue.close();
  return device;
}

const regulator = (volts: number): Uint8Array => {
  const mV = Math.round(volts * 1e3);
  return Uint8Array.of(0x0d, mV >> 8, mV & 255);
};

/**
 * Commands before a stream. As ampere meter the switch between VIN and VOUT is closed, or nothing flows; the
 * regulator is told its own setting, without which a rail was seen to stay dark (IRNAS/ppk2-api-python#42). A
 * change to source meter happens with the output off.
 * @param feedsV volts that it is to feed the rail with; undefined: it only measures.
 */
export function preparation(feedsV: number | undefined, device: Ppk2): readonly Uint8Array[] {
  if (feedsV === undefined) {
    const setting = device.vddV === null ? [] : [regulator(device.vddV)];
    return [AMPERE_METER, ...setting, OUTPUT_ON];
  }
  const first = device.mode === SOURCE_MODE ? [] : [OUTPUT_OFF];
  return [...first, regulator(feedsV), SOURCE_METER, OUTPUT_ON];
}

/** Commands after one. A rail that is fed is switched off; one that is measured is not the recorder's to cut. */
export const conclusion = (feedsV: number | undefined): readonly Uint8Array[] =>
  feedsV === undefined ? [STOP] : [STOP, OUTPUT_OFF];
