// What is known of a card's telemetry before a capture shows it: a filter by card and field, a counter that samples.
// Of a card or field that nobody measured, and of another maker's, nothing.

import { KNOWN_FIELDS, STROBING_CARDS } from "./known-sensors.ts";

/** A field as a filter of its board's power: the mean over a window, some time late, renewed at a beat. */
export interface SensorModel {
  readonly updateNs: number;
  readonly windowNs: number;
  readonly delayNs: number;
  readonly origin: string;
}

/** A model, and how well it is known: standard uncertainties, ns. */
export interface KnownSensor extends SensorModel {
  readonly windowUNs: number;
  readonly delayUNs: number;
}

const MS = 1e6;

/** Nobody publishes delays; a driver's answer is late by some milliseconds, a host's stamp by tens at worst. */
const DELAY_U_MS = 25;

/** @param card as its driver names it, or "" where nobody says. @param channel `nvml.power_instant`, `nvidia_smi.0.power_draw`, … */
export function knownSensor(card: string, channel: string): KnownSensor | undefined {
  if (!/^(nvml|nvidia_smi)\./.test(channel)) return undefined;
  const name = ownName(card);
  const field = channel.slice(channel.lastIndexOf(".") + 1);
  const row = KNOWN_FIELDS.find((r) => r.cards.includes(name) && r.fields.includes(field));
  return (
    row && {
      updateNs: row.updateMs * MS,
      windowNs: row.windowMs * MS,
      windowUNs: row.windowUMs * MS,
      delayNs: 0,
      delayUNs: DELAY_U_MS * MS,
      origin: row.source,
    }
  );
}

const ownName = (card: string): string => card.replace(/^NVIDIA\s+/i, "").trim();

/** An energy counter that adds up samples of its board's power, and what lies before the samples. */
export interface CounterModel {
  readonly sampleNs: number;
  /** Time constant of a first-order low-pass. */
  readonly lowPassNs: number;
  readonly origin: string;
}

/** A 25 ms window every 100 ms: the "instant" field of Hopper. */
export const STROBE = { windowNs: 25 * MS, updateNs: 100 * MS } as const;

/** 17 ms fits an H100 and an H200 best; 14 ms holds what each of them claimed at every phase. */
const COUNTER: CounterModel = {
  sampleNs: 20 * MS,
  lowPassNs: 14 * MS,
  origin: "inferred on an H100 and an H200, driver 580",
};

/** @returns undefined of a card that it was not seen on: nobody knows what its counter adds up. */
export const knownCounter = (card: string): CounterModel | undefined =>
  STROBING_CARDS.includes(ownName(card)) ? COUNTER : undefined;
