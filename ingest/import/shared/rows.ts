// What every importer needs to write DAQ rows: a check of the rig against the layout, and blocks.

import type { LogWriter } from "../../../capture/log-writer.ts";
import { inputError } from "../../../schema/errors.ts";
import { BlockFlag, type Note, type RowField, type RowLayout } from "../../../schema/records.ts";
import type { Rail, Rig, Sensor } from "../../../schema/rig.ts";
import type { Instant } from "../../../schema/time.ts";
import { upperMedian } from "../../../stats/summary.ts";

export const BLOCK_ROWS = 4096;

/**
 * The rig without the rails of which the capture holds no channel at all; each is told.
 * @throws InputError when none remains.
 */
export function presentRails(rig: Rig, names: readonly string[], notes: Note[]): Rig {
  const rails = rig.rails.filter((rail) =>
    sensors(rail).some((sensor) => names.includes(sensor.field)),
  );
  if (rails.length === 0)
    throw inputError(
      "none of its rails is in this capture",
      `rig ${rig.name}`,
      `channels among ${names.join(", ")}`,
    );
  for (const { name } of rig.rails)
    if (!rails.some((r) => r.name === name))
      notes.push({ level: "info", text: `rail ${name} of rig ${rig.name} is not in this capture` });
  return { ...rig, rails };
}

/** The rig without those voltages and currents beside a power sensor that the capture does not have; each is reported. */
export function presentSensors(rig: Rig, names: readonly string[], notes: Note[]): Rig {
  const absent = (s: Sensor | undefined): boolean => s !== undefined && !names.includes(s.field);
  const rails = rig.rails.map((rail): Rail => {
    const { voltage, current, power, ...rest } = rail;
    if (!power || absent(power) || (!absent(voltage) && !absent(current))) return rail;
    for (const s of [voltage, current])
      if (absent(s))
        notes.push({
          level: "info",
          text: `rail ${rail.name}: ${s!.field} is not in this capture`,
        });
    return {
      ...rest,
      power,
      ...(voltage && !absent(voltage) ? { voltage } : {}),
      ...(current && !absent(current) ? { current } : {}),
    };
  });
  return { ...rig, rails };
}

/** The rig with the rate that the file itself states, for rows that are timed by their index. */
export function ratedRig(rig: Rig, rateHz: number, notes: Note[]): Rig {
  const { device } = rig;
  if (device.rowHz === rateHz && device.clock.hz === rateHz) return rig;
  notes.push({
    level: "info",
    text: `the file states ${rateHz} rows a second, rig ${rig.name} ${device.rowHz}: the file's value is used`,
  });
  const clock = { ...device.clock, hz: rateHz };
  return { ...rig, device: { ...device, rowHz: rateHz, clock } };
}

function sensors(rail: Rail): Sensor[] {
  return [rail.voltage, rail.current, rail.power].filter((s) => s !== undefined);
}

/** No instrument has more; the layout stands in every chunk of the log. */
export const MOST_FIELDS = 1024;

/** @throws InputError when a sensor of the rig reads a field that the format does not have. */
export function rowLayout(
  rig: Rig,
  rowBytes: number,
  fields: readonly RowField[],
  tick?: RowField,
): RowLayout {
  if (fields.length > MOST_FIELDS)
    throw inputError(
      "too many channels",
      `stream ${rig.device.stream}`,
      `at most ${MOST_FIELDS}`,
      `${fields.length}`,
    );
  const names = fields.map((f) => f.name);
  for (const rail of rig.rails)
    for (const sensor of sensors(rail))
      if (!names.includes(sensor.field))
        throw inputError(
          `rail ${rail.name} reads field ${sensor.field}, which this capture does not have`,
          `rig ${rig.name}`,
          `one of ${names.join(", ")}`,
        );
  return { stream: rig.device.stream, rowBytes, fields, ...(tick ? { tick } : {}) };
}

/** Host time before and after the read that completed a block. */
export type HostStamp = readonly [Instant<"host">, Instant<"host">];

/** Writes whole rows as blocks of at most 4096; an index that jumps puts a gap before its block. */
export interface RowSink {
  /** The next jump of the index is no loss: nothing was taken there. */
  readonly pause: () => void;
  /** `bytes` must hold whole rows and stay untouched until the call returns. */
  readonly write: (firstIndex: number, bytes: Uint8Array, stamp?: HostStamp) => void;
}

/** @param start host time of the stream's start, put on the first block alone; null when unknown. */
export function rowSink(log: LogWriter, layout: RowLayout, start: Instant<"host"> | null): RowSink {
  const { stream, rowBytes } = layout;
  let next: number | undefined;
  let paused = 0;
  log.declareRows(layout);
  return {
    pause() {
      paused = BlockFlag.pause;
    },
    write(firstIndex, bytes, stamp) {
      for (let at = 0; at < bytes.length; at += BLOCK_ROWS * rowBytes) {
        const part = bytes.subarray(at, at + BLOCK_ROWS * rowBytes);
        const index = firstIndex + at / rowBytes;
        const [hostBefore, hostAfter] =
          stamp ?? (next === undefined ? [start, start] : [null, null]);
        log.rows({
          stream,
          firstIndex: index,
          deviceTick: null,
          hostBefore,
          hostAfter,
          rows: part.length / rowBytes,
          flags: next !== undefined && index !== next ? BlockFlag.gapBefore | paused : 0,
          bytes: part,
        });
        paused = 0;
        next = index + part.length / rowBytes;
      }
    },
  };
}

/**
 * Writes rows of one float each, as they stand but for those that are no number: these leave a gap,
 * since a NaN must neither be integrated nor be taken for zero. @returns how many were left out.
 */
export function writeFinite(
  sink: RowSink,
  firstIndex: number,
  values: Float32Array | Float64Array,
): number {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const width = values.BYTES_PER_ELEMENT;
  let from = 0;
  let left = 0;
  for (let i = 0; i <= values.length; i++) {
    if (i < values.length && Number.isFinite(values[i])) continue;
    if (i > from) sink.write(firstIndex + from, bytes.subarray(from * width, i * width));
    if (i < values.length) left++;
    from = i + 1;
  }
  return left;
}

/** Rows a second by the median of the steps between them, ns; 1 where there is no step. */
export function usualHz(stepsNs: readonly number[]): number {
  const median = upperMedian(stepsNs);
  return median === undefined ? 1 : 1e9 / median;
}
