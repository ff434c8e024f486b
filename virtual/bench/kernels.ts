// A CUDA program's own kernels → what the virtual card is asked to do: for each, while it runs, power of its
// own above the ready card. In: kernels as CUPTI dated them. Out: a schedule, and the true Joules by name.
// Holds: the figures are drawn from the kernel's name; they say nothing of the real card.

import { hashName } from "../../stats/random.ts";
import { NS_PER_S } from "../../schema/time.ts";
import type { VirtualKernel } from "./gpu.ts";
import { type Schedule, ScheduleBuilder } from "./schedule.ts";
import { POWER } from "./workloads.ts";

/** Board limit, W: kernels side by side do not add up without end. */
const LIMIT_W = 450;
const LEAST_W = 120;
const SPAN_W = 220;

/** W above the ready card, 120 to 340, by name alone. */
export const kernelW = (name: string): number => LEAST_W + (SPAN_W * hashName(1, name)) / 2 ** 32;

/** Kernels that ran in parallel count together. Those outside 0 to `endNs` are cut. */
export function kernelSchedule(kernels: readonly VirtualKernel[], endNs: number): Schedule {
  const changes = kernels
    .flatMap(({ name, t0Ns, t1Ns }) => {
      const inside = t1Ns > Math.max(0, t0Ns) && t0Ns < endNs;
      return inside
        ? [
            { t: t0Ns, w: kernelW(name) },
            { t: t1Ns, w: -kernelW(name) },
          ]
        : [];
    })
    .sort((a, b) => a.t - b.t);
  const b = new ScheduleBuilder();
  let [aboveW, running] = [0, 0];
  for (const { t, w } of changes) {
    const until = Math.min(t, endNs);
    b.hold(Math.min(LIMIT_W, POWER.ready + aboveW), until - b.nowNs);
    running += w > 0 ? 1 : -1;
    aboveW = running === 0 ? 0 : aboveW + w; // rounding must not add up over a million kernels
  }
  return b.hold(Math.min(LIMIT_W, POWER.ready + aboveW), endNs - b.nowNs).build();
}

/** True Joules through the rig's rails while kernels of each name ran, for truth.json. */
export function kernelTruth(
  kernels: readonly VirtualKernel[],
  energyJ: (t0Ns: number, t1Ns: number) => number,
): object[] {
  const sums = new Map<string, { count: number; duration_s: number; energy_j: number }>();
  for (const { name, t0Ns, t1Ns } of kernels) {
    const s = sums.get(name) ?? { count: 0, duration_s: 0, energy_j: 0 };
    s.count++;
    s.duration_s += (t1Ns - t0Ns) / NS_PER_S;
    s.energy_j += energyJ(t0Ns, t1Ns);
    sums.set(name, s);
  }
  return [...sums].map(([name, s]) => ({ name, ...s }));
}
