// What is known of NVIDIA's power fields as filters: how often they update and over what time they
// average. Measured against shunts by Yang, Adámek, Armour (arXiv 2312.02741, SC24; driver 535) and, for
// Hopper, on an H100 with driver 580. A meaning can change with the driver, so the table is keyed by
// architecture and field and says where it comes from; a fit to the capture itself takes precedence.

export interface SensorModel {
  readonly updateNs: number;
  readonly windowNs: number;
  readonly delayNs: number;
  readonly origin: string;
}

const MS = 1e6;
const YANG = "Yang et al., SC24, driver 535";

interface Row {
  readonly gpu: RegExp;
  readonly field: RegExp;
  readonly updateMs: number;
  readonly windowMs: number;
  readonly origin: string;
}

const TABLE: readonly Row[] = [
  { gpu: /A5000/i, field: /instant/, updateMs: 100, windowMs: 78, origin: YANG },
  { gpu: /4090/, field: /instant/, updateMs: 100, windowMs: 111, origin: YANG },
  { gpu: /30[5-9]0|40[5-9]0/, field: /instant/, updateMs: 100, windowMs: 100, origin: YANG },
  { gpu: /20[6-8]0|TITAN RTX/i, field: /draw|usage/, updateMs: 101, windowMs: 102, origin: YANG },
  { gpu: /10[5-8]0/, field: /draw|usage/, updateMs: 20, windowMs: 11, origin: YANG },
  { gpu: /A100/i, field: /draw$|usage|instant/, updateMs: 104, windowMs: 24, origin: YANG },
  {
    gpu: /H100|H200|GH200/i,
    field: /instant/,
    updateMs: 100,
    windowMs: 25,
    origin: `${YANG}; H100, driver 580`,
  },
  {
    gpu: /./,
    field: /average|usage|draw$/,
    updateMs: 100,
    windowMs: 1000,
    origin: "nvml.h: 1 s mean on Ampere and later",
  },
  {
    gpu: /./,
    field: /instant/,
    updateMs: 100,
    windowMs: 100,
    origin: "consumer Ampere and Ada as the most common case",
  },
];

/** @param gpu name as the driver gives it, or "" when the capture does not say. */
export function knownSensor(gpu: string, channel: string): SensorModel | undefined {
  const row = TABLE.find((r) => r.gpu.test(gpu || "?") && r.field.test(channel));
  return (
    row && {
      updateNs: row.updateMs * MS,
      windowNs: row.windowMs * MS,
      delayNs: 0,
      origin: row.origin,
    }
  );
}

/** An energy counter that adds up samples of its board's power, and what lies before the samples. */
export interface CounterModel {
  readonly sampleNs: number;
  /** Time constant of a first-order low-pass. */
  readonly lowPassNs: number;
  readonly origin: string;
}

/** Cards on which a strobe was seen (docs/evidence); `virtual` is the simulated one, made like them. */
const STROBING = /H100|H200|GH200|^virtual$/i;

/** A 25 ms window every 100 ms: the "instant" field of Hopper. */
export const STROBE = { windowNs: 25 * MS, updateNs: 100 * MS } as const;

/** 17 ms fits an H100 and an H200 best; 14 ms holds what each of them claimed at every phase. */
const COUNTER: CounterModel = {
  sampleNs: 20 * MS,
  lowPassNs: 14 * MS,
  origin: "inferred on an H100 and an H200, driver 580",
};

/** @returns undefined of a card that it was not seen on: nobody knows what its counter adds up. */
export const knownCounter = (gpu: string): CounterModel | undefined =>
  STROBING.test(gpu) ? COUNTER : undefined;
