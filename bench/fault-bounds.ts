// How far what was counted may be from what was lost, by what the protocol can say: to the row where a counter
// says all; where it turns over, by whole turns, and where there is none, by rows, as far as the host's reads beside
// the gap were late. A read that was late before a gap makes it seem shorter, one after it longer.

import type { Rig } from "../schema/rig.ts";
import type { DeviceName, FaultCase } from "./fault-cases.ts";
import type { Lateness, Windows } from "./fault-truth.ts";

export interface Bound {
  /** Rows counted too few, and too many, at most. */
  readonly few: number;
  readonly many: number;
  readonly why: string;
}

/** What the run was like. */
export interface Circumstances {
  readonly gaps: readonly Lateness[];
  /** The device restarted. */
  readonly restarted: boolean;
}

/** Bits of the counter that is in each row, where it turns over within the host's delays. */
const BITS: Readonly<Partial<Record<DeviceName, number>>> = {
  powersensor3: 10,
  "pmd-usb": 16,
  ppk2: 6,
};
/** What lateness of a device without a counter is a hole, and what earliness an excess (ingest/instruments/text-lines/uncounted-rows.ts), s. */
const [HOLE_S, EXCESS_S] = [0.1, 0.02];
const [HOLE_PERIODS, EXCESS_PERIODS, SPREADS] = [2.5, 1.5, 3];

/** What each source goes by (ingest/stream/arrival-clock.ts, ingest/stream/ticked-rows.ts, ingest/instruments/truejoule-daq/frame-decoder.ts). */
export const WINDOWS: Readonly<Record<DeviceName, Windows>> = {
  wire: { beforeS: 0, afterS: 0 },
  text: { beforeS: 0.25, afterS: 0.064 },
  "text-no-counter": { beforeS: 0.25, afterS: 0.3 },
  powersensor3: { beforeS: 0.25, afterS: 1 },
  "pmd-usb": { beforeS: 0.25, afterS: 1 },
  ppk2: { beforeS: 0.25, afterS: 0.064 },
};

export function boundOf(c: FaultCase, rig: Rig, run: Circumstances): Bound {
  const parts = [paused(c, rig, run), turns(c, rig, run), singles(c), uncounted(c, rig, run)];
  return parts.reduce((a, b) => ({
    few: a.few + b.few,
    many: a.many + b.many,
    why: [a.why, b.why].filter((w) => w !== "").join("; "),
  }));
}

const NONE: Bound = { few: 0, many: 0, why: "" };

/** How much too short and too long a gap may seem, s. */
const offS = ({ beforeS, afterS, rate, spanS }: Lateness): { short: number; long: number } => ({
  short: beforeS + rate * spanS,
  long: afterS + rate * spanS,
});

/** Over all gaps, each rounded by itself. */
const over = (
  gaps: readonly Lateness[],
  rowsOf: (s: number) => number,
): [few: number, many: number] => [
  gaps.reduce((n, g) => n + rowsOf(offS(g).short), 0),
  gaps.reduce((n, g) => n + rowsOf(offS(g).long), 0),
];

const largest = (gaps: readonly Lateness[]): string => {
  const most = gaps.reduce((s, g) => Math.max(s, offS(g).short, offS(g).long), 0);
  return `± ${(most * 1e3).toFixed(2)} ms`;
};

/** The pause of a device that restarted is known from the host's clock. */
function paused({ device }: FaultCase, rig: Rig, { gaps, restarted }: Circumstances): Bound {
  if (!restarted) return NONE;
  const [few, many] = over(gaps, (s) => Math.ceil(s * rig.device.rowHz) + 1);
  const why = `a pause is known from the host's clock, ${largest(gaps)} of late reads and of the rate`;
  return device === "text-no-counter" ? NONE : { few, many, why };
}

/** Of a gap the counter says all but whole turns. */
function turns({ device }: FaultCase, rig: Rig, { gaps, restarted }: Circumstances): Bound {
  const bits = BITS[device];
  if (bits === undefined || restarted) return NONE;
  const turnS = 2 ** bits / rig.device.clock.hz;
  const turnRows = turnS * rig.device.rowHz;
  const [few, many] = over(gaps, (s) => Math.ceil(Math.floor(s / turnS + 0.5) * turnRows));
  if (few + many === 0) return NONE;
  const why = `known to whole turns of ${turnRows.toFixed(1)} rows, told by the host's clock, ${largest(gaps)} of late reads and of the rate`;
  return { few, many, why };
}

/** Frames of a PMD-USB come a period apart, or two: one that is missing alone is not told. */
function singles({ device, pipe = [] }: FaultCase): Bound {
  const lost = pipe.filter(({ kind }) => kind === "drop" || kind === "flip");
  if (device !== "pmd-usb" || lost.length === 0) return NONE;
  return { few: lost.length, many: 0, why: "a frame that is missing alone may have been late" };
}

/** Without a counter what is missing shows as lateness, and what is too much as earliness, from some on. */
function uncounted(
  { device, pipe = [] }: FaultCase,
  rig: Rig,
  { gaps, restarted }: Circumstances,
): Bound {
  const places = pipe.filter(({ kind }) => kind !== "hold").length;
  if (device !== "text-no-counter" || places + Number(restarted) === 0) return NONE;
  const { rowHz } = rig.device;
  const [few, many] = over(gaps, (s) => Math.ceil(s * rowHz));
  const lateS = gaps.reduce((s, g) => Math.max(s, offS(g).short, offS(g).long), 0);
  const unseen = (s: number, periods: number): number =>
    Math.ceil(Math.max(s, periods / rowHz, SPREADS * lateS) * rowHz);
  return {
    few: few + unseen(HOLE_S, HOLE_PERIODS) * places + 1,
    many: many + unseen(EXCESS_S, EXCESS_PERIODS) * places + 1,
    why: `no counter: what is missing shows from ${HOLE_S * 1e3} ms of lateness on, what is too much from ${EXCESS_S * 1e3} ms, ${largest(gaps)} of late reads and of the rate`,
  };
}
