// The host's clocks read together. UTC is bracketed by two readings of the monotonic clock; boot time
// (which counts suspends) from the kernel's own file.

import { readFileSync } from "node:fs";
import type { ClockPair } from "../schema/records.ts";
import { instant } from "../schema/time.ts";

export function clockPair(): ClockPair {
  const before = process.hrtime.bigint();
  // Sub-millisecond: the time origin is UTC, the rest monotonic, so a step would not show in it. Date does.
  const unix = BigInt(Date.now()) * 1_000_000n;
  const after = process.hrtime.bigint();
  return {
    mono: instant<"host">((before + after) / 2n),
    unix: instant<"unix">(unix),
    boot: bootNs(),
  };
}

/** /proc/uptime is CLOCK_BOOTTIME in hundredths of a second; 0 where there is none. */
function bootNs(): bigint {
  try {
    return BigInt(Math.round(Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1e9));
  } catch {
    return 0n;
  }
}
