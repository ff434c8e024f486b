// A log whose clock was set, and one that merely paused, against a trace that did neither.

import { describe, expect, test } from "@jest/globals";
import { type Misplaced, misplacedReads, sharingStamps } from "../../energy/claims/clock-sets.ts";
import { fixedModel } from "../../align/clocks/clock.ts";
import { Outline } from "../../align/clocks/outline.ts";
import { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { steadyClock } from "../../align/clocks/segments.ts";
import { placedTrace, type TraceMeans, traceMeans } from "../../energy/claims/trace-means.ts";
import { type Random, random } from "../../stats/random.ts";

const HZ = 1000;
const S = 1e9;
const SECONDS = 60;
const clock = steadyClock(fixedModel("daq:main", { hz: HZ, uRel: 0, startNs: 0, startUNs: 0 }));

type Load = (r: Random) => (ms: number) => number;

/** Jobs of half a second to four, pauses likewise. */
const jobs: Load = (r) => {
  const level: number[] = [];
  while (level.length < SECONDS * HZ) {
    const watts = level.at(-1) === 90 ? 250 + 100 * r.uniform() : 90;
    level.push(...new Array<number>(500 + r.integer(3500)).fill(watts));
  }
  return (ms) => level[ms]!;
};
const periodic: Load = () => (ms) => (ms % 1000 < 500 ? 300 : 90);
const steady: Load = () => () => 90;

interface Bench {
  readonly trace: TraceMeans;
  /** What a sensor with a 100 ms window says of the load, read every 20 ms or `periodMs`. */
  readonly series: TelemetrySeries;
}

function bench(seed: number, load: Load, periodMs = 20): Bench {
  const r = random(seed, "clock sets");
  const watts = load(r);
  const n = SECONDS * HZ;
  const t = Float64Array.from({ length: n }, (_, i) => i);
  const p = Float64Array.from(t, (ms) => watts(ms) + 2 * r.normal());
  const outline = new Outline();
  outline.add(t, p, n);
  const tNs: number[] = [];
  const value: number[] = [];
  for (let ms = 200; ms < n; ms += periodMs) {
    const updated = ms - (ms % 100);
    tNs.push((ms + r.integer(3)) * 1e6);
    value.push(0.95 * p.slice(updated - 120, updated - 20).reduce((a, w) => a + w / 100, 0) + 3);
  }
  const channel = { name: "nvidia_smi.power_draw", quantity: "power", unit: "W" } as const;
  const code = ReadColumn.of(tNs.map(() => 0));
  const reads = { tNs: ReadColumn.of(tNs), value: ReadColumn.of(value), halfNs: code, code };
  return { trace: traceMeans(placedTrace(outline, clock)), series: { channel, ...reads } };
}

const mapped = (c: ReadColumn, to: (x: number, i: number) => number): ReadColumn =>
  ReadColumn.of([...c].map(to));
const firstFrom = (s: TelemetrySeries, tNs: number): number =>
  [...s.tNs].findIndex((t) => t >= tNs);

/** The log's clock is set by `byS` when it is `atS`. */
const set = (s: TelemetrySeries, atS: number, byS: number): TelemetrySeries => ({
  ...s,
  tNs: mapped(s.tNs, (t) => (t < atS * S ? t : t + byS * S)),
});

function paused(s: TelemetrySeries, atS: number, forS: number): TelemetrySeries {
  const keep = (_: unknown, i: number): boolean =>
    s.tNs.at(i) < atS * S || s.tNs.at(i) > (atS + forS) * S;
  const kept = (c: ReadColumn): ReadColumn => ReadColumn.of([...c].filter(keep));
  return {
    ...s,
    tNs: kept(s.tNs),
    value: kept(s.value),
    halfNs: kept(s.halfNs),
    code: kept(s.code),
  };
}

/** That all reads from `atS` on, by the true clock, and no others were found. */
function expectFrom(found: Misplaced | undefined, s: TelemetrySeries, atS: number, byS: number) {
  const first = firstFrom(s, atS * S);
  expect(found?.reads).toEqual([[first, s.tNs.length]]);
  expect(Math.abs(found!.lateNs / S - byS)).toBeLessThan(found!.halfNs / S);
}

describe("a clock that was set while a log was written", () => {
  test.each([1, 5, 17, 120, 3600, -2, -8])("by %d s is seen, and from where", (byS) => {
    for (let seed = 0; seed < 8; seed++) {
      const { series, trace } = bench(seed, jobs);
      expectFrom(misplacedReads(set(series, 25, byS), trace), series, 25, byS);
    }
  });

  test("is seen in a log of a read a second", () => {
    const { series, trace } = bench(3, jobs, 1000);
    expectFrom(misplacedReads(set(series, 25, 30), trace), series, 25, 30);
  });

  test("and set right again: the reads in between are left out", () => {
    const { series, trace } = bench(4, jobs);
    const [from, to] = [20, 40].map((at) => firstFrom(series, at * S));
    const s = {
      ...series,
      tNs: mapped(series.tNs, (t, i) => (i < from! || i >= to! ? t : t + 7 * S)),
    };
    expect(misplacedReads(s, trace)?.reads).toEqual([[from, to]]);
  });

  test("that was wrong at first and then put right: the reads before are the wrong ones", () => {
    const { series, trace } = bench(5, jobs);
    const s = { ...series, tNs: mapped(series.tNs, (t) => (t < 15 * S ? t - 6 * S : t)) };
    const found = misplacedReads(s, trace);
    expect(found?.reads).toEqual([[0, firstFrom(series, 15 * S)]]);
    expect(found!.lateNs).toBeLessThan(-5.7 * S);
  });

  test("is set for every channel of the log, a counter included, and for no other log", () => {
    const { series, trace } = bench(6, jobs);
    const log = set(series, 30, 5);
    const named = (name: string, s: TelemetrySeries): TelemetrySeries => ({
      ...s,
      channel: { name, quantity: "energy", unit: "J" },
    });
    const other = { ...series, tNs: mapped(series.tNs, (t) => t + 1) };
    const found = sharingStamps(
      [misplacedReads(log, trace)!],
      [log, named("counter", log), named("other", other)],
    );
    expect(found.map((m) => m.channel)).toEqual(["nvidia_smi.power_draw", "counter"]);
    expect(found[1]!.reads).toEqual(found[0]!.reads);
  });
});

describe("a log that only paused", () => {
  test.each([0.3, 1, 5, 20])("for %d s keeps all its reads", (forS) => {
    for (let seed = 0; seed < 4; seed++)
      for (const load of [jobs, periodic, steady]) {
        const { series, trace } = bench(seed, load);
        expect(misplacedReads(paused(series, 5 + 8 * seed, forS), trace)).toBeUndefined();
      }
  });

  test("and went on after the trace had ended keeps them too", () => {
    for (const load of [periodic, steady]) {
      const { series, trace } = bench(1, load);
      const s = set(paused(series, 30, 2), 30, 600);
      expect(misplacedReads(s, trace)).toBeUndefined();
    }
  });

  test("again and again, as on a busy machine", () => {
    const { series, trace } = bench(2, jobs);
    let s = series;
    for (let at = 2; at < 58; at += 2) s = paused(s, at, 0.4);
    expect(misplacedReads(s, trace)).toBeUndefined();
  });
});

test("a setting by the load's own period cannot be told from a pause, and is not claimed", () => {
  const { series, trace } = bench(1, periodic);
  expect(misplacedReads(set(series, 30, 5), trace)).toBeUndefined();
});

test("a channel that does not follow the trace says nothing of its clock", () => {
  const { series, trace } = bench(7, jobs);
  const r = random(7, "noise");
  const noise = { ...series, value: mapped(series.value, () => 100 * r.uniform()) };
  expect(misplacedReads(set(noise, 30, 5), trace)).toBeUndefined();
});
