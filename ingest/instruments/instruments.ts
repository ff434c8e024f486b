// Every kind of instrument that can be recorded from.

import type { InstrumentKind } from "./kind.ts";
import { pmdUsb } from "./pmd-usb/kind.ts";
import { powerSensor3 } from "./powersensor3/kind.ts";
import { ppk2 } from "./ppk2/kind.ts";
import { textLines } from "./text-lines/kind.ts";
import { truejouleDaq } from "./truejoule-daq/kind.ts";

/** In the order in which a port is asked: a PPK2's stop is a PMD-USB's first byte of four. */
const KINDS = [truejouleDaq, powerSensor3, pmdUsb, ppk2, textLines] as const;

export type KindName = (typeof KINDS)[number]["kind"];

export const INSTRUMENTS: readonly InstrumentKind[] = KINDS;

/** By the rig's `device.kind`; undefined for one that nothing records from. */
export const instrumentOf = (kind: string): InstrumentKind | undefined =>
  INSTRUMENTS.find((i) => i.kind === kind);
