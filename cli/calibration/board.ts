// A calibration record → the board that it is of: written, read back, held against what was meant
// (docs/wire.md, Calibration). The board does not use it: a rig file does, by calibrated_by.

import {
  readCalibration,
  writeCalibration,
} from "../../ingest/instruments/truejoule-daq/calibration-store.ts";
import { converse, sourceOf } from "../../ingest/instruments/truejoule-daq/handshake.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import type { CalibrationRecord } from "../../schema/documents/calibration.ts";
import { InputError } from "../../schema/errors.ts";
import { MAX_CALIBRATION } from "../../schema/wire/frame-commands.ts";

/** @returns what was done, in words. @throws InputError, SourceError when the board does not have it now. */
export function writeToBoard(port: string, record: CalibrationRecord): Promise<string> {
  const { text, omitted } = boardText(record);
  return converse(ttyPort(port), async (channel, { identity }) => {
    const board = `${identity.model} ${identity.serial} at ${port}`;
    const source = sourceOf(identity);
    if (source !== record.source)
      throw new InputError(
        `the record is from ${record.source} data, the ${board} is ${source}: a board keeps only its own bench's`,
      );
    await writeCalibration(channel, text);
    if ((await readCalibration(channel)) !== text)
      throw new InputError(`${board}: what it gives back is not what was written`);
    const kept = source === "hardware" ? "" : `; ${source}: it is gone when its program ends`;
    return `written to ${board}, read back and equal, ${text.length} bytes${omitted}${kept}`;
  });
}

/** As much as fits: lines and uncertainties before the points that they rest on. */
export function boardText(record: CalibrationRecord): { text: string; omitted: string } {
  const fits = (text: string): boolean => Buffer.byteLength(text) <= MAX_CALIBRATION;
  const whole = JSON.stringify(record);
  if (fits(whole)) return { text: whole, omitted: "" };
  const sensors = record.sensors.map((s) => ({ ...s, points: [] }));
  const text = JSON.stringify({ ...record, sensors });
  if (fits(text)) return { text, omitted: ", without the points of its lines" };
  throw new InputError(
    `the record is too long for a board, which keeps ${MAX_CALIBRATION} bytes (${Buffer.byteLength(text)} without its points): calibrate fewer sensors or runs at once`,
  );
}
