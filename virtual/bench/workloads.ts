// The virtual GPU's programs: idle, ramp, square bursts, GEMM kernels, LLM prefill and decode.
// In: a builder and how long. Out: pieces on it. Holds: figures are of a 450 W card, chosen to look
// like the published captures (idle below ready below load); no number here claims to be measured.

import { type Random, random } from "../../stats/random.ts";
import { type Schedule, ScheduleBuilder } from "./schedule.ts";
import { valueAt } from "../../stats/places.ts";

const MS = 1e6;
const US = 1e3;

/** Board power, W: asleep; clocks up and waiting; under each kind of work. */
export const POWER = {
  idle: 38,
  ready: 92,
  ramp: 330,
  burst: 410,
  gemm: 365,
  prefill: 430,
  decode: 285,
};

/** From submission to the kernel's first instruction: 5–12 µs on CUDA. */
const launchNs = (r: Random): number => 5 * US + r.exponential(3 * US);

/** Power climbs in a straight line and falls again: half the time each. */
export function ramp(b: ScheduleBuilder, ns: number): void {
  b.span("ramp", {}, () => {
    b.ramp(POWER.ready, POWER.ramp, ns / 2).ramp(POWER.ramp, POWER.ready, ns / 2);
  });
}

/** The same work `count` times: on, then as long off, each burst a span named `load`. */
function bursts(b: ScheduleBuilder, r: Random, count: number, ns: number): void {
  for (let i = 0; i < count; i++) {
    b.span("load", {}, () => {
      b.hold(POWER.ready, launchNs(r)).hold(POWER.burst, ns);
    });
    b.hold(POWER.ready, ns);
  }
}

/** Kernels back to back, 50 µs to 3 ms each, a launch gap between them. */
export function gemm(b: ScheduleBuilder, r: Random, ns: number): void {
  const until = b.nowNs + ns;
  b.span("gemm", {}, () => {
    while (b.nowNs < until) {
      b.hold(POWER.ready, launchNs(r));
      b.hold(POWER.gemm + 12 * r.normal(), 50 * US + r.exponential(700 * US));
    }
  });
}

/** A token every `periodNs`: one burst of kernels, then the wait for the next: what strobes a sensor. */
export function decode(b: ScheduleBuilder, r: Random, tokens: number, periodNs = 20 * MS): void {
  b.span("decode", { tokens, batch_size: 8 }, () => {
    for (let i = 0; i < tokens; i++) {
      const start = b.nowNs;
      b.hold(POWER.ready, launchNs(r));
      b.hold(POWER.decode, 0.3 * periodNs + 0.01 * periodNs * r.normal());
      b.hold(POWER.ready, start + periodNs - b.nowNs);
    }
  });
}

function prefill(b: ScheduleBuilder, r: Random, ns: number): void {
  b.span("prefill", { tokens: 2048, batch_size: 8 }, () => {
    b.hold(POWER.ready, launchNs(r)).hold(POWER.prefill, ns);
  });
}

/** One after the other within `ns`, with the card idling between. */
function cycle(b: ScheduleBuilder, r: Random, ns: number): void {
  const on = Math.min(50 * MS, ns / 40);
  const gap = (): unknown => b.hold(POWER.ready, 0.02 * ns + r.exponential(0.005 * ns));
  ramp(b, 0.14 * ns);
  gap();
  bursts(b, r, Math.max(2, Math.round((0.22 * ns) / (2 * on))), on);
  gap();
  gemm(b, r, 0.18 * ns);
  gap();
  prefill(b, r, 0.05 * ns);
  gap();
  decode(b, r, Math.max(2, Math.round((0.26 * ns) / (20 * MS))));
}

/** A whole session: idle, cycles of about 3 s of everything above, idle. */
export function mixedWork(seed: number, durationS: number): Schedule {
  const b = new ScheduleBuilder();
  const r = random(seed, "schedule");
  const endNs = durationS * 1e9;
  const restNs = Math.min(0.5e9, 0.15 * endNs);
  b.hold(POWER.idle, restNs * 0.6).hold(POWER.ready, restNs * 0.4);
  const work = endNs - 2 * restNs;
  const cycles = Math.max(1, Math.round(work / 3e9));
  for (let i = 0; i < cycles; i++) {
    const until = restNs + ((i + 1) * work) / cycles;
    cycle(b, r, 0.95 * (until - b.nowNs));
    b.hold(POWER.ready, until - b.nowNs);
  }
  return b.hold(POWER.idle, endNs - b.nowNs).build();
}

/** One load after the other, all alike, from 0.4 s on: each a span named `load`. @param body is given the builder. */
export function repeatedLoads(
  durationS: number,
  offNs: number,
  body: (b: ScheduleBuilder) => void,
): Schedule {
  const b = new ScheduleBuilder().hold(POWER.ready, 400 * MS);
  while (b.nowNs < durationS * 1e9 - 500 * MS) {
    b.span("load", {}, () => body(b.hold(POWER.ready, 8 * US))).hold(POWER.ready, offNs);
  }
  return b.hold(POWER.ready, durationS * 1e9 - b.nowNs).build();
}

/** Kernels by name and length, ns: the shortest last two rows at 100 kHz. */
export const KERNEL_LENGTHS_NS: Readonly<Record<string, number>> = {
  kernel_20us: 20 * US,
  kernel_50us: 50 * US,
  kernel_200us: 200 * US,
  kernel_1ms: 1 * MS,
  kernel_5ms: 5 * MS,
  kernel_20ms: 20 * MS,
};

/** Kernels of all lengths in turn, each with its own power, ten to a span; idle before and after. */
export function kernelWork(seed: number, durationS: number): Schedule {
  const b = new ScheduleBuilder().hold(POWER.idle, 0.1e9).hold(POWER.ready, 0.1e9);
  const r = random(seed, "kernel work");
  const kinds = Object.entries(KERNEL_LENGTHS_NS);
  // The long ones are rare enough to leave room for the short ones.
  const pick = (): (typeof kinds)[number] => {
    const u = r.uniform();
    return valueAt(kinds, u < 0.02 ? 5 : u < 0.08 ? 4 : Math.floor((u - 0.08) / 0.23));
  };
  while (b.nowNs < (durationS - 0.35) * 1e9) {
    b.span("step", {}, () => {
      for (let i = 0; i < 10; i++) {
        const [name, ns] = pick();
        b.hold(POWER.ready, launchNs(r) + r.exponential(300 * US));
        b.kernel(name, () => b.hold(POWER.gemm + 12 * r.normal(), ns));
      }
    }).hold(POWER.ready, 1 * MS);
  }
  return b.hold(POWER.idle, durationS * 1e9 - b.nowNs).build();
}

/** The shape of the kernel that {@link foldWork} repeats: fractions of its length and power. */
const SHAPE = [
  { ns: 15 * US, powerW: 420 },
  { ns: 10 * US, powerW: 180 },
  { ns: 25 * US, powerW: 390 },
] as const;

/** One kernel of 50 µs that is not at one power, launched over and over at no fixed period. */
export function foldWork(seed: number, durationS: number): Schedule {
  const b = new ScheduleBuilder().hold(POWER.idle, 0.1e9).hold(POWER.ready, 0.1e9);
  const r = random(seed, "fold work");
  while (b.nowNs < (durationS - 0.2) * 1e9) {
    b.span("step", {}, () => {
      for (let i = 0; i < 20; i++) {
        b.hold(POWER.ready, 450 * US + r.exponential(100 * US));
        b.kernel("kernel_50us", () => SHAPE.forEach(({ ns, powerW }) => b.hold(powerW, ns)));
      }
    }).hold(POWER.ready, 1 * MS);
  }
  return b.hold(POWER.idle, durationS * 1e9 - b.nowNs).build();
}
