// A run and its clocks → the window `session`, and the stretch of it that was observed.

import type { SessionClocks } from "../align/clocks/fit.ts";
import { placeNs } from "../align/clocks/segments.ts";
import { isTraced, type Scan } from "../align/scanned.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";
import type { Window } from "./window.ts";

/** Where the physical trace is; without one, where anything is. */
export function sessionWindow(scan: Scan, clocks: SessionClocks): Window {
  const [t0Ns, t1Ns] = sessionSpan(scan, clocks);
  return { name: "session", kind: "session", t0Ns, t1Ns, u0Ns: 0, u1Ns: 0 };
}

function sessionSpan(scan: Scan, clocks: SessionClocks): readonly [SessionNs, SessionNs] {
  const observed = observedSpan(scan, clocks);
  const marks = clocks.marks.spanNs();
  if (observed === null || !marks || (scan.stream && clocks.daq))
    return observed ?? marks ?? [0, 0];
  return [Math.min(observed[0], marks[0]), Math.max(observed[1], marks[1])];
}

/** Where the physical trace is; without one, where reads are; null where there are none. */
export function observedSpan(scan: Scan, clocks: SessionClocks): [SessionNs, SessionNs] | null {
  if (isTraced(scan) && clocks.daq) {
    const { firstDevice, lastDevice } = scan.stream;
    const { sampling, rowHz } = scan.rig.device;
    const tail = sampling === "interval_mean" ? NS_PER_S / rowHz : 0;
    return [placeNs(clocks.daq, firstDevice), placeNs(clocks.daq, lastDevice) + tail];
  }
  let [lo, hi] = [Infinity, -Infinity];
  for (const { tNs } of scan.telemetry)
    for (let i = 0; i < tNs.length; i++) {
      lo = Math.min(lo, tNs.at(i));
      hi = Math.max(hi, tNs.at(i));
    }
  return lo <= hi ? [lo, hi] : null;
}
