// Two rails at 10 kS/s whose power is a known function of time, as blocks a recorder would see.

import { LiveFeed } from "../../view/feed/live-feed.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import { type Instant, instant, later } from "../../schema/time.ts";

export const ROW_HZ = 10_000;
export const EPOCH = instant<"host">(5_000_000_000_000n);

const sensor = (field: string, perCount: number): Sensor => ({
  field,
  perCount,
  zeroCount: 0,
  gainU: 0,
  offsetU: 0,
  clip: [-1, 65535],
  calibration: { date: "2026-01-01", basis: "assumed" },
});

/** Power of rail k = 12 V · current. */
export const RIG: Rig = {
  name: "small",
  description: "known power",
  device: {
    kind: "test",
    stream: "main",
    sampling: "instant",
    rowHz: ROW_HZ,
    clock: { hz: ROW_HZ, uRel: 50e-6, startU: 0.02 },
  },
  rails: ["slot", "hpwr"].map((name, k) => ({
    name,
    current: sensor(`i${k}`, 1e-3),
    assumedVoltage: { valueV: 12, u: 0.1 },
  })),
  missingRails: [],
};

export const LAYOUT: RowLayout = {
  stream: "main",
  rowBytes: 4,
  fields: [0, 1].map((k) => ({ name: `i${k}`, bitOffset: 16 * k, bits: 16, kind: "uint" })),
};

/** Milliamperes of rail k at t seconds: 5 A, and 20 A more on hpwr every other half second. */
export const currentMa = (k: number, t: number): number =>
  5000 + (k === 1 && t % 1 < 0.5 ? 20_000 : 0);

/** Watts of both rails. */
export const powerW = (t: number): number => (12 * (currentMa(0, t) + currentMa(1, t))) / 1000;

export const session = (hostEpoch = EPOCH): Session => ({
  id: "live",
  source: "virtual",
  hostClock: "monotonic",
  hostEpoch,
  startUnix: instant<"unix">(1_767_225_600_000_000_000n),
  software: "test",
  labels: {},
});

interface BlockOptions {
  /** The device's clock is so much fast, and began so long after the session. */
  readonly ppm?: number;
  readonly startS?: number;
  readonly flags?: number;
  readonly epoch?: Instant<"host">;
}

/** Rows [first, first + rows), arrived 0.3 ms after the last was sampled. */
export function block(first: number, rows: number, o: BlockOptions = {}): SampleBlock {
  const words = new Uint16Array(rows * 2);
  const at = (row: number): number => (o.startS ?? 0) + row / (ROW_HZ * (1 + (o.ppm ?? 0) * 1e-6));
  for (let i = 0; i < rows; i++)
    for (let k = 0; k < 2; k++) words[2 * i + k] = currentMa(k, at(first + i));
  const arrived = later(o.epoch ?? EPOCH, at(first + rows) * 1e9 + 300e3);
  return {
    stream: "main",
    firstIndex: first,
    deviceTick: BigInt(first * 100),
    hostBefore: arrived,
    hostAfter: arrived,
    rows,
    flags: o.flags ?? 0,
    bytes: new Uint8Array(words.buffer),
  };
}

/** A feed that has seen rows [0, rows). */
export function fedWith(rows: number, blockRows = 250): LiveFeed {
  const feed = new LiveFeed(RIG, session());
  feed.declareRows(LAYOUT);
  for (let i = 0; i < rows; i += blockRows) feed.rows(block(i, Math.min(blockRows, rows - i)));
  return feed;
}
