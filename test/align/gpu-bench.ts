// A GPU clock with a known truth: exchanges as marks/cuda makes them, and what the host's clock really said.

import { RATE_CHANGE } from "../../align/gpu-clock.ts";
import { type Random, random } from "../../schema/random.ts";
import type { ClockExchange } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";

export const GPU_EPOCH = 1_700_000_000_000_000_000n;
const HOST_EPOCH = 5_000_000_000_000n;
export const STEP_NS = 32;

export const session: Session = {
  id: "test",
  source: "virtual",
  hostClock: "monotonic",
  hostEpoch: instant<"host">(HOST_EPOCH),
  startUnix: null,
  software: "test",
  labels: {},
};

export interface Truth {
  readonly r: Random;
  /** GPU ns since GPU_EPOCH → session ns. */
  host(gpuNs: number): number;
  /** Its inverse. */
  gpu(hostNs: number): number;
}

/** Drift up to 100 ppm, and a rate that swings as fast as RATE_CHANGE allows. */
export function truth(seed: number): Truth {
  const r = random(seed, "gpu clock");
  const drift = 100e-6 * (2 * r.uniform() - 1);
  const start = 1e9 * r.uniform();
  const periodS = 3 + 57 * r.uniform();
  const omega = (2 * Math.PI) / (periodS * 1e9);
  const phase = 2 * Math.PI * r.uniform();
  // Its second derivative peaks at RATE_CHANGE, ns per s².
  const swingNs = RATE_CHANGE / 1e9 / omega ** 2;
  const host = (g: number): number =>
    start + g * (1 + drift) + swingNs * Math.sin(omega * g + phase);
  const gpu = (h: number): number => {
    let g = (h - start) / (1 + drift);
    for (let i = 0; i < 4; i++) g -= (host(g) - h) / (1 + drift);
    return g;
  };
  return { r, host, gpu };
}

export interface Latency {
  /** Least one-way time, ns, and the mean of what comes on top. */
  readonly leastNs: number;
  readonly meanExtraNs: number;
}

/** PCIe as the H100 showed it: round trips of 1.4 µs at best, 2.6 in the median. */
export const PCIE: Latency = { leastNs: 700, meanExtraNs: 500 };

export function exchange(t: Truth, stream: string, sentNs: number, l: Latency): ClockExchange {
  const there = l.leastNs + t.r.exponential(l.meanExtraNs);
  const back = l.leastNs + t.r.exponential(l.meanExtraNs);
  const gpuNs = Math.floor(t.gpu(sentNs + there) / STEP_NS) * STEP_NS;
  const stamp = GPU_EPOCH + BigInt(gpuNs);
  return {
    stream,
    sent: instant<"host">(HOST_EPOCH + BigInt(Math.floor(sentNs))),
    deviceReceived: stamp,
    deviceSent: stamp,
    received: instant<"host">(HOST_EPOCH + BigInt(Math.ceil(sentNs + there + back))),
  };
}

/** `n` exchanges back to back. */
export function burst(
  t: Truth,
  stream: string,
  atNs: number,
  n: number,
  l: Latency = PCIE,
): ClockExchange[] {
  const list: ClockExchange[] = [];
  for (let at = atNs; list.length < n;) {
    const e = exchange(t, stream, at, l);
    list.push(e);
    at = Number(e.received - HOST_EPOCH) + 100 * t.r.uniform();
  }
  return list;
}
