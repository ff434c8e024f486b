// The virtual GPU's own clock, and its kernels as marks/cuda records them. In: kernels, a seed. Out: marks of
// launches and kernels dated by a CUPTI that errs, and the clock exchanges that bound the error.
// Holds: figures are of an H100 (docs/evidence/cuda-h100.md): round trips of 1.4 µs at least, records that
// begin 0.33 to 0.80 µs early and end about 0.23 µs late, a rate that changes by 0.01 ppm a second.

import { type Random, random } from "../../stats/random.ts";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { endsOf } from "../../stats/places.ts";

const US = 1e3;

/** A kernel as it really ran, session ns. */
export interface VirtualKernel {
  readonly name: string;
  readonly t0Ns: number;
  readonly t1Ns: number;
}

const GPU = "gpu:0000:01:00.0";
const PID = 42;
/** What the GPU's clock read at session start: its own epoch. */
const GPU_EPOCH_NS = 1_700_000_000_000_000_000n;
/** %globaltimer of an H100 goes in steps of this. */
const STEP_NS = 32;
const BURST_PERIOD_NS = 0.5e9;
const BURST_EXCHANGES = 40;
const TRIP = { leastNs: 0.7 * US, meanExtraNs: 0.5 * US };

/** Launches and kernels in the order in which a recorder gets them: a kernel's record comes after its end. */
export function kernelMarks(
  kernels: readonly VirtualKernel[],
  seed: number,
  session: Session,
): Mark[] {
  const r = random(seed, "cupti");
  const error = cuptiErrorNs(seed);
  return kernels.flatMap(({ name, t0Ns, t1Ns }, i) => {
    const at = (ns: number): bigint => session.hostEpoch + BigInt(Math.round(ns));
    const base = { pid: PID, tid: PID, kind: "kernel", correlation: i + 1, span: `0#${i}` };
    const shape = { gpu: GPU, stream: 7, grid: "264x1x1", block: "256x1x1" };
    const submitNs = t0Ns - 5.4 * US - r.exponential(1.6 * US);
    const startNs = t0Ns + error - (0.33 + 0.47 * r.uniform()) * US;
    const endNs = t1Ns + error + (0.13 + 0.2 * r.uniform()) * US;
    const common = { clock: "host", name } as const;
    return [
      {
        ...common,
        phase: "instant",
        t: at(submitNs),
        fields: { pid: PID, tid: PID, kind: "submit", correlation: i + 1 },
      },
      { ...common, phase: "begin", t: at(startNs), fields: { ...base, ...shape } },
      { ...common, phase: "end", t: at(endNs), fields: base },
    ] satisfies Mark[];
  });
}

/** CUPTI's conversion to the host's clock is off by as much, one session long. */
const cuptiErrorNs = (seed: number): number => US * (2 * random(seed, "cupti error").uniform() - 1);

/** Bursts of exchanges with the GPU, and CUPTI's own record of each, every half second. */
export function gpuExchanges(durationS: number, seed: number, session: Session): ClockExchange[] {
  const r = random(seed, "gpu clock");
  const clock = gpuClock(r);
  const error = cuptiErrorNs(seed);
  const out: ClockExchange[] = [];
  for (let t = 0.1e9 * r.uniform(); t < durationS * 1e9; t += BURST_PERIOD_NS) {
    const burst: { gpuNs: number; sentNs: number; receivedNs: number }[] = [];
    for (let at = t; burst.length < BURST_EXCHANGES;) {
      const there = at + TRIP.leastNs + r.exponential(TRIP.meanExtraNs);
      const back = there + TRIP.leastNs + r.exponential(TRIP.meanExtraNs);
      burst.push({ gpuNs: clock(there), sentNs: at, receivedNs: back });
      at = back + 100 * r.uniform();
    }
    const [first, last] = endsOf(burst);
    // The burst is a kernel too: CUPTI dates it as it dates the others.
    const begun = first.sentNs - 5 * US + error - (0.33 + 0.47 * r.uniform()) * US;
    const ended = last.receivedNs + 1 * US + error + (0.13 + 0.2 * r.uniform()) * US;
    const [firstGpu, lastGpu] = [clock(first.sentNs - 5 * US), clock(last.receivedNs + 1 * US)];
    const exchange = (stream: string, gpuNs: number, sentNs: number, receivedNs: number): void => {
      const stamp = GPU_EPOCH_NS + BigInt(Math.floor(gpuNs / STEP_NS) * STEP_NS);
      out.push({
        stream,
        sent: instant<"host">(session.hostEpoch + BigInt(Math.floor(sentNs))),
        deviceReceived: stamp,
        deviceSent: stamp,
        received: instant<"host">(session.hostEpoch + BigInt(Math.ceil(receivedNs))),
      });
    };
    for (const e of burst) exchange(GPU, e.gpuNs, e.sentNs, e.receivedNs);
    for (const gpuNs of [firstGpu, lastGpu]) exchange(`${GPU} cupti:${PID}`, gpuNs, begun, ended);
  }
  return out;
}

/** Session ns → GPU ns: up to 30 ppm, and a slow swing of the rate. */
function gpuClock(r: Random): (tNs: number) => number {
  const rate = 1 + 30e-6 * (2 * r.uniform() - 1);
  const start = 1e9 * r.uniform();
  const periodNs = (20 + 40 * r.uniform()) * 1e9;
  const omega = (2 * Math.PI) / periodNs;
  const swingNs = 0.01e-6 / 1e9 / omega ** 2;
  const phase = 2 * Math.PI * r.uniform();
  return (t) => start + t * rate + swingNs * Math.sin(omega * t + phase);
}
