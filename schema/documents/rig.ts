// rig.json of a log (docs/capture.md): the rig that its rows are read by. What each figure means, schema/rig.ts says;
// the compiler holds this definition to that type, key by key.

import { QUANTITIES, type Rig } from "../rig.ts";
import { definitionOf } from "./document.ts";
import {
  constant,
  count,
  listOf,
  maybe,
  notNegative,
  number,
  object,
  oneOf,
  pairOf,
  positive,
  someOf,
  text,
} from "./words.ts";

/** What a rig file may say too, word for word. */
export const BASES = ["certificate", "comparison", "specification", "assumed"] as const;
export const SAMPLINGS = ["instant", "interval_mean"] as const;
export const TEXT_LINES = ["csv", "json"] as const;
export const COUNTER_BITS = [32, 64] as const;

const SENSOR = object({
  field: text,
  perCount: number,
  zeroCount: number,
  gainU: notNegative,
  offsetU: notNegative,
  bandwidthHz: maybe(positive),
  clip: maybe(pairOf(number)),
  driftU: maybe(notNegative),
  noise: maybe(object({ rms: notNegative, floor: notNegative })),
  skewS: maybe(notNegative),
  codeErrors: maybe(object({ table: listOf(pairOf(number)), u: notNegative })),
  calibration: object({
    date: text,
    basis: oneOf(...BASES),
    instrument: maybe(text),
    note: maybe(text),
  }),
  disciplined: maybe(
    object({ pivot: number, levelU: notNegative, slopeU: notNegative, driftU: notNegative }),
  ),
});

const RAIL = object({
  name: text,
  voltage: maybe(SENSOR),
  current: maybe(SENSOR),
  power: maybe(SENSOR),
  assumedVoltage: maybe(object({ valueV: number, u: notNegative })),
  reference: maybe(
    object({
      kind: constant("ina226"),
      address: count,
      stream: text,
      current: maybe(SENSOR),
      voltage: maybe(SENSOR),
    }),
  ),
  plausible: maybe(
    object({
      voltage: maybe(pairOf(number)),
      current: maybe(pairOf(number)),
      power: maybe(pairOf(number)),
    }),
  ),
  feeds: maybe(someOf(text)),
});

const SHARED = object({
  cause: text,
  of: oneOf("gain", "offset"),
  sensors: someOf(object({ rail: text, quantity: oneOf(...QUANTITIES) })),
  u: maybe(notNegative),
});

const DEVICE = object({
  kind: text,
  stream: text,
  sampling: oneOf(...SAMPLINGS),
  rowHz: positive,
  clock: object({ hz: positive, uRel: notNegative, startU: notNegative }),
  text: maybe(
    object({
      lines: oneOf(...TEXT_LINES),
      columns: listOf(text),
      tick: maybe(object({ column: text, bits: oneOf(...COUNTER_BITS) })),
      baud: positive,
    }),
  ),
  feedsV: maybe(number),
});

/** All that is needed of a rig to say which rows are missing, whatever else is wrong with it. */
export const ROW_RATE = object({ device: object({ rowHz: positive }) });

export const RIG = definitionOf<Rig>()(
  object({
    name: text,
    description: text,
    device: DEVICE,
    rails: someOf(RAIL),
    missingRails: listOf(object({ name: text, maxPowerW: notNegative })),
    shared: maybe(listOf(SHARED)),
    loadBandwidthHz: maybe(positive),
    stepResponseS: maybe(positive),
    trigger: maybe(object({ output: text, daqLine: count })),
  }),
);
