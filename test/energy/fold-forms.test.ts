// Folded rows against closed forms: which row falls into which step, and the uncertainty of a step, source by source.

import { describe, expect, test } from "@jest/globals";
import { KernelCollector } from "../../align/clocks/cuda-kernels.ts";
import { type KernelTimes, kernelTimes } from "../../align/clocks/cuda-times.ts";
import type { DaqClock } from "../../align/clocks/segments.ts";
import { prepare } from "../../energy/compare.ts";
import { foldKernels } from "../../energy/fold-run.ts";
import { type Folded, type FoldedTrace, Folder, type FoldOptions } from "../../energy/fold.ts";
import { NO_NOISE } from "../../energy/noise.ts";
import { RailSums } from "../../energy/rail-sums.ts";
import type { Prepared } from "../../energy/result.ts";
import type { RowLayout } from "../../schema/records.ts";
import type { Rail, Rig } from "../../schema/rig.ts";
import { kernelMarks, session } from "../align/gpu-bench.ts";
import { clockModel, clockOf } from "../support/clocks.ts";
import { type MadeRun, withRun } from "../support/made-run.ts";
import { powerRail, rigOf, sensor } from "../support/rig.ts";
import { type RailRow } from "../support/rows.ts";

type Launch = readonly [name: string, startNs: number, lengthNs: number];

const exact = (): DaqClock => clockOf([clockModel(1e6), 0, 1e9]);
/** A launch a millisecond, of 10 µs each. */
const START = (launch: number): number => 1e6 * (launch + 1);
const THIRTY: readonly Launch[] = Array.from({ length: 30 }, (_, i) => ["k", START(i), 10e3]);

function timesOf(launches: readonly Launch[], boundsNs?: readonly [number, number]): KernelTimes {
  const collector = new KernelCollector();
  launches.forEach(([name, start, length], i) =>
    kernelMarks(i, name, start, start + length).forEach((m) => collector.add(m, session)),
  );
  const k = kernelTimes(collector.finish(), [], session)!;
  if (!boundsNs) return k;
  const [lo, hi] = boundsNs;
  return { ...k, loNs: k.startNs.map((t) => t + lo), hiNs: k.startNs.map((t) => t + hi) };
}

/** A row at a phase of a launch, with its rails' values. */
interface At {
  readonly launch: number;
  readonly phaseNs: number;
  readonly rails: readonly RailRow[];
}

/** Phases shown: 2 µs before the start to 2 µs after the end, 14 steps of 1 µs. */
const rigWith = (...rails: readonly Rail[]): Rig => ({ ...rigOf({ rails }), stepResponseS: 2e-6 });

interface Made {
  readonly rig?: Rig;
  readonly clock?: DaqClock;
  readonly times?: KernelTimes;
  readonly options?: FoldOptions;
  readonly trace?: Partial<FoldedTrace>;
}

/** Rows of floats, which no step quantises, of a run that shows no noise. */
const traceOf = (rig: Rig, known: Partial<FoldedTrace> = {}): FoldedTrace => ({
  rig,
  layout: floats,
  clock: exact(),
  run: { noise: NO_NOISE, runS: 0.03 },
  ...known,
});

const field = (name: string, kind: "float" | "uint") => ({ name, bitOffset: 0, bits: 32, kind });
const layout = (kind: "float" | "uint"): RowLayout => ({
  ...{ stream: "main", rowBytes: 4 },
  fields: ["ap", "bp", "v", "i"].map((name) => field(name, kind)),
});
const floats = layout("float");

/** @param rows by time; each comes in a run of its own. */
function folded(rows: readonly At[], made: Made = {}): Folded {
  const { rig = rigWith(powerRail()), clock = exact(), times = timesOf(THIRTY) } = made;
  const trace = traceOf(rig, { clock, ...made.trace });
  const folder = new Folder(trace, times, { stepNs: 1000, ...made.options });
  const tNs = Float64Array.from(rows, (r) => START(r.launch) + r.phaseNs);
  const column = (r: number, of: (row: RailRow) => number | undefined): Float64Array =>
    Float64Array.from(rows, (row) => of(row.rails[r]!) ?? NaN);
  const rails = rig.rails.map(({ name, power }, r) => ({
    name,
    powerW: column(r, (x) => x.w),
    currentA: power ? null : column(r, (x) => x.i),
    voltageV: power ? null : column(r, (x) => x.v),
  }));
  const whole = { tNs, rails, totalW: tNs, flags: new Uint8Array(rows.length), gapBefore: false };
  rows.forEach((_, i) => folder.add({ ...whole, from: i, to: i + 1 }));
  return folder.finish()[0]!;
}

/** Each launch with a row in the middle of each of 14 steps. */
const everywhere = (rails: (step: number, launch: number) => readonly RailRow[]): At[] =>
  Array.from({ length: 30 * 14 }, (_, n) => {
    const [launch, step] = [Math.floor(n / 14), n % 14];
    return { launch, phaseNs: -1500 + 1000 * step, rails: rails(step, launch) };
  });

describe("which row falls into which step", () => {
  test("each into its own, beginning with the first and up to the last; what lies beyond into none", () => {
    const phases = [-2001, -2000, -1001, -1000, 0, 999, 11_000, 11_999, 12_000];
    const rows = phases.map((phaseNs, i) => ({ launch: 3, phaseNs, rails: [{ w: 2 ** i }] }));
    const f = folded(rows);
    expect([...f.phaseNs]).toEqual(Array.from({ length: 14 }, (_, s) => -1500 + 1000 * s));
    expect([...f.samples]).toEqual([2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    expect(f.powerW[0]).toBe((2 + 4) / 2);
    expect(f.powerW[1]).toBe(8);
    expect(f.powerW[2]).toBe((16 + 32) / 2);
    expect(f.powerW[13]).toBe((64 + 128) / 2);
    expect(f.powerW[5]).toBeNaN();
  });

  test("a rail that is sampled late lies later, one whose sensor lags earlier; each alone", () => {
    // 53 kHz: a time constant of 3 µs.
    const slow = powerRail("b", { bandwidthHz: 1e9 / (2 * Math.PI * 3000) });
    const rig = rigWith(powerRail("a"), slow);
    const skewNs = new Map([["ap", 4000]]);
    const rows = [-4500, -500, 2500, 7500, 10_500, 14_500].map((phaseNs, i) => ({
      ...{ launch: 3, phaseNs },
      rails: [{ w: 2 ** i }, { w: 2 ** i }],
    }));
    const f = folded(rows, { rig, options: { skewNs } });
    const steps = (r: number): number[] => [...f.rails[r]!.powerW].map((w) => (w > 0 ? w : 0));
    // 4 µs later: phases −0.5, 3.5, 6.5, 11.5 µs; 3 µs earlier: −0.5, 4.5, 7.5, 11.5 µs.
    expect(steps(0)).toEqual([0, 1, 0, 0, 0, 2, 0, 0, 4, 0, 0, 0, 0, 8]);
    expect(steps(1)).toEqual([0, 4, 0, 0, 0, 0, 8, 0, 0, 16, 0, 0, 0, 32]);
    expect(f.sensorRiseNs).toBeCloseTo(Math.log(9) * 3000, 9);
  });

  test("neighbouring launches share a row where their phases overlap", () => {
    const times = timesOf(Array.from({ length: 30 }, (_, i) => ["k", START(0) + i * 11e3, 10e3]));
    // 0.5 µs before the second starts: 10.5 µs into the first.
    const f = folded([{ launch: 0, phaseNs: 10_500, rails: [{ w: 7 }] }], { times });
    expect([...f.samples].map((n, s) => n * s).filter((s) => s > 0)).toEqual([1, 12]);
  });
});

describe("what is said of a kernel", () => {
  test("the median of its lengths, and between which 90 % lie", () => {
    // 1 … 31 µs in no order.
    const launches = Array.from({ length: 31 }, (_, i): Launch => ["k", START(i), 1000 * (1 + ((i * 7) % 31))]); // prettier-ignore
    const f = folded([], { times: timesOf(launches) });
    expect([f.launches, f.durationNs]).toEqual([31, 16e3]);
    expect(f.durationSpanNs).toEqual([expect.closeTo(2500, 6), expect.closeTo(29_500, 6)]);
  });

  test("whether it is shorter than the path's response, and no response where the rig states none", () => {
    const of = (stepResponseS?: number): unknown[] => {
      const { shorterThanResponse, stepResponseNs, sensorRiseNs, phaseNs } = folded([], {
        rig: { ...rigOf(), ...(stepResponseS === undefined ? {} : { stepResponseS }) },
      });
      return [shorterThanResponse, stepResponseNs, sensorRiseNs, phaseNs[0]];
    };
    expect(of(10e-6)).toEqual([false, expect.closeTo(10e3, 6), null, -9500]);
    expect(of(11e-6)).toEqual([true, expect.closeTo(11e3, 6), null, -10_500]);
    expect(of()).toEqual([false, null, null, -99_500]);
  });

  test("steps as narrow as 25 rows a step allow, 2 µs at least, 20,000 steps at most", () => {
    const stepNs = (launches: readonly Launch[], options: FoldOptions = {}): number => {
      const rig = { ...rigWith(powerRail()), device: rigOf({ rowHz: 1e5 }).device };
      return new Folder(traceOf(rig), timesOf(launches), options).finish()[0]!.stepNs;
    };
    const many = Array.from({ length: 200 }, (_, i): Launch => ["k", START(i), 10e3]);
    // 30 launches, 3 rows for each microsecond of phase … 25 rows in 8.33 µs.
    expect(stepNs(THIRTY)).toBeCloseTo(25e9 / (30 * 1e5), 6);
    expect(stepNs(many)).toBe(2000);
    expect(stepNs(many, { stepNs: 0.1 })).toBeCloseTo(14e3 / 20_000, 9);
  });

  test("those that ran longest come first, 16 at most, from 30 launches on; one alone by its name", () => {
    const launches = Array.from({ length: 17 * 30 }, (_, i): Launch => {
      const kind = i % 17;
      return [`k${kind}`, START(i), 100 * (1 + ((kind * 5) % 17))];
    });
    const few = Array.from({ length: 29 }, (_, i): Launch => ["few", START(1000 + i), 1e5]);
    const times = timesOf([...launches, ...few]);
    const kernels = (options: FoldOptions = {}): readonly string[] =>
      new Folder(traceOf(rigWith(powerRail())), times, options).kernels;
    // Kind 10 runs longest: 5 · 10 mod 17 is 16.
    const order = Array.from({ length: 17 }, (_, kind) => kind).sort((a, b) => ((b * 5) % 17) - ((a * 5) % 17)); // prettier-ignore
    expect(order[0]).toBe(10);
    expect(kernels()).toEqual(order.slice(0, 16).map((kind) => `k${kind}`));
    expect(kernels({ kernel: "k3" })).toEqual(["k3"]);
    expect(kernels({ kernel: "few" })).toEqual([]);
  });

  test("how many launches had another kernel within their phases", () => {
    const shown = (launch: number, from: number, length: number): Launch => ["o", START(launch) + from, length]; // prettier-ignore
    const others = [
      shown(1, 5000, 1000), // while it runs
      shown(3, 11_999, 1000), // begins within
      shown(5, 12_000, 1000), // begins when the phases end
      shown(7, -10e3, 8001), // ends within
      shown(9, -10e3, 8000), // ends when they begin
      shown(11, -10e3, 9000), // ends within, though one that began later has ended
      shown(11, -9000, 100),
    ];
    const times = timesOf([...THIRTY, ...others]);
    expect(folded([], { times, options: { kernel: "k" } }).crowded).toBeCloseTo(4 / 30, 12);
    // The last launch has another after it, of the same kernel.
    const doubled = timesOf([...THIRTY, ["k", START(29) + 11e3, 10e3]]);
    expect(folded([], { times: doubled }).crowded).toBeCloseTo(2 / 31, 12);
  });
});

describe("expanded uncertainty of a step", () => {
  const bands = (f: Folded, ...steps: readonly number[]): number[] =>
    steps.map((s) => f.expandedUncertaintyW[s]!);
  const near = (x: number): unknown => expect.closeTo(x, 9);

  test("scatter of the launches, over the root of their number less one; of rails it adds up", () => {
    const swing = (launch: number): number => (launch % 2 === 0 ? 1 : -1);
    const one = folded(everywhere((_, l) => [{ w: 100 + swing(l) }]));
    expect(bands(one, 0, 7)).toEqual([near(2 / Math.sqrt(29)), near(2 / Math.sqrt(29))]);
    const two = folded(
      everywhere((_, l) => [{ w: 100 + swing(l) }, { w: 50 + 2 * swing(l) }]),
      { rig: rigWith(powerRail("a"), powerRail("b")) },
    );
    expect(bands(two, 3)).toEqual([near((2 * (1 + 2)) / Math.sqrt(29))]);
  });

  test("of two rows it is known, of one not", () => {
    const rows = [0, 1, 2].map((launch) => ({
      launch,
      phaseNs: 500,
      rails: [{ w: 100 + launch }],
    }));
    expect(bands(folded(rows.slice(0, 1)), 2)).toEqual([Infinity]);
    // 100 and 101: half a watt from their mean, over √(2 − 1).
    expect(bands(folded(rows.slice(0, 2)), 2)).toEqual([near(1)]);
  });

  /** 3 W a step up to step 4, level to step 8, then down by 6 W a step: 3 and 6 mW/ns. */
  const bent = (step: number): number => 100 + 3 * Math.min(step, 4) - 6 * Math.max(0, step - 8);

  test("doubt of the phase, times the steeper side of the waveform", () => {
    // The start lies anywhere in a width of √12 · 40 ns, the clock is known to 30 ns: 50 ns.
    const width = Math.sqrt(12) * 40;
    const made = {
      times: timesOf(THIRTY, [-width / 2, width / 2]),
      clock: clockOf([clockModel(1e6, { uOffsetNs: 30 }), 0, 1e9]),
    };
    const f = folded(everywhere((s) => [{ w: bent(s) }]), made); // prettier-ignore
    expect(f.phaseUNs).toBeCloseTo(50, 9);
    expect(bands(f, 0, 2, 4, 5, 7, 8, 9, 13)).toEqual(
      [3, 3, 3, 0, 0, 6, 6, 6].map((slope) => near((2 * slope * 50) / 1000)),
    );
  });

  test("beside a step without rows the other side counts; between two such nothing does", () => {
    const width = Math.sqrt(12) * 40;
    const rows = everywhere((s) => [{ w: bent(s) }]).filter((r) => {
      const step = (r.phaseNs + 1500) / 1000;
      return step !== 3 && step !== 10 && step !== 12;
    });
    const f = folded(rows, { times: timesOf(THIRTY, [-width / 2, width / 2]) });
    expect(bands(f, 4, 9, 11)).toEqual([near(0), near((2 * 6 * 40) / 1000), near(0)]);
  });

  test("a sensor's lag may be anything from none to twice what was taken out; of rails it adds up", () => {
    const lagged = (name: string, ns: number): Rail =>
      powerRail(name, { bandwidthHz: 1e9 / (2 * Math.PI * ns) });
    const f = folded(everywhere((s) => [{ w: bent(s) }, { w: 10 - s }]), { rig: rigWith(lagged("a", 100), lagged("b", 200)) }); // prettier-ignore
    // 3 mW/ns over 100 ns and 1 mW/ns over 200 ns; where the first is level the second alone.
    const root = Math.sqrt(3);
    expect(bands(f, 2, 6)).toEqual([near((2 * (0.3 + 0.2)) / root), near((2 * 0.2) / root)]);
    expect(f.sensorRiseNs).toBeCloseTo(200 * Math.log(9), 9);
  });

  const level = (rail: Rail, row: RailRow): number =>
    bands(folded(everywhere(() => [row]), { rig: rigWith(rail) }), 6)[0]!; // prettier-ignore

  test("gain and offset of a sensor of watts, and the errors of its codes", () => {
    const codeErrors = { table: [], u: 0.5 };
    const known = { gainU: 0.01, offsetU: 1, perCount: 2, codeErrors };
    // 2 W, 1 W, 1 W.
    expect(level(powerRail("a", known), { w: 200 })).toBeCloseTo(2 * Math.sqrt(4 + 1 + 1), 9);
  });

  test("of volts and amperes: an offset of each sees the other", () => {
    const rail = {
      name: "a",
      voltage: sensor("v", { gainU: 0.01, offsetU: 0.1 }),
      current: sensor("i", { gainU: 0.02, offsetU: 0.05 }),
    };
    // Volts: 1 % of 200 W and 0.1 V · 20 A; amperes: 2 % and 0.05 A · 10 V.
    const squares = 2 ** 2 + 2 ** 2 + 4 ** 2 + 0.5 ** 2;
    expect(level(rail, { w: 200, v: 10, i: 20 })).toBeCloseTo(2 * Math.sqrt(squares), 9);
  });

  test("of a voltage that nobody measures", () => {
    const rail = {
      ...{ name: "a", current: sensor("i", { offsetU: 0.3 }) },
      assumedVoltage: { valueV: 10, u: 0.2 },
    };
    // 2 % of 200 W, and 0.3 A · 10 V.
    expect(level(rail, { w: 200, v: 10, i: 20 })).toBeCloseTo(2 * Math.sqrt(16 + 9), 9);
  });

  test("of a sensor that a reference corrects: level, drift, and slope from its pivot on", () => {
    const disciplined = { pivot: 5, levelU: 0.3, slopeU: 0.02, driftU: 0.4 };
    const rail = { name: "a", voltage: sensor("v"), current: sensor("i", { disciplined }) };
    // 0.3 and 0.4 A · 10 V, and 2 % of (20 − 5) A · 10 V.
    expect(level(rail, { w: 200, v: 10, i: 20 })).toBeCloseTo(2 * Math.sqrt(9 + 16 + 9), 9);
  });

  test("sensors of several rails are independent", () => {
    const rig = rigWith(powerRail("a", { offsetU: 3 }), powerRail("b", { offsetU: 4 }));
    const f = folded(everywhere(() => [{ w: 1 }, { w: 2 }]), { rig }); // prettier-ignore
    expect(bands(f, 6)).toEqual([near(10)]);
  });

  test("unless one cause moves them all", () => {
    const rails = [powerRail("a", { gainU: 0.03 }), powerRail("b", { gainU: 0.04 })];
    const sensors = ["a", "b"].map((rail) => ({ rail, quantity: "power" as const }));
    const rig = { ...rigWith(...rails), shared: [{ cause: "one reference", of: "gain" as const, u: 0.03, sensors }] }; // prettier-ignore
    const f = folded(everywhere(() => [{ w: 100 }, { w: 200 }]), { rig }); // prettier-ignore
    // 3 W + 6 W together; of the second √(4² − 3²) % of 200 W its own.
    expect(bands(f, 6)).toEqual([near(2 * Math.sqrt(9 ** 2 + 7 * 4))]);
  });

  test("a gain that wanders in the run, and noise that is as strong in every octave", () => {
    const u = level(powerRail("a", { driftU: 0.02, noise: { rms: 0, floor: 3 } }), { w: 200 });
    // 30 launches, one a millisecond, in a run that is as long: to within the ends, the floor itself.
    const spanS = 29e-3 + 10e-6;
    const floor = 3 * Math.sqrt(1 + Math.log2(0.03 / spanS) / 2);
    expect(u).toBeCloseTo(2 * Math.hypot(4, floor), 9);
  });

  test("codes that noise does not dither, and what the run's own mean is off by", () => {
    const rows = everywhere(() => [{ w: 100 }]);
    const one = { rig: rigWith(powerRail("a", { perCount: 2 })) };
    const quiet = folded(rows, { ...one, trace: { layout: layout("uint") } });
    expect(bands(quiet, 6)).toEqual([near((2 * 2) / Math.sqrt(12))]);
    const noise = { ...NO_NOISE, meanU: () => 0.5, runU: 0.25 };
    const wandering = folded(rows, { ...one, trace: { run: { noise, runS: 0.03 } } });
    expect(bands(wandering, 6)).toEqual([near(2 * 0.25)]);
    // Noise of a row as large as a step dithers its rounding, as 30 rows of 1 ms side by side would.
    const meanU = (s: number): number => 2 / Math.sqrt(s / 1e-3);
    const dithering = { noise: { ...NO_NOISE, rowW: 2, meanU }, runS: 0.03 };
    const dithered = folded(rows, { ...one, trace: { layout: layout("uint"), run: dithering } });
    expect(bands(dithered, 6)).toEqual([near((2 * 2) / Math.sqrt(12) / Math.sqrt(30))]);
  });
});

test("of a rail power, its square, current and voltage are averaged by step", () => {
  const sums = new RailSums(powerRail(), 10, { ns: 100, count: 2 });
  const columns = (...rows: readonly (readonly [w: number, i: number, v: number])[]) => ({
    name: "a",
    powerW: Float64Array.from(rows, ([w]) => w),
    currentA: Float64Array.from(rows, ([, i]) => i),
    voltageV: Float64Array.from(rows, ([, , v]) => v),
  });
  const rail = columns([9, 9, 9], [2, 3, 5], [4, 5, 9], [8, 2, 4], [9, 9, 9]);
  // Ten later: 1 before the first step, its begin, its end, the second's begin and end.
  const tNs = Float64Array.of(989, 990, 1089, 1090, 1190);
  sums.add({ tNs, from: 0, to: 5, rail }, 1000);
  expect(sums.at(0)).toEqual({ n: 2, powerW: 3, squareW2: 10, currentA: 4, voltageV: 7 });
  expect(sums.at(1)).toEqual({ n: 1, powerW: 8, squareW2: 64, currentA: 2, voltageV: 4 });
  expect([...sums.meanPowerW()]).toEqual([3, 8]);
  expect(() => sums.at(2)).toThrow(RangeError);
});

describe("a recorded run", () => {
  /** 40 launches of 5 ms, each at a row, in 8 s; the power is the row's number. */
  const kernels = Array.from({ length: 40 }, (_, i) => ["k", 0.2 * i + 0.1, 0.2 * i + 0.105] as const); // prettier-ignore
  const rigOfSkew = (skewS?: number): Rig => ({
    ...rigOf({ rails: [powerRail("a", skewS === undefined ? {} : { skewS })] }),
    stepResponseS: 1e-3,
  });
  const powerW = (s: number): number => Math.round(1000 * s) % 200;
  const run: MadeRun = { seconds: 8, powerW, kernels, rig: rigOfSkew() };
  const fold = (r: MadeRun, edit = (p: Prepared): Prepared => p, kernel?: string): Folded[] =>
    withRun(r, (path) =>
      foldKernels(edit(prepare(path)), { stepNs: 100_000, ...(kernel ? { kernel } : {}) }),
    );
  /** Phases of the steps that have rows, ms from their begins, and their watts. */
  const filled = ({ phaseNs, samples, powerW: watts, stepNs }: Folded): number[][] =>
    [...phaseNs].flatMap((phase, s) =>
      samples[s]! > 0 ? [[Math.round((phase - stepNs / 2) / 1e5) / 10, watts[s]!]] : [],
    );

  test("each row where it was sampled, its value as it was read", () => {
    const rows = [-1, 0, 1, 2, 3, 4, 5];
    const [straight] = fold(run);
    expect(straight).toMatchObject({ kernel: "k", launches: 40 });
    expect(filled(straight!)).toEqual(rows.map((ms) => [ms, 100 + ms]));
    // The sensor is read 0.35 ms after its row: row −1 at phase −0.65.
    const [late] = fold({ ...run, rig: rigOfSkew(0.35e-3) });
    expect(filled(late!)).toEqual(rows.map((ms) => [Math.round(10 * (ms + 0.3)) / 10, 100 + ms]));
  });

  test("what cannot be folded is told, with what was found instead", () => {
    const trace = "nothing to fold: the run has no physical trace";
    expect(() => fold(run, (p) => ({ ...p, scan: { ...p.scan, stream: null } }))).toThrow(trace);
    expect(() => fold(run, (p) => ({ ...p, scan: { ...p.scan, rig: null } }))).toThrow(trace);
    expect(() => fold(run, (p) => ({ ...p, clocks: { ...p.clocks, daq: null } }))).toThrow(trace);
    expect(() => fold({ ...run, kernels: [] })).toThrow("nothing to fold: the run has no kernels");
    const few = { ...run, kernels: [["x", 0.05, 0.06] as const, ...kernels.slice(0, 29)] };
    expect(() => fold(few)).toThrow(/a kernel with at least 30 launches.*k with 29 at most/);
    expect(() => fold(few, undefined, "x")).toThrow(/kernel x with at least 30 launches/);
  });
});
