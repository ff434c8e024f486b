// The reference disciplines the fast path: before anything else is computed, a pass over the log sets every
// reading beside the mean of the fast channel over the very same time, by device ticks, and the fitted line
// replaces the rig's. Leaves: the rig with its sensors corrected, and an account of each correction.

import { readCapture } from "../../capture/log-reader.ts";
import { inRowOrder, lateBlocks } from "../../capture/row-order.ts";
import { BlockFlag } from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import {
  fitToReference,
  LEAST_READINGS,
  type LineToReference,
  type Pairing,
} from "./discipline-fit.ts";
import { type DisciplinedQuantity, FastColumns, type Target, targetOf } from "./fast-columns.ts";
import { ReadingList } from "./readings.ts";
import { type Finding, finding } from "../../schema/findings.ts";

/** One fast sensor and its reference; `fit` is null where there were too few readings to correct by. */
export interface Discipline {
  readonly rail: string;
  readonly quantity: DisciplinedQuantity;
  readonly reference: string;
  /** Readings that lie in gaps or clipped rows or outside the trace, and those the chip itself did not vouch for. */
  readonly unplaced: number;
  readonly refused: number;
  readonly fit: LineToReference | null;
  /** The fast path as the rig states it: fast = gain · true + offset. */
  readonly gain: number;
  readonly offset: number;
  /** Standard uncertainties of the two, the reference's own included; NaN without a fit. */
  readonly gainU: number;
  readonly offsetU: number;
  readonly findings: readonly Finding[];
}

export interface DisciplinedRig {
  readonly rig: Rig;
  readonly disciplines: readonly Discipline[];
}

/** 99 % of χ² with one and two degrees of freedom. */
const CONTRADICTION = { 1: 6.63, 2: 9.21 } as const;

/** @returns the rig itself where no rail has a reference. */
export function disciplinedRig(path: string, rig: Rig): DisciplinedRig {
  const wanted = rig.rails.flatMap((rail) =>
    (["voltage", "current"] as const).flatMap((q) => targetOf(rail, q)),
  );
  if (wanted.length === 0) return { rig, disciplines: [] };
  const lists = pairUp(path, rig, wanted);
  const disciplines = wanted.map((t, i) => judged(t, lists[i]!));
  const rails = rig.rails.map((rail) => ({
    ...rail,
    ...Object.fromEntries(
      wanted.flatMap((t, i) =>
        t.rail === rail ? [[t.quantity, corrected(t, disciplines[i]!)]] : [],
      ),
    ),
  }));
  return { rig: { ...rig, rails }, disciplines };
}

/** Reads the log once, fast stream and readings only. @returns for each target its readings. */
function pairUp(path: string, rig: Rig, targets: readonly Target[]): ReadingList[] {
  const { stream, rowHz } = rig.device;
  const lists = targets.map((t) => new ReadingList(t.slow));
  const topics = new Set([stream, ...targets.map((t) => t.by.stream)].map((s) => `daq/${s}`));
  let fast: FastColumns | undefined;
  const late = lateBlocks(readCapture(path, { only: (t) => t === `daq/${stream}` }), stream);
  const records = readCapture(path, { only: (t) => topics.has(t) });
  for (const r of inRowOrder(records, path, stream, late)) {
    if (r.kind === "layout" && r.layout.stream === stream)
      fast = new FastColumns(r.layout, rig, targets, rowHz);
    else if (r.kind === "layout")
      targets.forEach((t, i) => t.by.stream === r.layout.stream && lists[i]!.declare(r.layout));
    if (r.kind !== "rows" || (r.block.flags & BlockFlag.duplicate) !== 0) continue;
    if (r.block.stream === stream) fast?.add(r.block);
    else targets.forEach((t, i) => t.by.stream === r.block.stream && lists[i]!.add(r.block));
    if (fast) for (const [i, list] of lists.entries()) list.settle(fast, i);
  }
  for (const list of lists) list.end();
  return lists;
}

function judged(t: Target, list: ReadingList): Discipline {
  const pairs: readonly Pairing[] = list.pairs();
  const fit = fitToReference(pairs, t.fast, t.slow) ?? null;
  const [e, k] = fit ? lineOf(fit) : [0, 0];
  return {
    rail: t.rail.name,
    quantity: t.quantity,
    reference: t.by.stream,
    unplaced: list.unplaced,
    refused: list.refused,
    fit,
    gain: 1 / (1 + e),
    offset: -k / (1 + e),
    gainU: fit ? Math.hypot(fit.slopeU, t.slow.gainU) : NaN,
    offsetU: fit ? Math.hypot(fit.levelU, fit.slopeU * fit.pivot, t.slow.offsetU) : NaN,
    findings: findingsOf(t, fit, pairs.length),
  };
}

/** Corrected = (1 + e) · fast + k. */
const lineOf = (f: LineToReference): readonly [number, number] => [
  f.slope,
  f.level - f.slope * f.pivot,
];

function findingsOf(t: Target, fit: LineToReference | null, readings: number): Finding[] {
  const what = `${t.rail.name} ${t.quantity}`;
  if (!fit)
    return [
      finding(
        "reference-too-few",
        what,
        `${what}: reference ${t.by.stream} gave ${readings} usable readings, ${LEAST_READINGS} are needed: not corrected by it`,
        readings,
      ),
    ];
  const out: Finding[] = [];
  if (fit.contradiction > CONTRADICTION[fit.degrees]) {
    const [e, k] = lineOf(fit);
    const unit = t.quantity === "voltage" ? "V" : "A";
    out.push(
      finding(
        "reference-contradicts",
        what,
        `${what}: reference ${t.by.stream} finds gain ${(1 / (1 + e)).toFixed(4)} and offset ${(-k / (1 + e)).toFixed(3)} ${unit}, beyond what the rig states of the two; the reference's values are used: calibrate the fast path or check the reference`,
      ),
    );
  }
  if (Math.abs(fit.drift) > 3 * Math.hypot(fit.driftU, t.fast.offsetU))
    out.push(
      finding(
        "reference-drift",
        what,
        `${what}: drifted by ${fit.drift.toPrecision(2)} ${t.quantity === "voltage" ? "V" : "A"} against ${t.by.stream} during the run; let the bench warm up`,
      ),
    );
  return out;
}

/** The sensor on the corrected line, with the reference's uncertainties and what the fit leaves open. */
function corrected(t: Target, { fit }: Discipline): Sensor {
  if (!fit) return t.fast;
  const [e, k] = lineOf(fit);
  const perCount = t.fast.perCount * (1 + e);
  const { gainU, offsetU, calibration } = t.slow;
  const drifted = Math.abs(fit.drift) > 2 * fit.driftU;
  return {
    ...t.fast,
    perCount,
    zeroCount: t.fast.zeroCount - k / perCount,
    gainU,
    offsetU,
    calibration,
    disciplined: {
      pivot: fit.pivot + fit.level,
      levelU: fit.levelU,
      slopeU: fit.slopeU / (1 + e),
      driftU: drifted ? Math.abs(fit.drift) / Math.sqrt(12) : 0,
    },
  };
}
