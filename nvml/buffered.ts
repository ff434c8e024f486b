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

/**
 * A reader that puts one row a new sample, stamped in Unix time, and none when there is none. Its first
 * call puts what the ring already held; the probe (features.ts) makes that call, before any run.
 */
export function samplesReader(fetch: FetchSamples, clocks: WallClocks): Reader {
  const buffer: SampleBuffer = {
    count: 0,
    stampUs: new Float64Array(SAMPLE_CAPACITY),
    valueW: new Float64Array(SAMPLE_CAPACITY),
  };
  let newestUs = 0;

  const harvest = (put: (valueW: number, stampUs: number) => void): number => {
    const code = fetch(newestUs, buffer);
    if (code !== NvmlCode.success) return code;
    const since = newestUs;
    for (let i = 0; i < buffer.count; i++) {
      const stampUs = buffer.stampUs[i]!;
      if (stampUs > since) put(buffer.valueW[i]!, stampUs);
      newestUs = Math.max(newestUs, stampUs);
    }
    return code;
  };

  return (out) => {
    const now = clocks();
    const code = harvest((valueW, stampUs) => {
      const base = stampBase(stampUs, now.unixUs, now.bootUs);
      const toUnix = base === "boot" ? now.unixUs - now.bootUs : 0;
      out.put(valueW, 0, base === "unknown" ? NaN : stampUs + toUnix);
    });
    if (code !== NvmlCode.success && code !== NvmlCode.notFound) out.put(NaN, code, NaN);
  };
}
