import { expect, test } from "@jest/globals";
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
