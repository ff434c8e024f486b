// Each term of the uncertainty budget on made runs, against its own closed form.

import { describe, expect, test } from "@jest/globals";
import type { DaqClock } from "../../align/clocks/segments.ts";
import { Budget, type Uncertainty } from "../../energy/budget/budget.ts";
import { shiftedEnds } from "../../energy/budget/clocks.ts";
import type { BudgetTerm } from "../../energy/budget/term.ts";
import { type Load, OutlinedLoad } from "../../energy/load.ts";
import { NO_NOISE, type Noise } from "../../energy/noise.ts";
import { outsideOf } from "../../energy/unobserved.ts";
import type { Window } from "../../energy/window.ts";
import type { RowField, RowLayout } from "../../schema/records.ts";
import type { Rail, Rig } from "../../schema/rig.ts";
import { clockModel, clockOf } from "../support/clocks.ts";
import { powerRail, rigOf, sensor } from "../support/rig.ts";
import { integralsOf, type Piece, type RailRow, runsOf } from "../support/rows.ts";

const HZ = 1000;
/** 6 s of rows. */
const ALL: readonly Piece[] = [{ from: 0, to: 6001 }];

const EXACT = clockOf([clockModel(HZ), 0, 6000]);

interface Case {
  readonly rig?: Rig;
  readonly at: (s: number, row: number) => readonly RailRow[];
  readonly pieces?: readonly Piece[];
  /** s */
  readonly window?: readonly [number, number];
  readonly marksUNs?: readonly [number, number];
  readonly clock?: DaqClock;
  readonly field?: Partial<RowField>;
  /** Of the whole run; else as the rows are. */
  readonly load?: Load;
  readonly noise?: Noise;
}

/** Of 6 s of rows. */
function loadIn(at: Case["at"]): Load {
  const t = Float64Array.from({ length: 6001 }, (_, i) => i);
  const powerW = t.map((i) => at(i / HZ, i).reduce((sum, r) => sum + r.w, 0));
  return new OutlinedLoad({ t, powerW, step: 1, stepS: 1 / HZ });
}

/** Whose straight lines are off by 30 W over 0.1 s, in proportion. */
const made = (meanW: number, sdW: number): Load => ({
  meanW,
  sdW,
  bridgeErrorW: (s) => 300 * s,
});

interface Found {
  readonly terms: readonly BudgetTerm[];
  readonly u: number;
  readonly whole: Uncertainty;
  readonly outside: { readonly energyJ: number; readonly uJ: number };
  readonly of: (term: string) => number;
}

function budget(c: Case): Found {
  const [t0, t1] = c.window ?? [1, 5];
  const [u0Ns, u1Ns] = c.marksUNs ?? [0, 0];
  const w: Window = { name: "w", kind: "mark", t0Ns: t0 * 1e9, t1Ns: t1 * 1e9, u0Ns, u1Ns };
  const { rig = rigOf(), clock = EXACT } = c;
  const shifted = shiftedEnds(w, clock);
  const instants = [w.t0Ns, w.t1Ns, ...shifted.offset, ...shifted.rate];
  const s = integralsOf(rig, runsOf(rig.device.rowHz, c.pieces ?? ALL, c.at), instants);
  const fields = rig.rails
    .flatMap((r) => [r.voltage, r.current, r.power])
    .flatMap((x, i): RowField[] =>
      x ? [{ name: x.field, bitOffset: 16 * i, bits: 16, kind: "uint", ...c.field }] : [],
    );
  const layout: RowLayout = { stream: "main", rowBytes: 16, fields };
  const found = new Budget(rig, layout, clock, {
    load: c.load ?? loadIn(c.at),
    noise: c.noise ?? NO_NOISE,
    runS: 6,
  });
  const whole = found.of(w, s);
  const terms = found.terms();
  const of = (term: string): number => terms.find((t) => t.term === term)?.contributionJ ?? 0;
  return { terms, u: whole.uJ, whole, outside: outsideOf(w, s), of };
}

/** 12 V, 10 A. */
const steady = (): readonly RailRow[] => [{ w: 120, v: 12, i: 10 }];
const measured = (rail: Partial<Rail>): Rig => rigOf({ rails: [{ name: "a", ...rail }] });
/** In the window of 4 s: s, J, C, V·s. */
const [T, E, CHARGE, FLUX] = [4, 480, 40, 48];

/** Counts so fine that their rounding is nothing. */
const FINE = { perCount: 1e-9 };

describe("a sensor's own errors, at 12 V and 10 A over 4 s", () => {
  const pair = (volts: object, amperes: object): Rig =>
    measured({
      voltage: sensor("v", { ...FINE, ...volts }),
      current: sensor("i", { ...FINE, ...amperes }),
    });
  const watts = (known: object): Rig => measured({ power: sensor("p", { ...FINE, ...known }) });

  test.each<[what: string, Rig, term: string, expectedJ: number]>([
    ["a gain of the voltage scales the energy", pair({ gainU: 0.01 }, {}), "voltage gain", 4.8],
    ["a gain of the current scales the energy", pair({}, { gainU: 0.02 }), "current gain", 9.6],
    ["a gain of the power scales the energy", watts({ gainU: 0.01 }), "power gain", 4.8],
    ["an offset of volts sees the charge", pair({ offsetU: 0.05 }, {}), "voltage offset", 2],
    [
      "an offset of amperes sees the volt-seconds",
      pair({}, { offsetU: 0.05 }),
      "current offset",
      2.4,
    ],
    ["an offset of watts sees the duration", watts({ offsetU: 0.5 }), "power offset", 2],
    [
      "code errors are an offset in counts",
      measured({ power: sensor("p", { perCount: -1e-3, codeErrors: { table: [], u: 500 } }) }),
      "power code errors",
      500 * 1e-3 * T,
    ],
  ])("%s", (_, rig, term, expectedJ) => {
    const { of, u } = budget({ rig, at: steady });
    expect(of(`a ${term}`)).toBeCloseTo(expectedJ, 9);
    expect(u).toBeCloseTo(expectedJ, 5);
  });

  test("a voltage that nobody measures: its relative uncertainty scales the energy", () => {
    const current = sensor("i", FINE);
    const rig = measured({ current, assumedVoltage: { valueV: 12, u: 0.3 } });
    const { of, u } = budget({ rig, at: steady });
    expect(of("a assumed voltage")).toBeCloseTo((E * 0.3) / 12, 9);
    expect(u).toBeCloseTo(12, 5);
  });

  test("rails add, each with the energy of its own", () => {
    const rails = [
      powerRail("a", { ...FINE, gainU: 0.01 }),
      powerRail("b", { ...FINE, gainU: 0.02 }),
    ];
    const { of, u } = budget({ rig: rigOf({ rails }), at: () => [{ w: 100 }, { w: 30 }] });
    expect(of("a power gain")).toBeCloseTo(4, 9);
    expect(of("b power gain")).toBeCloseTo(2.4, 9);
    expect(u).toBeCloseTo(Math.hypot(4, 2.4), 6);
  });

  test("of a load below zero the uncertainty is as large as above", () => {
    const rig = watts({ gainU: 0.01 });
    expect(budget({ rig, at: () => [{ w: -120 }] }).of("a power gain")).toBeCloseTo(4.8, 9);
  });
});

describe("what a fit to a reference leaves open", () => {
  const disciplined = { pivot: 4, levelU: 0.02, slopeU: 0.01, driftU: 0.03 };
  const rig = measured({
    voltage: sensor("v", FINE),
    current: sensor("i", { ...FINE, disciplined }),
  });
  test("level and drift see the volt-seconds, the slope what lies off its pivot: E − 4 A · ∫V dt", () => {
    const { of, terms } = budget({ rig, at: steady });
    expect(of("a current level to reference")).toBeCloseTo(FLUX * 0.02, 9);
    expect(of("a current slope to reference")).toBeCloseTo((E - 4 * FLUX) * 0.01, 9);
    expect(of("a current drift")).toBeCloseTo(FLUX * 0.03, 9);
    const type = (term: string) => terms.find((t) => t.term === `a current ${term}`)?.type;
    expect(["level to reference", "slope to reference", "drift"].map(type)).toEqual([
      "A",
      "A",
      "B",
    ]);
  });
  test("at the pivot itself the slope leaves nothing open", () => {
    const { of } = budget({ rig, at: () => [{ w: 48, v: 12, i: 4 }] });
    expect(of("a current slope to reference")).toBeLessThan(1e-9);
  });
});

describe("rounding to counts", () => {
  const rig = measured({
    voltage: sensor("v", { perCount: 0.02 }),
    current: sensor("i", { perCount: 0.1 }),
  });
  const [uV, uI] = [(0.02 / Math.sqrt(12)) * CHARGE, (0.1 / Math.sqrt(12)) * FLUX];

  test("a steady value is rounded to the same side for ever: uniform over the step", () => {
    const { of } = budget({ rig, at: steady });
    expect(of("a voltage quantisation")).toBeCloseTo(uV, 9);
    expect(of("a current quantisation")).toBeCloseTo(uI, 9);
  });

  // A step of the current is 0.1 A · 12 V, one of the voltage 0.02 V · 10 A.
  const noisy = (rowW: number): Found =>
    budget({ rig, at: steady, noise: { rowW, meanU: () => 0.01, runU: 0, dof: 30 } });

  test("noise of half a step and more dithers it: it averages as the noise does", () => {
    expect(noisy(0.61).of("a current quantisation")).toBeCloseTo((uI * 0.01) / 0.61, 9);
  });

  test("less noise than half a step does not", () => {
    expect(noisy(0.59).of("a current quantisation")).toBeCloseTo(uI, 9);
    expect(noisy(0.59).of("a voltage quantisation")).toBeCloseTo((uV * 0.01) / 0.59, 9);
  });

  test("noise whose mean is as uncertain as a row dithers nothing away", () => {
    const { of } = budget({
      rig,
      at: steady,
      noise: { rowW: 2, meanU: () => 3, runU: 0, dof: 30 },
    });
    expect(of("a current quantisation")).toBeCloseTo(uI, 9);
  });

  test("a float is not rounded; of several ranges the coarsest step counts", () => {
    const float = budget({ rig, at: steady, field: { kind: "float" } });
    expect(float.of("a current quantisation")).toBe(0);
    const ranges = [[0, 0.5, 0], [0, -4, 0], [0, 1, 0]] as const; // prettier-ignore
    const ranged = budget({ rig, at: steady, field: { autoRange: { countBits: 8, ranges } } });
    expect(ranged.of("a current quantisation")).toBeCloseTo(4 * uI, 9);
  });
});

test("noise leaves the mean power over the window in doubt, as the run shows it for that length", () => {
  const noise: Noise = { rowW: 9, meanU: (lengthS) => 2 / lengthS, runU: 0.3, dof: 30 };
  const found = budget({ rig: measured({ power: sensor("p", FINE) }), at: steady, noise });
  // 0.5 W over 4 s; of it 0.3 W are the same in every window.
  expect(found.of("noise")).toBeCloseTo(0.4 * T, 9);
  expect(found.of("noise (mean of the run)")).toBeCloseTo(0.3 * T, 9);
  expect(
    found.terms.map(({ term, type, correlation }) => [term, type, correlation]).slice(0, 2),
  ).toEqual([
    ["noise", "A", 0],
    ["noise (mean of the run)", "A", 1],
  ]);
});

describe("sampling", () => {
  const stepsOf = (sampling: Rig["device"]["sampling"]): Found =>
    budget({
      rig: rigOf({ sampling, rails: [powerRail("a", FINE)] }),
      at: (s) => [{ w: s < 2 ? 50 : s < 3 ? 350 : 150 }],
    });

  test("steps of 300 and 200 W fell somewhere between two rows 1 ms apart, each for itself", () => {
    const { of } = stepsOf("instant");
    const expected = 1e-3 * Math.sqrt((300 ** 2 + 200 ** 2) / 12);
    expect(of("sampling (steps between rows)")).toBeCloseTo(expected, 9);
  });

  test("rows that are means over their time hide no step", () => {
    expect(stepsOf("interval_mean").terms.map((t) => t.term)).not.toContain(
      "sampling (steps between rows)",
    );
  });

  test("a window that ends between two rows of different power may end before or after the step", () => {
    const at = (s: number) => [{ w: s <= 1 ? 50 : s < 5 ? 350 : 250 }];
    const rig = rigOf({ rails: [powerRail("a", FINE)] });
    const both = budget({ rig, at, window: [1.0004, 4.9996] });
    const expected = (1e-3 * Math.hypot(300, 100)) / Math.sqrt(12);
    expect(both.of("window edges (sampling)")).toBeCloseTo(expected, 9);
    const none = budget({ rig, at, window: [1.5, 4.5] });
    expect(none.of("window edges (sampling)")).toBe(0);
  });

  test("of a row that is a mean the whole is known: an edge between two rows is exact, one inside is not", () => {
    const rig = rigOf({ sampling: "interval_mean", rails: [powerRail("a", FINE)] });
    const at = (s: number) => [{ w: s < 1.9995 ? 100 : 300 }];
    const edge = (to: number): number =>
      budget({ rig, at, window: [1, to] }).of("window edges (sampling)");
    expect(edge(2)).toBeCloseTo(0, 9);
    expect(edge(1.9995)).toBeCloseTo((200 * 1e-3 * 0.25) / Math.sqrt(3), 9);
    expect(edge(1.9991)).toBeCloseTo((200 * 1e-3 * 0.09) / Math.sqrt(3), 9);
  });

  test("marks move the ends by their own uncertainty, at the higher power beside each", () => {
    const at = (s: number) => [{ w: s <= 1 ? 50 : s < 5 ? 350 : 250 }];
    const rig = rigOf({ rails: [powerRail("a", FINE)] });
    const { of } = budget({ rig, at, window: [1.0004, 5.2], marksUNs: [2e6, 3e6] });
    expect(of("window edges (marks)")).toBeCloseTo(Math.hypot(350 * 2e-3, 250 * 3e-3), 9);
  });

  test("a sensor of 1 kHz shows τ · ΔP of a window after its end; one of which nothing is stated, nothing", () => {
    const at = (t: number) => [{ w: t < 3 ? 100 : 400 }];
    const edge = (known: object, rig = {}) =>
      budget({
        rig: { ...rigOf({ rails: [powerRail("a", { ...FINE, ...known })] }), ...rig },
        at,
        window: [2, 4],
      }).of("window edges (bandwidth)");
    const tau = 1 / (2 * Math.PI * 1000);
    expect(edge({ bandwidthHz: 1000 })).toBeCloseTo(300 * tau, 9);
    expect(edge({})).toBe(0);
    // 10 to 90 % of a first-order lag take ln 9 of its time constants.
    const stated = (300 * 0.002) / Math.log(9);
    expect(edge({}, { stepResponseS: 0.002 })).toBeCloseTo(stated, 9);
  });
});

describe("the clock", () => {
  const rig = rigOf({ rails: [powerRail("a", FINE)] });
  const clock = (known: object): DaqClock => clockOf([clockModel(HZ, known), 0, 6000]);
  const ramp = (s: number) => [{ w: 40 * s }];

  test("where a line is its fit it is off the same way in all windows, rising and falling ones with their signs", () => {
    const offset = clock({ uOffsetNs: 25e6 });
    const sign = (at: Case["at"]) =>
      budget({ rig, clock: offset, at }).terms.find((t) => t.term === "clock offset")!.correlation;
    expect([sign(ramp), sign((s) => [{ w: 400 - 40 * s }])]).toEqual([1, -1]);
    const two = clockOf(
      [clockModel(HZ, { uOffsetNs: 25e6 }), 0, 5500],
      [clockModel(HZ), 5600, 6000],
    );
    const restarted = budget({ rig, clock: two, at: ramp });
    expect(restarted.terms.find((t) => t.term === "clock offset")!.correlation).toBeNull();
  });

  test("an offset moves both ends alike: on a ramp of 40 W/s by 40 · T · u, on steady power by nothing", () => {
    const offset = clock({ uOffsetNs: 25e6 });
    expect(budget({ rig, clock: offset, at: ramp }).of("clock offset")).toBeCloseTo(
      40 * T * 0.025,
      9,
    );
    expect(budget({ rig, clock: offset, at: () => [{ w: 70 }] }).of("clock offset")).toBeLessThan(
      1e-9,
    );
  });

  test("a rate stretches the window about the reference: P · T · u_rate, whatever the reference", () => {
    for (const refNs of [0, 2e9, 9e9]) {
      const rate = clock({ uRate: 1e-3, refNs, refDevice: refNs / 1e6 });
      const { of } = budget({ rig, clock: rate, at: () => [{ w: 70 }], window: [2, 4] });
      expect(of("clock rate")).toBeCloseTo(70 * 2 * 1e-3, 9);
    }
  });

  test("the worse direction counts", () => {
    // A step 10 ms before the window's begin: only the earlier window sees it.
    const at = (s: number) => [{ w: s < 0.99 ? 500 : 100 }];
    const { of } = budget({ rig, at, clock: clock({ uOffsetNs: 30e6 }) });
    // 20 ms more at 400 W more; the trapezoid of the step's own row on top.
    expect(Math.abs(of("clock offset") - 400 * 0.02)).toBeLessThan(0.4);
  });

  const across = (pauseBefore: boolean): Found =>
    budget({
      rig,
      at: () => [{ w: 70 }],
      pieces: [
        { from: 0, to: 2501 },
        { from: 3500, to: 6001, pauseBefore },
      ],
      clock: clockOf(
        [clockModel(HZ, { uOffsetNs: 4e6 }), 0, 2500],
        [clockModel(HZ, { uOffsetNs: 3e6 }), 3500, 6000],
      ),
    });

  test("segments move each end for itself, and what is bridged between them is longer or shorter by both", () => {
    const { of } = across(false);
    expect(of("clock offset")).toBeCloseTo(70 * Math.hypot(4e-3, 3e-3), 9);
    expect(of("clock between segments")).toBeCloseTo(70 * Math.hypot(4e-3, 3e-3), 9);
  });

  test("a pause in which nothing was taken has no Joules, however long it was", () => {
    expect(across(true).of("clock between segments")).toBe(0);
  });

  test("within one segment nothing lies between segments", () => {
    expect(
      budget({ rig, at: ramp, clock: clock({ uOffsetNs: 1e6 }) }).of("clock between segments"),
    ).toBe(0);
  });
});

describe("what was not observed", () => {
  const rig = rigOf({ rails: [powerRail("a", FINE)] });

  test("a window 0.5 s beyond the trace: the mean of the rest, give or take all of it, uniformly", () => {
    const { of, outside } = budget({ rig, at: () => [{ w: 70 }], window: [4, 6.5] });
    expect(outside.energyJ).toBeCloseTo(70 * 0.5, 9);
    expect(of("not observed")).toBeCloseTo((70 * 0.5) / Math.sqrt(3), 9);
    expect(outside.uJ).toBe(of("not observed"));
  });

  test("a window that the trace covers has nothing outside it", () => {
    expect(budget({ rig, at: () => [{ w: 70 }] }).outside).toEqual({ energyJ: 0, uJ: 0 });
  });

  test("gaps of 0.2 and 0.1 s: both together, by what straight lines are off over as long a stretch", () => {
    const pieces = [
      { from: 0, to: 2001 },
      { from: 2200, to: 3001 },
      { from: 3100, to: 6001 },
    ];
    const { of, terms } = budget({ rig, at: () => [{ w: 100 }], pieces, load: made(100, 40) });
    // By their lengths: 0.2 s twice as much as 0.1 s.
    const [line, unseen] = [300 * ((0.2 ** 2 + 0.1 ** 2) / 0.3), 0.3 / 4];
    expect(of("gaps")).toBeCloseTo(0.3 * Math.sqrt((1 - unseen) * line ** 2 + unseen * 40 ** 2), 9);
    expect(terms.find((t) => t.term === "gaps")!.type).toBe("A");
  });

  test("a window of which little was seen: what the load does elsewhere in the run", () => {
    const pieces = [
      { from: 0, to: 1011 },
      { from: 4990, to: 6001 },
    ];
    // Steady at 64 W where it was seen: 10 ms at each end of 4 s.
    const { of } = budget({ rig, at: () => [{ w: 64 }], pieces, load: made(160, 70) });
    const [line, unseen] = [300 * 3.98, 3.98 / 4];
    const elsewhere = 70 ** 2 + (160 - 64) ** 2;
    const expected = 3.98 * Math.sqrt((1 - unseen) * line ** 2 + unseen * elsewhere);
    expect(of("gaps")).toBeCloseTo(expected, 6);
  });

  test("Joules that bridge a gap have the sensors' gain and offset in them too", () => {
    const pieces = [
      { from: 0, to: 2001 },
      { from: 4000, to: 6001 },
    ];
    const known = { ...FINE, gainU: 0.01, offsetU: 0.5 };
    const { of } = budget({
      rig: rigOf({ rails: [powerRail("a", known)] }),
      at: () => [{ w: 64 }],
      pieces,
    });
    expect(of("a power gain")).toBeCloseTo(0.01 * 64 * 4, 9);
    expect(of("a power offset")).toBeCloseTo(0.5 * 4, 9);
  });

  test("a pause in which nothing was taken changes neither the sensors' part nor that of a gap beside it", () => {
    const known = { ...FINE, gainU: 0.01, offsetU: 0.5 };
    const of = (pauseRows: number): Found["of"] =>
      budget({
        rig: rigOf({ rails: [powerRail("a", known)] }),
        at: () => [{ w: 64 }],
        pieces: [
          { from: 0, to: 1501 },
          { from: 1700, to: 2001 },
          { from: 2000 + pauseRows, to: 6001, pauseBefore: true },
        ],
        // Of 1 s of rows and gap on this side of the pause, 1 s on the other.
        window: [1, 3 + (pauseRows - 1) / 1000],
        load: made(100, 40),
      }).of;
    const [long, none] = [of(2000), of(1)];
    for (const term of ["gaps", "a power gain", "a power offset"])
      expect([term, long(term)]).toEqual([term, expect.closeTo(none(term), 3)]);
    expect(long("a power gain")).toBeCloseTo(0.01 * 64 * 2, 2);
  });

  test("a steady load is bridged without a doubt, and nothing is missing where nothing is", () => {
    const pieces = [
      { from: 0, to: 2001 },
      { from: 2200, to: 6001 },
    ];
    expect(budget({ rig, at: () => [{ w: 64 }], pieces }).of("gaps")).toBeLessThan(1e-6);
    expect(budget({ rig, at: (s) => [{ w: 64 * s }] }).of("gaps")).toBe(0);
  });

  test("a window with nothing but a gap in it is uncertain by all of its bridge", () => {
    const pieces = [
      { from: 0, to: 1001 },
      { from: 5000, to: 6001 },
    ];
    const { of } = budget({ rig, at: (s) => [{ w: s < 3 ? 50 : 90 }], pieces, window: [2, 4] });
    expect(of("gaps")).toBeCloseTo(70 * 2, 9);
  });

  test("a rail without a sensor may carry anything up to its bound: it adds nothing to U, but Joules above", () => {
    const rails = [powerRail("a", FINE)];
    const missingRails = [
      { name: "slot", maxPowerW: 75 },
      { name: "aux", maxPowerW: 5 },
    ];
    const at = () => [{ w: 70 }];
    const found = budget({ rig: rigOf({ rails, missingRails }), at });
    expect(found.whole.unmeasuredJ).toBeCloseTo(80 * T, 9);
    expect(found.u).toBe(budget({ rig: rigOf({ rails }), at }).u);
  });
});

describe("errors that sensors share", () => {
  const rails: Rail[] = [
    {
      name: "a",
      voltage: sensor("v", { ...FINE, gainU: 0.005 }),
      current: sensor("i", { ...FINE, gainU: 0.01, offsetU: 0.05 }),
    },
    { name: "b", current: sensor("j", { ...FINE, gainU: 0.02, offsetU: 0.1 }), assumedVoltage: { valueV: 12, u: 0 } }, // prettier-ignore
  ];
  const [a, i, b] = [
    { rail: "a", quantity: "voltage" },
    { rail: "a", quantity: "current" },
    { rail: "b", quantity: "current" },
  ] as const;
  // 480 J and 240 J; 48 V·s each.
  const at = (): readonly RailRow[] => [
    { w: 120, v: 12, i: 10 },
    { w: 60, v: 12, i: 5 },
  ];
  const sharing = (...shared: NonNullable<Rig["shared"]>): Found =>
    budget({ rig: { ...rigOf({ rails }), shared }, at });

  test("all that each states, behind one cause: contributions add, and nothing is left of its own", () => {
    const { of, terms } = sharing({ cause: "reference", of: "gain", sensors: [a, i, b] });
    expect(of("shared gain: reference")).toBeCloseTo(480 * 0.015 + 240 * 0.02, 9);
    for (const own of ["a voltage gain", "a current gain", "b current gain"])
      expect(of(own)).toBe(0);
    expect(terms.find((t) => t.term === "shared gain: reference")).toMatchObject({
      type: "B",
      correlation: 1,
    });
  });

  test("a part of it: the rest is each one's own, and no sensor shares more than it states", () => {
    const { of } = sharing({ cause: "meter", of: "gain", sensors: [a, i], u: 0.006 });
    expect(of("shared gain: meter")).toBeCloseTo(480 * (0.005 + 0.006), 9);
    expect(of("a voltage gain")).toBeCloseTo(0, 9);
    expect(of("a current gain")).toBeCloseTo(480 * 0.008, 9);
    expect(of("b current gain")).toBeCloseTo(240 * 0.02, 9);
  });

  test("offsets add with what each is multiplied by", () => {
    const { of } = sharing({ cause: "zero", of: "offset", sensors: [i, b], u: 0.03 });
    expect(of("shared offset: zero")).toBeCloseTo(48 * 0.06, 9);
    expect(of("a current offset")).toBeCloseTo(48 * 0.04, 9);
  });

  test("two causes take their parts of one sensor", () => {
    const of = (cause: string) => ({ cause, of: "gain", sensors: [b], u: 0.012 }) as const;
    expect(sharing(of("x"), of("y")).of("b current gain")).toBeCloseTo(
      240 * Math.sqrt(0.02 ** 2 - 2 * 0.012 ** 2),
      9,
    );
  });
});

test("a gain that drifts within the run is off in every window by as much", () => {
  const { of } = budget({
    rig: measured({ power: sensor("p", { ...FINE, driftU: 0.01 }) }),
    at: steady,
  });
  expect(of("a power gain drift")).toBeCloseTo(4.8, 9);
});

describe("noise that the rig states", () => {
  const noise: Noise = { rowW: 5, meanU: () => 5, runU: 5, dof: 30 };
  const rig = (known: object): Rig =>
    measured({ voltage: sensor("v", FINE), current: sensor("i", { ...FINE, ...known }) });

  test("averages over the rows, down to its floor, which is as strong in each octave up to the run", () => {
    const of = (known: object) =>
      budget({ rig: rig({ noise: known }), at: steady, noise, window: [1, 2.5] });
    // 1500 rows, 18 V·s, a quarter of the run.
    const white = of({ rms: 0.2, floor: 0 });
    expect(white.of("a current noise")).toBeCloseTo((18 * 0.2) / Math.sqrt(1500), 9);
    expect(white.of("noise") + white.of("noise (mean of the run)")).toBe(0);
    const pink = of({ rms: 0.2, floor: 0.03 });
    expect(pink.of("a current noise")).toBeCloseTo(
      18 * Math.hypot(0.2 / Math.sqrt(1500), 0.03 * Math.SQRT2),
      9,
    );
  });

  test("of some sensors alone: what the run shows stays", () => {
    const two = rigOf({
      rails: [
        { name: "a", power: sensor("p", { ...FINE, noise: { rms: 1, floor: 0 } }) },
        { name: "b", power: sensor("q", FINE) },
      ],
    });
    const found = budget({ rig: two, at: () => [{ w: 1 }, { w: 1 }], noise });
    expect(found.of("noise (mean of the run)")).toBeCloseTo(20, 9);
  });
});

test("few degrees of freedom where they rule the sum: k by Student's t", () => {
  const rig = measured({ power: sensor("p", { ...FINE, gainU: 0.01 }) });
  const noisy = (dof: number, w: number) =>
    budget({ rig, at: steady, noise: { rowW: 9, meanU: () => w, runU: 0, dof } }).whole;
  // Noise of 4 J beside a gain's 4.8 J.
  const { dof, coverageFactor } = noisy(8, 1);
  expect(dof).toBeCloseTo((4 ** 2 + 4.8 ** 2) ** 2 / (4 ** 4 / 8), 6);
  expect(coverageFactor).toBeCloseTo(2.05, 1);
  expect(noisy(8, 9).coverageFactor).toBeCloseTo(2.35, 1);
  expect(noisy(8, 0.1)).toMatchObject({ coverageFactor: 2 });
  expect(noisy(Infinity, 9)).toMatchObject({ coverageFactor: 2, dof: Infinity });
});

test("what all windows have together and what each has alone make up the whole", () => {
  const rig = measured({ power: sensor("p", { ...FINE, gainU: 0.01 }) });
  const found = budget({
    rig,
    at: steady,
    noise: { rowW: 9, meanU: () => 0.5, runU: 0.3, dof: 30 },
  });
  expect(found.whole.commonUJ).toBeCloseTo(Math.hypot(4.8, 0.3 * T), 6);
  expect(found.whole.independentUJ).toBeCloseTo(0.4 * T, 6);
  expect(found.u).toBeCloseTo(Math.hypot(found.whole.commonUJ, found.whole.independentUJ), 9);
});

describe("the combination", () => {
  test("independent terms add in quadrature; the largest is named first, those of nothing not at all", () => {
    const rig = measured({
      voltage: sensor("v", { ...FINE, gainU: 0.01 }),
      current: sensor("i", { ...FINE, gainU: 0.02, offsetU: 0.05 }),
    });
    const { terms, u } = budget({ rig, at: steady });
    const named = terms.filter((t) => t.contributionJ > 1e-3);
    expect(named.map((t) => t.term)).toEqual([
      "a current gain",
      "a voltage gain",
      "a current offset",
    ]);
    expect(u).toBeCloseTo(Math.hypot(9.6, 4.8, 2.4), 6);
    expect(terms.every((t) => t.contributionJ > 0)).toBe(true);
    const squares = terms.reduce((sum, t) => sum + t.contributionJ ** 2, 0);
    expect(u).toBeCloseTo(Math.sqrt(squares), 12);
  });

  test("one budget serves window after window: the second is not mixed with the first", () => {
    const rig = measured({ power: sensor("p", { ...FINE, gainU: 0.01 }) });
    const layout: RowLayout = { stream: "main", rowBytes: 2, fields: [] };
    const many = new Budget(rig, layout, EXACT, { load: made(120, 0), noise: NO_NOISE, runS: 6 });
    const s = integralsOf(
      rig,
      runsOf(HZ, ALL, () => [{ w: 100 }]),
      [1e9, 2e9, 5e9],
    );
    const window = (t0Ns: number, t1Ns: number): Window =>
      ({ name: "w", kind: "mark", t0Ns, t1Ns, u0Ns: 0, u1Ns: 0 }); // prettier-ignore
    expect(many.of(window(1e9, 2e9), s).uJ).toBeCloseTo(1, 6);
    expect(many.of(window(2e9, 5e9), s).uJ).toBeCloseTo(3, 6);
    expect(many.terms()[0]!.contributionJ).toBeCloseTo(3, 9);
  });
});
