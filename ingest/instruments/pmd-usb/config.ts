// A PMD-USB's configuration (`04`): 26 bytes, or 34 from firmware 6 on, little-endian, words at even offsets:
// u8 version, u16 CRC at 2, i8 offsets of the eight channels at 4, display and timeout, u8 averaging at 22, and
// from firmware 6 on i8 gain offsets at 23 (ElmorLabs/PMD-USB, FormPMD.cs; lorenzgillner/pmd-usb-logger, pmd.rs).
// An offset is in counts of 12 bits: value = (count + offset) · scale.

import type { Note } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import { FIELDS } from "./frame.ts";

export interface PmdUsbConfig {
  /** Conversions that the device averages, and how long they take as its program's labels say. */
  readonly averaging: (typeof AVERAGING)[number];
  /** By channel, in the order of the frame's. */
  readonly offsets: readonly number[];
  /** What they mean is not published; null before firmware 6. */
  readonly gainOffsets: readonly number[] | null;
}

const AVERAGING = [
  { conversions: 1, time: "29 µs" },
  { conversions: 64, time: "1.87 ms" },
  { conversions: 4096, time: "119 ms" },
  { conversions: 32768, time: "0.95 s" },
] as const;
const OFFSETS_AT = 4;
const AVERAGING_AT = 22;
const GAINS_AT = 23;
const GAINS_SINCE = 6;

export const configBytes = (firmware: number): number => (firmware < GAINS_SINCE ? 26 : 34);

/** @returns null when it cannot be one. */
export function decodeConfig(bytes: Buffer, firmware: number): PmdUsbConfig | null {
  if (bytes.length !== configBytes(firmware)) return null;
  const averaging = AVERAGING[bytes[AVERAGING_AT]!];
  if (!averaging) return null;
  const channels = (at: number): number[] => FIELDS.map((_, k) => bytes.readInt8(at + k));
  const gainOffsets = firmware < GAINS_SINCE ? null : channels(GAINS_AT);
  return { averaging, offsets: channels(OFFSETS_AT), gainOffsets };
}

/** What the device says of itself that the rig does not: the rig is taken, and the run says so. */
export function configNotes({ averaging, offsets }: PmdUsbConfig, rig: Rig): Note[] {
  const notes: Note[] = [];
  const warn = (text: string): void => void notes.push({ level: "warning", text });
  const { conversions, time } = averaging;
  if (conversions > 1)
    warn(
      `the PMD-USB is set to average ${conversions} conversions (${time}): its rows may be slower than they come`,
    );
  const stated = rig.rails.flatMap((r) => [r.voltage, r.current]);
  FIELDS.forEach(({ name }, k) => {
    const sensor = stated.find((s) => s?.field === name);
    if (!sensor) return;
    const off = (-offsets[k]! - sensor.zeroCount) * sensor.perCount;
    // Beyond the rig's expanded uncertainty (k = 2).
    if (Math.abs(off) > 2 * sensor.offsetU)
      warn(`${name}: the device's zero differs by ${off.toPrecision(2)}: the rig's value is used`);
  });
  return notes;
}
