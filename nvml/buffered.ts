// nvmlDeviceGetSamples: the driver's own ring of power samples, harvested so that none is taken twice.
// Their stamps are Unix microseconds on an H100 (driver 580) and are reported on CLOCK_BOOTTIME
// elsewhere (polarsignals/gpu-metrics-agent, pull request 36), so the base is inferred from the value.

import { NvmlCode } from "./codes.ts";
import type { Reader } from "./library.ts";

/** Newest samples of one harvest; a call fills the columns and `count`. */
export interface SampleBuffer {
  count: number;
  readonly stampUs: Float64Array;
  readonly valueW: Float64Array;
}

/** Fetches samples newer than `sinceUs` (on the samples' own clock); returns an NVML code. */
export type FetchSamples = (sinceUs: number, into: SampleBuffer) => number;

/** Unix and boot time now, µs. */
export type WallClocks = () => { readonly unixUs: number; readonly bootUs: number };

/** A stamp this far from both clocks belongs to neither. */
const NEAR_US = 3600e6;

/** On which clock a sample's stamp lies; both clocks are read just after the harvest. */
export function stampBase(
  stampUs: number,
  unixUs: number,
  bootUs: number,
): "unix" | "boot" | "unknown" {
  if (Math.abs(stampUs - unixUs) < NEAR_US) return "unix";
  return Math.abs(stampUs - bootUs) < NEAR_US ? "boot" : "unknown";
}

/** Buffers of the H100 hold 120 samples (docs/evidence/nvml-h100.md); twice that is room for others. */
export const SAMPLE_CAPACITY = 256;

/** The Unix clock ran against the other by more than it is ever slewed between two harvests: it was set. */
const SET_US = 10e3;

/**
 * A reader that puts one row a new sample, stamped in Unix time, and none when there is none. Its first
 * call puts what the ring already held; the probe (features.ts) makes that call, before any run.
 * A Unix clock that is set back must not leave all samples older than the newest: the ring is then asked
 * again from that one's time by the clock as it is now.
 */
export function samplesReader(
  fetch: FetchSamples,
  clocks: WallClocks,
  capacity = SAMPLE_CAPACITY,
): Reader {
  const buffer: SampleBuffer = {
    count: 0,
    stampUs: new Float64Array(capacity),
    valueW: new Float64Array(capacity),
  };
  const seen = new RecentStamps(2 * capacity);
  let newestUs = 0;
  let last: ReturnType<WallClocks> | undefined;
  let ring: ReturnType<typeof stampBase> = "unknown";

  return (out) => {
    const before = clocks();
    const setUs = last ? before.unixUs - last.unixUs - (before.bootUs - last.bootUs) : 0;
    if (setUs < -SET_US && ring === "unix") newestUs += setUs;
    const since = newestUs;
    const code = fetch(since, buffer);
    const now = (last = clocks());
    if (code !== NvmlCode.success) {
      if (code !== NvmlCode.notFound) out.put(NaN, code, NaN);
      return;
    }
    for (let i = 0; i < buffer.count; i++) {
      const stampUs = buffer.stampUs[i]!;
      if (stampUs <= since || !seen.add(stampUs)) continue;
      const base = stampBase(stampUs, now.unixUs, now.bootUs);
      const toUnix = base === "boot" ? now.unixUs - now.bootUs : 0;
      out.put(buffer.valueW[i]!, 0, base === "unknown" ? NaN : stampUs + toUnix);
      if (base !== "unknown") ring = base;
      // What lies ahead of its clock was stamped before that was set back; the next ones lie below it.
      if (ring !== "unix" || stampUs <= now.unixUs) newestUs = Math.max(newestUs, stampUs);
    }
  };
}

/** The stamps put last: a driver repeats what lies above the time that it is asked from. */
class RecentStamps {
  readonly #stamps = new Set<number>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** False where it was there. */
  add(stampUs: number): boolean {
    if (this.#stamps.has(stampUs)) return false;
    this.#stamps.add(stampUs);
    // A Set keeps the order in which it was filled.
    if (this.#stamps.size > this.#most) this.#stamps.delete(this.#stamps.values().next().value!);
    return true;
  }
}
