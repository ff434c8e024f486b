// The uncertainty budget of one window's physical Joules (GUM, JCGM 100:2008): each source its own row,
// a standard uncertainty already multiplied by its sensitivity, in joules. What is common to all samples
// (gain, offset, clock) enters whole; what averages enters divided by the effective sample size.

import type { ClockModel } from "../align/clocks/clock.ts";
import { type DaqClock, pausesOf, segmentAt } from "../align/clocks/segments.ts";
import type { RowField, RowLayout } from "../schema/records.ts";
import type { Disciplined, Rail, Rig, Sensor } from "../schema/rig.ts";
import { NS_PER_S } from "../schema/time.ts";
import { type Snapshots, Sum } from "./integrate.ts";
import type { Load } from "./load.ts";
import type { Noise } from "./noise.ts";
import { activeS, gapsU, observedShare, outsideOf } from "./unobserved.ts";
import type { Window } from "./window.ts";
import { append } from "../schema/lists.ts";
import { mostOf, rootSquares } from "../stats/summary.ts";

export interface BudgetTerm {
  readonly term: string;
  /** A: from statistics of this run; B: from calibration, specification, geometry. */
  readonly type: "A" | "B";
  /** Standard uncertainty in joules. */
  readonly contributionJ: number;
}

/** k = 2: about 95 % for a budget of several terms. */
export const COVERAGE_FACTOR = 2;

/** Instants whose snapshots a window's budget needs, besides its own ends: the ends moved by the clock's doubt. */
export function shiftedEnds(w: Window, clock: DaqClock): { offset: number[]; rate: number[] } {
  const [a, b] = [w.t0Ns, w.t1Ns];
  const [start, end] = [segmentAt(clock, a).model, segmentAt(clock, b).model];
  const rate = (t: number, m: ClockModel): number => (t - m.refNs) * m.uRate;
  const [u0, u1] = [rate(a, start), rate(b, end)];
  return {
    offset: [a - start.uOffsetNs, b - end.uOffsetNs, a + start.uOffsetNs, b + end.uOffsetNs],
    rate: [a - u0, b - u1, a + u0, b + u1],
  };
}

/** A window, its integrals, and what several sources of doubt ask of them. */
interface Seen {
  readonly w: Window;
  readonly s: Snapshots;
  /** Without its pauses. */
  readonly durationS: number;
  readonly energyJ: number;
  /** That over what of it was observed. */
  readonly whole: number;
  /** Standard uncertainty of its mean power by noise, W. */
  readonly noiseW: number;
  readonly shifted: ReturnType<typeof shiftedEnds>;
}

/** One row of the budget, and how much it comes to in a window, J. */
interface Source extends Pick<BudgetTerm, "term" | "type"> {
  readonly of: (seen: Seen) => number;
}

/** What a whole run says of each of its windows. */
export interface OfRun {
  /** What may have run while nobody looked. */
  readonly load: Load;
  readonly noise: Noise;
}

/** The sources of doubt that a rig, its stream and its clock have: the same in every window. */
export class Budget {
  readonly #sources: readonly Source[];
  readonly #clock: DaqClock;
  readonly #noise: Noise;
  readonly #contributionsJ: Float64Array;

  /** @param layout of the stream: what a sensor's field is quantised by. */
  constructor(rig: Rig, layout: RowLayout, clock: DaqClock, run: OfRun) {
    this.#clock = clock;
    this.#noise = run.noise;
    const lagS = longestLagS(rig);
    this.#sources = [
      ...rig.rails.flatMap((rail, r) => railSources(rail, r, { layout, noise: run.noise })),
      { term: "noise", type: "A", of: ({ noiseW, durationS }) => noiseW * durationS },
      ...(rig.device.sampling === "instant" ? [BETWEEN_ROWS] : []),
      ...clockSources(clock),
      { term: "window edges (sampling)", type: "B", of: ({ w, s }) => edgeSampling(w, s) },
      { term: "window edges (marks)", type: "B", of: ({ w, s }) => edgeMarks(w, s) },
      { term: "window edges (bandwidth)", type: "B", of: ({ w, s }) => edgeLag(w, s, lagS) },
      { term: "not observed", type: "B", of: ({ w, s }) => outsideOf(w, s).uJ },
      { term: "gaps", type: "A", of: ({ w, s }) => gapsU(w, s, run.load) },
      ...rig.missingRails.map(unmeasured),
    ];
    this.#contributionsJ = new Float64Array(this.#sources.length);
  }

  /** Works a window out. @returns its combined standard uncertainty, J: independent terms add in quadrature. */
  of(w: Window, s: Snapshots): number {
    const durationS = activeS(w, s);
    const energyJ = s.between(w.t0Ns, w.t1Ns, Sum.energyJ);
    const noiseW = durationS > 0 ? this.#noise.meanU(durationS) : 0;
    const shifted = shiftedEnds(w, this.#clock);
    const whole = 1 / observedShare(w, s);
    const seen: Seen = { w, s, durationS, energyJ, whole, noiseW, shifted };
    let squares = 0;
    this.#sources.forEach((source, i) => {
      const j = source.of(seen);
      this.#contributionsJ[i] = j;
      if (j > 0) squares += j ** 2;
    });
    return Math.sqrt(squares);
  }

  /** Of the window worked out last: what contributes, most first. */
  terms(): BudgetTerm[] {
    return this.#sources
      .map(({ term, type }, i) => ({ term, type, contributionJ: this.#contributionsJ[i]! }))
      .filter((t) => t.contributionJ > 0)
      .sort((a, b) => b.contributionJ - a.contributionJ);
  }
}

const BETWEEN_ROWS: Source = {
  term: "sampling (steps between rows)",
  type: "B",
  of: ({ w, s }) => betweenRows(w, s),
};

/** Anything from nothing to the bound, all of it on one side: root mean square of a uniform [0, a]. */
const unmeasured = (m: Rig["missingRails"][number]): Source => ({
  term: `unmeasured rail ${m.name}`,
  type: "B",
  of: ({ durationS }) => (m.maxPowerW * durationS) / Math.sqrt(3),
});

/** What rounds a sensor's values, and what may dither that. */
interface Rounding {
  readonly layout: RowLayout;
  readonly noise: Noise;
}

/** Gains scale the rail's energy; a voltage offset sees the charge, a current offset the volt-seconds. */
function railSources(rail: Rail, r: number, rounding: Rounding): Source[] {
  // What bridges a gap was measured by the same sensors.
  const integral = (k: number) => (seen: Seen) =>
    seen.s.between(seen.w.t0Ns, seen.w.t1Ns, Sum.rails + 3 * r + k) * seen.whole;
  const [energyJ, chargeC, fluxVs] = [integral(0), integral(1), integral(2)];
  const rails: Source[] = [];
  const add = (what: string, sensor: Sensor | undefined, seen: (c: Seen) => number): void => {
    if (sensor)
      append(rails, sensorSources(`${rail.name} ${what}`, sensor, energyJ, seen, rounding));
  };
  if (rail.power) add("power", rail.power, (c) => c.durationS);
  else {
    add("voltage", rail.voltage, chargeC);
    add("current", rail.current, fluxVs);
  }
  const assumed = rail.assumedVoltage;
  if (assumed)
    rails.push({
      term: `${rail.name} assumed voltage`,
      type: "B",
      of: (c) => Math.abs(energyJ(c)) * (assumed.u / assumed.valueV),
    });
  return rails;
}

/** @param seen what an offset of the sensor is multiplied by. */
function sensorSources(
  name: string,
  sensor: Sensor,
  energyJ: (c: Seen) => number,
  seen: (c: Seen) => number,
  { layout, noise }: Rounding,
): Source[] {
  const step =
    Math.abs(sensor.perCount) * codeStep(layout.fields.find((f) => f.name === sensor.field));
  const sensitivity = (c: Seen): number => Math.abs(seen(c));
  const { codeErrors, disciplined } = sensor;
  const b = (what: string, of: Source["of"]): Source => ({
    term: `${name} ${what}`,
    type: "B",
    of,
  });
  return [
    b("gain", (c) => Math.abs(energyJ(c)) * sensor.gainU),
    b("offset", (c) => sensitivity(c) * sensor.offsetU),
    b("quantisation", (c) => quantisation(step, sensitivity(c), c, noise.rowW)),
    ...(codeErrors
      ? [b("code errors", (c) => sensitivity(c) * Math.abs(sensor.perCount) * codeErrors.u)]
      : []),
    ...(disciplined ? disciplineSources(name, disciplined, energyJ, seen) : []),
  ];
}

/**
 * What the fit to a reference leaves open. An error that grows from the pivot on sees only what the window
 * lies off it: ∫ V (I − pivot) dt = E − pivot · ∫ V dt.
 */
function disciplineSources(
  name: string,
  d: Disciplined,
  energyJ: (c: Seen) => number,
  seen: (c: Seen) => number,
): Source[] {
  const off = (c: Seen): number => Math.abs(energyJ(c) - d.pivot * seen(c));
  return [
    { term: `${name} level to reference`, type: "A", of: (c) => Math.abs(seen(c)) * d.levelU },
    { term: `${name} slope to reference`, type: "A", of: (c) => off(c) * d.slopeU },
    { term: `${name} drift`, type: "B", of: (c) => Math.abs(seen(c)) * d.driftU },
  ];
}

/** What a sensor's line sees between two codes: 0 for a float; of several ranges the coarsest step. */
function codeStep(field: RowField | undefined): number {
  if (field?.kind === "float") return 0;
  return field?.autoRange ? mostOf(field.autoRange.ranges.map(([, c1]) => Math.abs(c1))) : 1;
}

/** One count is uniform over its step; noise of half a step or more dithers it, so that it averages as the noise does. */
function quantisation(step: number, sensitivity: number, seen: Seen, rowW: number): number {
  const u = (step / Math.sqrt(12)) * sensitivity;
  const stepW = seen.durationS > 0 ? (step * sensitivity) / seen.durationS : 0;
  return rowW > 0 && rowW >= stepW / 2 ? u * Math.min(1, seen.noiseW / rowW) : u;
}

/** A step ΔP somewhere between two rows: the trapezoid is off by a uniform ±ΔP·dt/2, independently each time. */
function betweenRows(w: Window, s: Snapshots): number {
  const samples = s.between(w.t0Ns, w.t1Ns, Sum.samples);
  if (samples < 1) return 0;
  const dt = s.between(w.t0Ns, w.t1Ns, Sum.coveredS) / samples;
  return dt * Math.sqrt(Math.max(0, s.between(w.t0Ns, w.t1Ns, Sum.stepSquareW2)) / 12);
}

/**
 * The window's ends are fixed in session time; a wrong clock moves the trace under them. Under both alike where
 * one segment holds them; else under each for itself, and what lies between the segments is longer or shorter.
 */
function clockSources(clock: DaqClock): Source[] {
  const across = (w: Window): boolean => segmentAt(clock, w.t0Ns) !== segmentAt(clock, w.t1Ns);
  const worst = ({ w, s, energyJ }: Seen, [a0, a1, b0, b1]: readonly number[]): number => {
    const off = (a: number, b: number): number => Math.abs(s.between(a, b, Sum.energyJ) - energyJ);
    if (!across(w)) return Math.max(off(a0!, a1!), off(b0!, b1!));
    return Math.hypot(
      Math.max(off(a0!, w.t1Ns), off(b0!, w.t1Ns)),
      Math.max(off(w.t0Ns, a1!), off(w.t0Ns, b1!)),
    );
  };
  return [
    { term: "clock offset", type: "B", of: (c) => worst(c, c.shifted.offset) },
    { term: "clock rate", type: "B", of: (c) => worst(c, c.shifted.rate) },
    {
      term: "clock between segments",
      type: "B",
      of: ({ w, s }) => (across(w) ? betweenSegments(w, s, clock) : 0),
    },
  ];
}

/** Rows missing between segments for so long as nobody knows, at the power by which that is bridged; a pause has none. */
function betweenSegments(w: Window, s: Snapshots, clock: DaqClock): number {
  const inside = pausesOf(clock).filter((p) => p.toNs > w.t0Ns && p.fromNs < w.t1Ns);
  const gapS = s.between(w.t0Ns, w.t1Ns, Sum.gapS);
  if (gapS === 0 && s.between(w.t0Ns, w.t1Ns, Sum.pauseS) > 0) return 0;
  const coveredS = s.between(w.t0Ns, w.t1Ns, Sum.coveredS);
  const bridgeW =
    gapS > 0
      ? s.between(w.t0Ns, w.t1Ns, Sum.gapJ) / gapS
      : s.between(w.t0Ns, w.t1Ns, Sum.energyJ) / coveredS;
  const contributionJ = (rootSquares(inside.map((p) => p.lengthUNs)) / NS_PER_S) * bridgeW;
  return Number.isFinite(contributionJ) ? Math.abs(contributionJ) : 0;
}

/** Between two rows the trace is unknown: a step lies uniformly in the interval that holds the edge. */
function edgeSampling(w: Window, s: Snapshots): number {
  return rootSquares(
    [w.t0Ns, w.t1Ns].map((t) => {
      const step = s.value(t, Sum.after) - s.value(t, Sum.before);
      const u = (Math.abs(step) * s.value(t, Sum.distanceS)) / Math.sqrt(12);
      return Number.isFinite(u) ? u : 0;
    }),
  );
}

function edgeMarks(w: Window, s: Snapshots): number {
  const at = (t: number, uNs: number): number => {
    const power = Math.max(Math.abs(s.value(t, Sum.before)), Math.abs(s.value(t, Sum.after)));
    return Number.isFinite(power) ? (power * uNs) / NS_PER_S : 0;
  };
  return Math.hypot(at(w.t0Ns, w.u0Ns), at(w.t1Ns, w.u1Ns));
}

/** First-order lag of what sees the rails, s: of the slowest sensor of power; else of the whole path, if stated. */
function longestLagS(rig: Rig): number {
  const sensors = rig.rails.flatMap((r) => r.power ?? r.current ?? []);
  const lags = sensors.map(({ bandwidthHz }) =>
    bandwidthHz === undefined
      ? (rig.stepResponseS ?? 0) / RISE_TIMES
      : 1 / (2 * Math.PI * bandwidthHz),
  );
  return mostOf(lags, 0);
}

/** A first-order lag rises from 10 to 90 % in so many of its time constants: ln 9. */
const RISE_TIMES = Math.log(9);

/**
 * What lags by τ shows τ · (P(end) − P(begin)) of a window's energy after its end (∫ (x − y) dt = τ · Δy of τ · dy/dt =
 * x − y). It is not corrected, so that windows side by side add up to the whole: the half-width of a uniform
 * distribution.
 */
function edgeLag(w: Window, s: Snapshots, lagS: number): number {
  const at = (t: number): number => (s.value(t, Sum.before) + s.value(t, Sum.after)) / 2;
  const lackingJ = lagS * Math.abs(at(w.t1Ns) - at(w.t0Ns));
  return Number.isFinite(lackingJ) ? lackingJ / Math.sqrt(3) : 0;
}
