// The DAQ's clock by when its blocks came. A block cannot arrive before its last row was sampled, and now and then
// it arrives at once: the earliest arrivals of each stretch (the lower envelope) carry the clock, all others only
// their delay.

import { observed } from "../../../schema/findings.ts";
import { type ClockModel, fitLine } from "../clock.ts";
import { ARRIVAL_U_NS, type Evidence } from "../daq-evidence.ts";
import { modelOf } from "../fit-model.ts";
import type { ClockMethod, Look } from "./method.ts";

/** Stretches whose earliest arrival is taken. */
const ENVELOPE_STRETCHES = 16;

export const arrival: ClockMethod = { name: "arrival", fit };

function fit({ evidence: { arrivals, clock, prior, delayNs } }: Look): ClockModel | undefined {
  if (arrivals.length < 4 * ENVELOPE_STRETCHES) return undefined;
  const ns = 1e9 / prior.hz;
  const lateNs = (a: Evidence["arrivals"][number]): number => a.sessionNs - a.device * ns;
  const size = Math.floor(arrivals.length / ENVELOPE_STRETCHES);
  const pairs = Array.from({ length: ENVELOPE_STRETCHES }, (_, k) => {
    const stretch = arrivals.slice(k * size, (k + 1) * size);
    const best = stretch.reduce((a, b) => (lateNs(b) < lateNs(a) ? b : a));
    return { device: best.device, sessionNs: best.sessionNs, uNs: ARRIVAL_U_NS };
  });
  // The shortest delay is unknown, and as large as the device's buffers: what the rig says of its start.
  const systematicNs = Math.max(ARRIVAL_U_NS, prior.startUNs);
  const lag =
    delayNs === null
      ? "and lags by the shortest delay"
      : `less the shortest delay of another segment (${(delayNs / 1e6).toFixed(3)} ms)`;
  const told = observed(
    "clock-by-arrival",
    `no edge or exchange ties the DAQ's clock to the host's: it rests on when blocks arrived, ${lag}`,
  );
  const fitted = { pairs, fit: fitLine(pairs, prior), findings: [told] };
  return modelOf({ clock, method: arrival.name, prior }, fitted, systematicNs);
}
