// What every importer needs to write DAQ rows: a check of the rig against the layout, and blocks.

import type { LogWriter } from "../../capture/log-writer.ts";
import { inputError } from "../../schema/errors.ts";
import { BlockFlag, type RowField, type RowLayout } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Instant } from "../../schema/time.ts";

export const BLOCK_ROWS = 4096;

/** @throws InputError when a sensor of the rig reads a field that the format does not have. */
export function rowLayout(
  rig: Rig,
  rowBytes: number,
  fields: readonly RowField[],
  tick?: RowField,
): RowLayout {
  const names = fields.map((f) => f.name);
  for (const rail of rig.rails)
    for (const sensor of [rail.voltage, rail.current, rail.power])
      if (sensor && !names.includes(sensor.field))
        throw inputError(
          `rail ${rail.name} reads field ${sensor.field}, which this capture does not have`,
          `rig ${rig.name}`,
          `one of ${names.join(", ")}`,
        );
  return { stream: rig.device.stream, rowBytes, fields, ...(tick ? { tick } : {}) };
}

/** Writes whole rows as blocks; remembers which is the first and whether a gap lies before the next. */
export interface RowSink {
  /** `bytes` must hold whole rows and stay untouched until the call returns. */
  write(firstIndex: number, bytes: Uint8Array, gapBefore: boolean): void;
}

/** @param start host time of the stream's start, put on the first block alone; null when unknown. */
export function rowSink(log: LogWriter, layout: RowLayout, start: Instant<"host"> | null): RowSink {
  let stamp = start;
  log.declareRows(layout);
  return {
    write(firstIndex, bytes, gapBefore) {
      const blockBytes = BLOCK_ROWS * layout.rowBytes;
      for (let at = 0; at < bytes.length; at += blockBytes) {
        const part = bytes.subarray(at, at + blockBytes);
        log.rows({
          stream: layout.stream,
          firstIndex: firstIndex + at / layout.rowBytes,
          deviceTick: null,
          hostBefore: stamp,
          hostAfter: stamp,
          rows: part.length / layout.rowBytes,
          flags: gapBefore && at === 0 ? BlockFlag.gapBefore : 0,
          bytes: part,
        });
        stamp = null;
      }
    },
  };
}
