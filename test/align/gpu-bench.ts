// A GPU clock with a known truth: exchanges as marks/cuda makes them, and what the host's clock really said.

import { RATE_CHANGE } from "../../align/clocks/gpu-clock.ts";
import { type Random, random } from "../../stats/random.ts";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";

export const GPU_EPOCH = 1_700_000_000_000_000_000n;
/** Of the virtual bench too (virtual/bench/capture.ts). */
export const HOST_EPOCH = 86_400_000_000_000n;
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

export const GPU = "gpu:0000:0a:00.0";
export const PID = 42;
const hostInstant = (ns: number): bigint => HOST_EPOCH + BigInt(Math.round(ns));

/** The marks that a kernel slot becomes (marks/to-marks.ts). */
export function kernelMarks(id: number, name: string, t0: number, t1: number): Mark[] {
  const base = { pid: PID, tid: PID, kind: "kernel", correlation: id, span: `0#${id}` };
  const shape = { gpu: GPU, stream: 7, grid: "264x1x1", block: "256x1x1" };
  return [
    { name, phase: "begin", clock: "host", t: hostInstant(t0), fields: { ...base, ...shape } },
    { name, phase: "end", clock: "host", t: hostInstant(t1), fields: base },
  ];
}

export const submitMark = (id: number, name: string, t: number): Mark => ({
  name,
  phase: "instant",
  clock: "host",
  t: hostInstant(t),
  fields: { pid: PID, tid: PID, kind: "submit", correlation: id },
});

/** What a ping kernel's record becomes: its first and last reading between CUPTI's start and end. */
export function pingRecord(
  t: Truth,
  pings: readonly ClockExchange[],
  errorNs: number,
): ClockExchange[] {
  const [first, last] = [pings[0]!, pings[pings.length - 1]!];
  const begunNs = Number(first.deviceReceived - GPU_EPOCH) - 5000;
  const endedNs = Number(last.deviceReceived - GPU_EPOCH) + 1000;
  const sent = hostInstant(t.host(begunNs) - 400 + errorNs);
  const received = hostInstant(t.host(endedNs) + 400 + errorNs);
  return [begunNs, endedNs].map((g) => {
    const stamp = GPU_EPOCH + BigInt(Math.floor(g / STEP_NS) * STEP_NS);
    return {
      stream: `${GPU} cupti:${PID}`,
      sent: instant<"host">(sent),
      deviceReceived: stamp,
      deviceSent: stamp,
      received: instant<"host">(received),
    };
  });
}
