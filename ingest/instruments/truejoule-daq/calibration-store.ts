// The calibration text that a DAQ keeps for its bench, so that a board carries its record with it
// (docs/wire.md, Calibration). The device does not read it; the host pads, pages and checks.

import { SourceError } from "../../../schema/errors.ts";
import {
  CALIBRATION_PAGE,
  CommandType,
  encodeReadCalibration,
  encodeWriteCalibration,
  MAX_CALIBRATION,
} from "../../../schema/wire/frame-commands.ts";
import { decodeCalibrationPage } from "../../../schema/wire/frame-replies.ts";
import type { CommandChannel } from "./command-channel.ts";

/** The last page's reply comes after the storing: within 1 s (docs/wire.md). */
const STORING_MS = 1200;

/** @returns the text, "" where none was stored. @throws SourceError when pages do not fit together. */
export async function readCalibration(channel: CommandChannel): Promise<string> {
  const whole: Uint8Array[] = [];
  for (let offset = 0, total = Infinity; offset < total;) {
    const { reply } = await channel.request(CommandType.readCalibration, "read calibration", (n) =>
      encodeReadCalibration(offset, n),
    );
    const page = decodeCalibrationPage(reply.body);
    const ended = page?.data.length === 0 && offset < page.total;
    if (!page || page.offset !== offset || page.total > MAX_CALIBRATION || ended)
      throw new SourceError(`calibration page at ${offset} does not fit`);
    whole.push(page.data);
    total = page.total;
    offset += page.data.length;
  }
  return Buffer.concat(whole).toString("utf8").trimEnd();
}

/** @throws SourceError when it is too long for the device or is not stored. */
export async function writeCalibration(channel: CommandChannel, text: string): Promise<void> {
  const bytes = Buffer.from(text, "utf8");
  const whole = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3, " ")]);
  if (whole.length > MAX_CALIBRATION)
    throw new SourceError(
      `a calibration of ${whole.length} bytes: the device keeps ${MAX_CALIBRATION}`,
    );
  for (let offset = 0; offset < whole.length; offset += CALIBRATION_PAGE) {
    const page = whole.subarray(offset, offset + CALIBRATION_PAGE);
    await channel.request(
      CommandType.writeCalibration,
      "write calibration",
      (n) => encodeWriteCalibration(whole, offset, page, n),
      STORING_MS,
    );
  }
}
