// A PowerSensor3's configuration: eight records of 41 packed bytes, char type[16], char pairName[16], float32
// vref, float32 sensitivity, uint8 inUse, little-endian (device/PowerSensor/PowerSensor.ino). Even sensors are
// currents, odd ones voltages: value = (3.3 V · level / 1023 − vref) / sensitivity. psconfig writes all eight back
// whichever it was asked to set, so those never set hold what erased flash holds: ones, which are NaN.

import type { Note } from "../../../schema/records.ts";
import type { Rig, Sensor } from "../../../schema/rig.ts";

export const SENSORS = 8;
export const RECORD_BYTES = 41;
/** A byte of flash that nobody has written. */
const ERASED = 0xff;
/** Volts of a level. */
export const LEVEL_V = 3.3 / 1023;

export interface SensorConfig {
  readonly type: string;
  readonly pair: string;
  /** Volts at the input when nothing is measured, and volts per ampere or per volt; signed. NaN: never set. */
  readonly vrefV: number;
  readonly sensitivity: number;
  readonly inUse: boolean;
}

/** @param bytes of one record. @returns null when it cannot be one. */
export function decodeSensor(bytes: Buffer): SensorConfig | null {
  if (bytes.length !== RECORD_BYTES) return null;
  const [vrefV, sensitivity, inUse] = [bytes.readFloatLE(32), bytes.readFloatLE(36), bytes[40]!];
  if (inUse > 1 && inUse !== ERASED) return null;
  const text = (from: number): string =>
    bytes
      .toString("latin1", from, from + 16)
      .split(/[^ -~]/)[0]!
      .trim();
  return { type: text(0), pair: text(16), vrefV, sensitivity, inUse: inUse === 1 };
}

export const fieldOf = (sensor: number): string => `sensor${sensor}`;

/** What device and rig say of each other that does not agree: the rig is taken, and the run says so. */
export function configNotes(config: readonly SensorConfig[], rig: Rig): Note[] {
  const stated = rig.rails.flatMap((r) => [r.current, r.voltage, r.power]);
  const notes: Note[] = [];
  const warn = (text: string): void => void notes.push({ level: "warning", text });
  config.forEach((device, i) => {
    const sensor = stated.find((s) => s?.field === fieldOf(i));
    const name = `${fieldOf(i)} (${device.pair || "no name"}, ${device.type || "no type"})`;
    if (sensor && !device.inUse) warn(`${name} is not in use on the device, the rig reads it`);
    else if (!sensor && device.inUse && pairInUse(config, i))
      warn(`${name} is in use on the device, no rail of the rig reads it`);
    else if (sensor) disagreements(device, sensor).forEach((text) => warn(`${name}: ${text}`));
  });
  return notes;
}

const pairInUse = (config: readonly SensorConfig[], i: number): boolean =>
  config[i & ~1]!.inUse && config[i | 1]!.inUse;

/** Beyond the rig's own expanded uncertainty (k = 2) the two are no longer about the same sensor. */
function disagreements({ vrefV, sensitivity }: SensorConfig, sensor: Sensor): string[] {
  if (!Number.isFinite(sensitivity) || sensitivity === 0 || !Number.isFinite(vrefV))
    return ["the device has no sensitivity and zero set: the rig's values are used"];
  const perLevel = LEVEL_V / sensitivity;
  const gain = perLevel / sensor.perCount - 1;
  const offset = (vrefV / LEVEL_V - sensor.zeroCount) * sensor.perCount;
  const texts: string[] = [];
  if (Math.abs(gain) > 2 * sensor.gainU)
    texts.push(
      `the device's sensitivity differs by ${(100 * gain).toFixed(1)} %: the rig's value is used`,
    );
  if (Math.abs(offset) > 2 * sensor.offsetU)
    texts.push(`the device's zero differs by ${offset.toPrecision(2)}: the rig's value is used`);
  return texts;
}
