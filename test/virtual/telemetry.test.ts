import { describe, expect, test } from "@jest/globals";
import { powerTrace } from "../../virtual/bench/power.ts";
import { type Schedule, ScheduleBuilder } from "../../virtual/bench/schedule.ts";
import { AMPERE, HOPPER, virtualTelemetry } from "../../virtual/bench/telemetry.ts";

const MS = 1e6;
const HONEST = { gain: 1, offsetW: 0 };

/** `onMs` of work every `periodMs` for 6 s, begun `phaseMs` late. */
function periodic(onMs: number, periodMs: number, phaseMs: number): Schedule {
  const b = new ScheduleBuilder().hold(100, (500 + phaseMs) * MS);
  for (let t = 0; t < 6000; t += periodMs) b.hold(700, onMs * MS).hold(100, (periodMs - onMs) * MS);
  return b.build();
}

/** Mean W of the steady middle, as a poller at 10 ms sees it; a counter by its difference. */
function reported(name: string, schedule: Schedule): number {
  const kind = HOPPER.find((k) => k.name === name)!;
  const channel = virtualTelemetry(kind, powerTrace(schedule, 60e3), HONEST, 3);
  const [from, to] = [2000 * MS, 6000 * MS];
  if (kind.kind === "counter")
    return (channel.valueAt(to) - channel.valueAt(from)) / ((to - from) * 1e-9);
  let [sum, n] = [0, 0];
  for (let t = from; t < to; t += 10 * MS, n++) sum += channel.valueAt(t);
  return sum / n;
}

const phases = (name: string, onMs: number, periodMs: number): number[] =>
  Array.from({ length: 8 }, (_, k) => reported(name, periodic(onMs, periodMs, (k * periodMs) / 8)));
const spread = (x: number[]): number => Math.max(...x) / Math.min(...x);

describe("the strobe, as measured on an H100", () => {
  test("25 ms of work every 100 ms: the instant field says anything, the 1 s mean does not", () => {
    expect(spread(phases("nvml.power_instant", 25, 100))).toBeGreaterThan(2);
    const mean = phases("nvml.power_usage", 25, 100);
    expect(spread(mean)).toBeLessThan(1.01);
    for (const w of mean) expect(w).toBeCloseTo(250, 0);
  });

  test("5 ms of work every 20 ms: the counter strobes too; at 21.3 ms it does not", () => {
    const locked = spread(phases("nvml.energy_counter", 5, 20));
    expect(locked).toBeGreaterThan(1.4);
    expect(locked).toBeLessThan(2.5);
    expect(spread(phases("nvml.energy_counter", 5, 21.3))).toBeLessThan(1.05);
  });
});

describe("telemetry channels", () => {
  const steady = powerTrace(new ScheduleBuilder().hold(80, 1e9).hold(300, 4e9).build(), 60e3);

  test("a windowed channel renews every period and shows the mean of its own window", () => {
    const kind = AMPERE[0]!;
    if (kind.kind !== "windowed") throw new Error("not windowed");
    const c = virtualTelemetry(kind, steady, { gain: 0.948, offsetW: 1.4 }, 4);
    const update = c.phaseNs + 10 * kind.periodNs;
    expect(c.valueAt(update + 1)).toBe(c.valueAt(update + kind.periodNs - 1));
    for (const t of [update, update + 7 * kind.periodNs]) {
      const [a, b] = [t - kind.delayNs - kind.windowNs, t - kind.delayNs];
      const want = 0.948 * (steady.energyJ(a, b) / (kind.windowNs * 1e-9)) + 1.4;
      expect(c.valueAt(t + 5 * MS)).toBeCloseTo(want, 2);
    }
  });

  test("values come in whole milliwatts and millijoules", () => {
    for (const kind of HOPPER) {
      const v = virtualTelemetry(kind, steady, { gain: 1.01234567, offsetW: 0.1 }, 5).valueAt(2e9);
      expect(v * 1000).toBeCloseTo(Math.round(v * 1000), 5);
    }
  });

  test("the counter never falls and moves 20 to 100 ms apart", () => {
    const c = virtualTelemetry(
      HOPPER.find((k) => k.kind === "counter")!,
      steady,
      HONEST,
      6,
    );
    let [last, movedAt] = [c.valueAt(0), NaN];
    const steps: number[] = [];
    for (let t = 0; t < 3e9; t += MS) {
      const v = c.valueAt(t);
      expect(v).toBeGreaterThanOrEqual(last);
      if (v > last) {
        if (!Number.isNaN(movedAt)) steps.push(t - movedAt);
        movedAt = t;
      }
      last = v;
    }
    expect(Math.min(...steps)).toBe(20 * MS);
    expect(Math.max(...steps)).toBe(100 * MS);
    // Asking again out of order changes nothing; in steady state the rate is the power.
    expect(c.valueAt(0)).toBeLessThan(last);
    expect((c.valueAt(4.5e9) - c.valueAt(3e9)) / 1.5).toBeCloseTo(300, -1.5);
  });
});
