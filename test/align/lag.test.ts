import { describe, expect, test } from "@jest/globals";
import { fixedModel } from "../../align/clocks/clock.ts";
import { lagOf } from "../../energy/claims/lag.ts";
import { Outline } from "../../align/clocks/outline.ts";
import { ReadColumn } from "../../align/read-column.ts";
import type { TelemetrySeries } from "../../align/scanned.ts";
import { steadyClock } from "../../align/clocks/segments.ts";
import { placedTrace } from "../../energy/claims/trace-means.ts";
import { random } from "../../stats/random.ts";

const HZ = 1000;
const clock = steadyClock(fixedModel("daq:main", { hz: HZ, uRel: 0, startNs: 0, startUNs: 0 }));

/** A load of random steps, 20 s. */
function load(): Outline {
  const r = random(3, "lag");
  const outline = new Outline();
  const n = 20 * HZ;
  const t = new Float64Array(n).map((_, i) => i);
  let level = 100;
  const p = new Float64Array(n).map((_, i) => {
    if (i % 130 === 0) level = r.uniform() < 0.5 ? 100 : 300;
    return level + r.normal();
  });
  outline.add(t, p, n);
  return outline;
}

function delayed(o: Outline, delayMs: number): TelemetrySeries {
  const tNs: number[] = [];
  const value: number[] = [];
  for (let i = 0; i < o.t.length; i += 20) {
    tNs.push((o.t[i]! + delayMs) * 1e6);
    value.push(o.powerW[i]!);
  }
  const channel = { name: "c", quantity: "power", unit: "W" } as const;
  const zeros = ReadColumn.of(tNs.map(() => 0));
  return {
    channel,
    tNs: ReadColumn.of(tNs),
    value: ReadColumn.of(value),
    halfNs: zeros,
    code: zeros,
  };
}

test.each([0, 100, 700, -400])("a delay of %i ms is found to a step", (delayMs) => {
  const outline = load();
  const lag = lagOf(delayed(outline, delayMs), placedTrace(outline, clock))!;
  expect(lag.correlation).toBeGreaterThan(0.8);
  expect(Math.abs(lag.lagNs / 1e6 - delayMs)).toBeLessThanOrEqual(20);
});

const mapped = (c: ReadColumn, to: () => number): ReadColumn => ReadColumn.of([...c].map(to));

test("what does not follow the trace has no lag", () => {
  const outline = load();
  const r = random(9, "noise");
  const other = delayed(outline, 0);
  const noise = { ...other, value: mapped(other.value, () => 100 * r.uniform()) };
  expect(lagOf(noise, placedTrace(outline, clock))).toBeUndefined();
});

describe("a channel of exact steps", () => {
  const outline = load();
  const trace = placedTrace(outline, clock);
  const cut = (s: TelemetrySeries, from: number, to: number): TelemetrySeries => {
    const part = (c: ReadColumn): ReadColumn => ReadColumn.of([...c].slice(from, to));
    return {
      ...s,
      tNs: part(s.tNs),
      value: part(s.value),
      halfNs: part(s.halfNs),
      code: part(s.code),
    };
  };

  test("names its channel, and the peak is Pearson's r: 1 for the trace itself", () => {
    const itself = {
      ...delayed(outline, 0),
      tNs: ReadColumn.of([...trace.tNs]),
      value: ReadColumn.of([...trace.powerW]),
    };
    expect(lagOf(itself, trace)).toEqual({
      channel: "c",
      lagNs: 0,
      correlation: expect.closeTo(1, 9),
    });
  });

  test("gain and offset of the channel change nothing", () => {
    const s = delayed(outline, 200);
    const scaled = { ...s, value: ReadColumn.of([...s.value].map((v) => 0.3 * v - 500)) };
    const [a, b] = [lagOf(s, trace)!, lagOf(scaled, trace)!];
    expect(b.lagNs).toBe(a.lagNs);
    expect(b.correlation).toBeCloseTo(a.correlation, 6);
  });

  test("failed reads are passed over, at the ends too", () => {
    const s = delayed(outline, 100);
    const value = ReadColumn.of(
      [...s.value].map((v, i) => (i < 3 || i > s.value.length - 4 || i % 7 === 0 ? NaN : v)),
    );
    const lag = lagOf({ ...s, value }, trace)!;
    expect(Math.abs(lag.lagNs / 1e6 - 100)).toBeLessThanOrEqual(20);
  });

  test("few good reads, or a stretch too short beside the reach of the search, say nothing", () => {
    const s = delayed(outline, 0);
    const goodUpTo = (n: number) => ({
      ...s,
      // The last is good too: the stretch is as long as ever.
      value: ReadColumn.of(
        [...s.value].map((v, i) => (i < n - 1 || i === s.value.length - 1 ? v : NaN)),
      ),
    });
    expect(lagOf(goodUpTo(19), trace)).toBeUndefined();
    // 3 s for the search, 5 s for its 500 points.
    expect(lagOf(cut(s, 0, (8.1 * HZ) / 20), trace)).toBeDefined();
    expect(lagOf(cut(s, 0, (7.9 * HZ) / 20), trace)).toBeUndefined();
  });

  test("a channel that stands still, or runs against the load, has no lag", () => {
    const s = delayed(outline, 0);
    expect(lagOf({ ...s, value: mapped(s.value, () => 90) }, trace)).toBeUndefined();
    const against = { ...s, value: ReadColumn.of([...s.value].map((v) => 400 - v)) };
    expect(lagOf(against, trace)).toBeUndefined();
  });
});
