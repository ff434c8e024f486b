import { describe, expect, test } from "@jest/globals";
import { Lag } from "../../virtual/bench/lag.ts";
import { type PowerTrace, powerTrace } from "../../virtual/bench/power.ts";
import { ScheduleBuilder } from "../../virtual/bench/schedule.ts";
import { mixedWork } from "../../virtual/bench/workloads.ts";
import { random } from "../../stats/random.ts";

const TAU = 60e3;

/** Simpson's rule between all breakpoints, where the curve is smooth. */
function bruteJ(trace: PowerTrace, t0: number, t1: number): number {
  const cuts = [t0, ...trace.t.filter((t) => t > t0 && t < t1), t1];
  let sum = 0;
  for (let i = 0; i + 1 < cuts.length; i++) {
    const [a, b] = [cuts[i]!, cuts[i + 1]!];
    const n = 2 * Math.max(10, Math.min(4000, Math.ceil((b - a) / (TAU / 40))));
    const h = (b - a) / n;
    // Just inside the piece, so that a jump of the slope belongs to one side.
    let s = trace.at(a) + trace.at(b - 1e-3);
    for (let k = 1; k < n; k++) s += (k & 1 ? 4 : 2) * trace.at(a + k * h);
    sum += (s * h * 1e-9) / 3;
  }
  return sum;
}

describe("true power", () => {
  test("a step answers as 1 − e^(−t/τ), and what the capacitors owe is τ·ΔP", () => {
    const trace = powerTrace(new ScheduleBuilder().hold(50, 1e6).hold(350, 1e7).build(), TAU);
    expect(trace.at(0.9e6)).toBe(50);
    expect(trace.at(1e6 + TAU)).toBeCloseTo(50 + 300 * (1 - Math.exp(-1)), 9);
    expect(trace.energyJ(1e6, 9e6)).toBeCloseTo(350 * 8e-3 - 300 * TAU * 1e-9, 12);
    // Before and after the schedule the power stands still.
    expect(trace.energyJ(-2e9, 0)).toBeCloseTo(100, 9);
    expect(trace.energyJ(20e6, 1e9 + 20e6)).toBeCloseTo(350, 9);
  });

  test("Joules of any interval equal brute-force integration to 1e-6", () => {
    const trace = powerTrace(mixedWork(5, 1.2), TAU);
    const r = random(5, "intervals");
    for (let k = 0; k < 12; k++) {
      const t0 = r.uniform() * 1.1e9;
      const t1 = t0 + 10 ** (4 + 4.5 * r.uniform());
      const brute = bruteJ(trace, t0, t1);
      expect(Math.abs(trace.energyJ(t0, t1) / brute - 1)).toBeLessThan(1e-6);
    }
  });

  test("energy is additive and power never leaves the schedule's range", () => {
    const schedule = mixedWork(9, 2);
    const trace = powerTrace(schedule, TAU);
    const highest = Math.max(...schedule.fromW, ...schedule.toW);
    let sum = 0;
    for (let t = 0; t < 2e9; t += 7e6) {
      sum += trace.energyJ(t, Math.min(2e9, t + 7e6));
      expect(trace.at(t)).toBeGreaterThan(37.9);
      expect(trace.at(t)).toBeLessThan(highest + 1e-9);
    }
    expect(Math.abs(sum / trace.energyJ(0, 2e9) - 1)).toBeLessThan(1e-12);
  });
});

describe("lagged power", () => {
  const schedule = new ScheduleBuilder()
    .hold(40, 1e6)
    .ramp(40, 400, 5e5)
    .hold(100, 3e4)
    .hold(380, 2e6)
    .build();
  const trace = powerTrace(schedule, TAU);

  test.each([1300, 20_000, TAU, 17e6])("τ = %p ns solves z' = (y − z)/τ", (tau) => {
    const lag = new Lag(trace, tau);
    const step = Math.min(tau, TAU) / 400;
    // Second-order integration of the same equation from rest.
    let z = 40;
    for (let t = 0.9e6; t < 2.2e6; t += step) {
      const slope = (trace.at(t) - z) / tau;
      const ahead = (trace.at(t + step) - (z + slope * step)) / tau;
      z += ((slope + ahead) / 2) * step;
      const differs = Math.abs(lag.at(t + step) - z);
      if (differs > 0.02) throw new Error(`at ${t}: ${lag.at(t + step)} W, integrated ${z} W`);
    }
    expect(z).toBeGreaterThan(41);
  });

  test("a grid is the same as single instants", () => {
    const lag = new Lag(trace, 1300);
    const out = new Float64Array(256);
    for (const t0 of [-5e6, 0.5e6, 0.999e6, 1.4e6, 3.4e6, 9e6]) {
      lag.fill(t0, 10_000.7, out);
      for (let k = 0; k < 256; k++) expect(out[k]).toBeCloseTo(lag.at(t0 + k * 10_000.7), 9);
    }
  });
});
