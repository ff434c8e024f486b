// The GPU's clock against a known truth: the bounds hold always, and are as narrow as they can be.

import { describe, expect, test } from "@jest/globals";
import { fitGpuClock, type GpuClock, gpuToSession } from "../../align/clocks/gpu-clock.ts";
import type { ClockExchange } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { burst, GPU_EPOCH, type Latency, PCIE, session, STEP_NS, truth } from "./gpu-bench.ts";

/** Bursts every half second, as under load. */
function exchanges(seed: number, seconds: number, latency: Latency, n = 40): ClockExchange[] {
  const t = truth(seed);
  const list: ClockExchange[] = [];
  for (let at = 0.1e9; at < seconds * 1e9; at += 0.4e9 + 0.2e9 * t.r.uniform())
    list.push(...burst(t, "gpu", at, n, latency));
  return list;
}

/** Bounds at random instants between first and last exchange: whether the truth is inside, and the half-widths. */
function judge(
  clock: GpuClock,
  seed: number,
  queries: number,
): { inside: boolean; halfNs: number[] } {
  const t = truth(seed);
  const offset = Number(clock.epoch - GPU_EPOCH);
  const end = clock.centresNs[clock.centresNs.length - 1]!;
  const halfNs: number[] = [];
  let inside = true;
  for (let i = 0; i < queries; i++) {
    const g = end * t.r.uniform();
    const reading = Math.floor((g + offset) / STEP_NS) * STEP_NS - offset;
    const [lo, hi] = gpuToSession(clock, reading);
    const host = t.host(g + offset);
    inside &&= lo <= host && host <= hi;
    halfNs.push((hi - lo) / 2);
  }
  return { inside, halfNs };
}

describe("GPU clock", () => {
  test("1,000 seeded clocks over PCIe: the truth is always inside, the interval within ±3 µs", () => {
    let widest = 0;
    for (let seed = 1; seed <= 1000; seed++) {
      const clock = fitGpuClock("gpu", exchanges(seed, 4, PCIE), session);
      const { inside, halfNs } = judge(clock, seed, 40);
      expect([seed, inside]).toEqual([seed, true]);
      expect(clock.contradictions).toBe(0);
      expect(clock.stepNs).toBe(STEP_NS);
      widest = Math.max(widest, ...halfNs);
    }
    expect(widest).toBeLessThan(3000);
  });

  test.each([
    ["a minute of wander", 60, PCIE],
    ["slow and uneven latencies", 10, { leastNs: 20e3, meanExtraNs: 200e3 }],
  ])("%s: inside", (_, seconds, latency) => {
    for (let seed = 1; seed <= 20; seed++) {
      const clock = fitGpuClock("gpu", exchanges(seed, seconds, latency), session);
      expect(judge(clock, seed, 200).inside).toBe(true);
    }
  });

  test("more exchanges never widen it", () => {
    const half = (n: number): number => {
      const clock = fitGpuClock("gpu", exchanges(7, 6, PCIE, n), session);
      const { halfNs } = judge(clock, 7, 200);
      return halfNs.reduce((a, b) => a + b, 0) / halfNs.length;
    };
    const widths = [5, 20, 100].map(half);
    expect(widths[1]).toBeLessThan(widths[0]!);
    expect(widths[2]).toBeLessThan(widths[1]!);
    // No less than the shortest round trip, whatever the number.
    expect(2 * widths[2]!).toBeGreaterThan(2 * PCIE.leastNs);
  });

  test("one burst alone: bounds, ever wider away from it", () => {
    const clock = fitGpuClock("gpu", burst(truth(3), "gpu", 1e9, 50), session);
    const width = (g: number): number => {
      const [lo, hi] = gpuToSession(clock, g);
      return hi - lo;
    };
    expect(clock.segments).toHaveLength(1);
    expect(width(1e9)).toBeGreaterThan(100 * width(0));
  });

  test("a host clock that stepped between bursts is not averaged over", () => {
    const list = exchanges(5, 10, PCIE);
    const stepped = list.map((e) =>
      e.sent - session.hostEpoch < 5_000_000_000n
        ? e
        : {
            ...e,
            sent: instant<"host">(e.sent + 1_000_000n),
            received: instant<"host">(e.received + 1_000_000n),
          },
    );
    const clock = fitGpuClock("gpu", stepped, session);
    const alone = clock.segments.filter((s) => s.alone).length;
    expect(alone).toBeGreaterThan(0);
    expect(alone).toBeLessThan(clock.segments.length / 2);
    // Far from the step both sides keep their own truth.
    const t = truth(5);
    const offset = Number(clock.epoch - GPU_EPOCH);
    for (const [hostNs, step] of [
      [2e9, 0],
      [8e9, 1e6],
    ] as const) {
      const [lo, hi] = gpuToSession(
        clock,
        Math.floor((t.gpu(hostNs) - offset) / STEP_NS) * STEP_NS,
      );
      expect(lo).toBeLessThanOrEqual(hostNs + step);
      expect(hi).toBeGreaterThanOrEqual(hostNs + step);
    }
  });

  test("a burst that contradicts itself is counted; nothing but such bursts is an error", () => {
    const good = exchanges(6, 4, PCIE);
    const broken = burst(truth(6), "gpu", 5e9, 20).map((e, i) =>
      i % 2 === 0 ? e : { ...e, deviceReceived: e.deviceReceived + 50_000n },
    );
    expect(fitGpuClock("gpu", [...good, ...broken], session).contradictions).toBe(1);
    expect(() => fitGpuClock("gpu:0a", broken, session)).toThrow(
      /clock gpu:0a: no map .* 20 exchanges/,
    );
  });

  test("the order of exchanges does not matter", () => {
    const list = exchanges(8, 3, PCIE);
    const a = fitGpuClock("gpu", list, session);
    const b = fitGpuClock("gpu", [list[0]!, ...list.slice(1).reverse()], session);
    expect(gpuToSession(b, 1e9)).toEqual(gpuToSession(a, 1e9));
  });
});
