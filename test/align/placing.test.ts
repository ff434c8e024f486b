// Stretches of reads laid against a trace that is known to the watt: what counts as a better place, and by how much
// a stretch is then late.

import { describe, expect, test } from "@jest/globals";
import { misplacedReads, sharingStamps, withoutReads } from "../../energy/claims/clock-sets.ts";
import { Placing, type Sensor } from "../../energy/claims/placing.ts";
import { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { GoodReads } from "../../energy/claims/stretches.ts";
import { type TraceMeans, traceMeans } from "../../energy/claims/trace-means.ts";
import { readsOf } from "../support/telemetry.ts";

const S = 1e9;
const STEP = 0.1 * S;
/** Lengths of the load's levels, ds: no two shifts of it look alike. */
const LENGTHS = [13, 7, 22, 9, 17, 5, 28, 11, 19, 6, 24, 8, 15, 31, 10, 21, 12, 26, 14, 18];
const LEVELS = LENGTHS.flatMap((n, k) => new Array<number>(n).fill(k % 2 ? 300 : 90));
const loadW = (tNs: number): number => LEVELS[Math.floor(tNs / STEP + 1e-9)] ?? 90;
const SECONDS = LEVELS.length / 10;

const trace = (from = 0, to = SECONDS): TraceMeans => {
  const tNs = Float64Array.from({ length: (to - from) * 100 }, (_, i) => from * S + i * 1e7);
  return traceMeans({ tNs, powerW: tNs.map(loadW) });
};

/** The sensor: 0.1 s mean that ends 0.1 s before the read, 0.9 of the truth and 4 W: −4.5 W about 85 W. */
const SENSOR: Sensor = { windowNs: STEP, delayNs: STEP, gain: 0.9, offsetW: -4.5 };
const sensedW = (tNs: number): number => 0.9 * loadW(tNs - 1.5 * STEP) + 4;
/** A hair's breadth up and down at every read: the channel updates as often as it is read. */
const shownW = (tNs: number): number => sensedW(tNs) + (Math.round(tNs / STEP) % 2 ? 1e-6 : -1e-6);
/** Powers count from the channel's first read. */
const FIRST_W = sensedW(4 * STEP);
const aboutFirst = (gain: number, offsetW: number): number => offsetW + (gain - 1) * FIRST_W;

/** True times of the reads; the log's stamps are what `stamp` makes of them. */
const TIMES = Array.from({ length: LEVELS.length - 6 }, (_, k) => (k + 4) * STEP);
function series(stamp: (tNs: number) => number, times = TIMES): TelemetrySeries {
  return { ...readsOf(times, shownW), tNs: ReadColumn.of(times.map(stamp)) };
}

const placed = (s: TelemetrySeries, of = trace()) => {
  const reads = new GoodReads(s);
  return { placing: new Placing(reads, of), reads, stretches: reads.stretches() };
};

describe("a stretch and its place", () => {
  test("the delay, gain and offset of the channel are found where it lies right", () => {
    const { placing, stretches } = placed(series((t) => t));
    expect(stretches).toHaveLength(1);
    const fit = placing.best(stretches[0]!, 0, SENSOR.windowNs, -STEP, 5 * STEP)!;
    expect(fit.delayNs).toBeCloseTo(STEP, -7);
    expect(fit.gain).toBeCloseTo(0.9, 6);
    expect(fit.offsetW).toBeCloseTo(aboutFirst(0.9, 4), 4);
    expect(fit.unexplained).toBeLessThan(1e-9);
    expect(fit.reads).toBe(TIMES.length);
    // Of a sensor that reads 10 W more: 100 W² at every read.
    const off = { ...SENSOR, offsetW: aboutFirst(0.9, 14) };
    const misfit = placing.best(stretches[0]!, 0, SENSOR.windowNs, STEP, STEP, off)!.misfitW2;
    expect(misfit).toBeCloseTo(100, 4);
    // Of one with another gain: the mean square of what it makes of each read.
    const steep = { ...SENSOR, gain: 1, offsetW: aboutFirst(1, 4) };
    const square = TIMES.reduce((sum, t) => sum + (0.1 * loadW(t - 1.5 * STEP)) ** 2, 0);
    expect(
      placing.best(stretches[0]!, 0, SENSOR.windowNs, STEP, STEP, steep)!.misfitW2,
    ).toBeCloseTo(square / TIMES.length, 4);
  });

  test("where the best lies at the edge of what was tried, it may lie beyond: nothing is found", () => {
    const { placing, stretches } = placed(series((t) => t));
    expect(placing.best(stretches[0]!, 0, STEP, 0.5 * STEP, STEP)).toBeUndefined();
    expect(placing.best(stretches[0]!, 0, STEP, STEP, 1.5 * STEP)).toBeUndefined();
    expect(placing.best(stretches[0]!, 0, STEP, 0.5 * STEP, 1.5 * STEP)).toBeDefined();
  });

  test("a trace that covers less than half of it, or few reads, shows nothing", () => {
    const { placing, stretches } = placed(
      series((t) => t),
      trace(0, 10),
    );
    expect(placing.best(stretches[0]!, 0, STEP, -STEP, 5 * STEP)).toBeUndefined();
    const few = placed(series((t) => t, TIMES.slice(0, 19)));
    expect(few.placing.best(few.stretches[0]!, 0, STEP, 0, 3 * STEP, SENSOR)).toBeUndefined();
    const enough = placed(series((t) => t, TIMES.slice(0, 20)));
    expect(enough.placing.best(enough.stretches[0]!, 0, STEP, 0, 3 * STEP, SENSOR)).toBeDefined();
  });

  test("what runs against the trace, or stands still, explains nothing", () => {
    const upsideDown = { ...readsOf(TIMES, (t) => 400 - shownW(t)) };
    const against = placed(upsideDown);
    const fit = against.placing.best(against.stretches[0]!, 0, STEP, 0, 3 * STEP, SENSOR)!;
    expect(fit.unexplained).toBe(1);
  });

  test("a stretch shows the load if it holds a quarter of the channel's own variance", () => {
    const { placing } = placed(series((t) => t));
    const first = LENGTHS[0]!;
    const part = (from: number, to: number) => placing.isShown({ from, to, jumpNs: 0 });
    expect(part(0, TIMES.length)).toBe(true);
    expect(part(0, first - 4)).toBe(false); // one level
    expect(part(0, 2 * first)).toBe(true);
  });
});

describe("a clock that was set while the log was written", () => {
  const MIDDLE = 14 * S;
  const SET = 3 * S;
  /** From the middle on stamps are so late; from `back` on right again. */
  const set =
    (byNs = SET, back = Infinity) =>
    (t: number) =>
      t < MIDDLE || t >= back ? t : t + byNs;

  test.each([SET, -SET, 1.3 * S])("by %d ns: the reads from there on are late by it", (byNs) => {
    const s = series(set(byNs));
    const found = misplacedReads(s, trace())!;
    const from = TIMES.findIndex((t) => t >= MIDDLE);
    expect(found.reads).toEqual([[from, TIMES.length]]);
    expect(found.channel).toBe(s.channel.name);
    expect(Math.abs(found.lateNs - byNs)).toBeLessThanOrEqual(STEP);
    expect(found.fromNs).toBe(s.tNs.at(from));
    expect(found.toNs).toBe(s.tNs.at(TIMES.length - 1));
    expect(found.halfNs).toBe(new GoodReads(s).resolutionNs);
  });

  test("and set right again: the reads between", () => {
    const back = 22 * S;
    const found = misplacedReads(series(set(SET, back)), trace())!;
    const at = (t: number) => TIMES.findIndex((x) => x >= t);
    expect(found.reads).toEqual([[at(MIDDLE), at(back)]]);
    expect(Math.abs(found.lateNs - SET)).toBeLessThanOrEqual(STEP);
  });

  test("a pause of the logger moves nothing", () => {
    const times = TIMES.filter((t) => t < MIDDLE || t >= MIDDLE + SET);
    expect(
      misplacedReads(
        series((t) => t, times),
        trace(),
      ),
    ).toBeUndefined();
  });

  test("without a jump, or on a steady load, nothing is said", () => {
    expect(
      misplacedReads(
        series((t) => t),
        trace(),
      ),
    ).toBeUndefined();
    const steady = { ...series(set()), value: ReadColumn.of(TIMES.map(() => 90)) };
    expect(misplacedReads(steady, trace())).toBeUndefined();
  });

  test("failed reads keep their places in the count", () => {
    const s = series(set());
    const value = ReadColumn.of([...s.value].map((v, i) => (i < 10 && i % 3 === 0 ? NaN : v)));
    const code = ReadColumn.of([...value].map((v) => (Number.isNaN(v) ? 1 : 0)));
    const from = TIMES.findIndex((t) => t >= MIDDLE);
    expect(misplacedReads({ ...s, value, code }, trace())!.reads).toEqual([[from, TIMES.length]]);
  });

  test("what lies outside the trace as stamped fits one place of it: it was moved", () => {
    const s = series(set(100 * S));
    const found = misplacedReads(s, trace())!;
    expect(found.reads).toEqual([[TIMES.findIndex((t) => t >= MIDDLE), TIMES.length]]);
    expect(Math.abs(found.lateNs - 100 * S)).toBeLessThanOrEqual(STEP);
  });

  test("channels that share the stamps share the finding; others do not", () => {
    const s = series(set());
    const found = misplacedReads(s, trace())!;
    const named = (name: string, tNs = s.tNs): TelemetrySeries => ({
      ...{ ...s, tNs, channel: { ...s.channel, name } },
    });
    const moved = ReadColumn.of([...s.tNs].map((t, i) => (i === 5 ? t + 1 : t)));
    const shorter = ReadColumn.of([...s.tNs].slice(1));
    const all = [s, named("counter"), named("moved", moved), named("shorter", shorter)];
    expect(sharingStamps([found], all)).toEqual([found, { ...found, channel: "counter" }]);
    expect(sharingStamps([], all)).toEqual([]);
  });

  test("a series without some of its reads", () => {
    const s = series((t) => t);
    expect(withoutReads(s, [])).toBe(s);
    const kept = withoutReads(s, [
      [0, 2],
      [5, 6],
    ]);
    const left = TIMES.filter((_, i) => !(i < 2 || i === 5));
    expect([...kept.tNs]).toEqual(left);
    expect([...kept.value]).toEqual(left.map(shownW));
    expect(kept.code.length).toBe(left.length);
    expect(kept.halfNs.length).toBe(left.length);
    expect(kept.channel).toBe(s.channel);
  });
});
