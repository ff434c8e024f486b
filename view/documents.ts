// Enters: compare.json and align.json as they lie on disk. Leaves: the same, typed, with every field that a
// page needs optional: a report shows what is there and says what is not.

import { readSmallFile } from "../capture/regular-file.ts";
import { inputError } from "../schema/errors.ts";
import type { Finding } from "../schema/findings.ts";

export interface BudgetTerm {
  readonly term: string;
  readonly type?: string;
  readonly contribution_j: number;
}

export interface Physical {
  readonly energy_j: number;
  readonly expanded_uncertainty_j: number;
  readonly coverage_factor?: number;
  readonly mean_power_w?: number;
  readonly operational_j?: number | null;
  readonly samples?: number;
  readonly gap_fraction?: number;
  readonly quality?: string;
  readonly budget?: readonly BudgetTerm[];
}

export interface Claim {
  readonly channel: string;
  readonly method?: string;
  readonly energy_j: number | null;
  readonly interval_j?: readonly [number, number] | null;
  readonly error_pct?: number | null;
  readonly error_uncertainty_pct?: number | null;
  readonly samples?: number;
  readonly gap_fraction?: number;
  readonly quality?: string;
}

export interface ComparedWindow {
  readonly name: string;
  readonly kind?: string;
  readonly t0_ns: number;
  readonly t1_ns: number;
  readonly duration_s?: number;
  readonly physical: Physical | null;
  readonly telemetry?: readonly Claim[];
  /** Why the window's edges are not to be trusted, in words. */
  readonly doubt?: string;
  /** What phase alone lets a counter of 20 ms samples, or a 25 ms strobe, say of this load, J. */
  readonly strobe?: {
    readonly counter_20ms_j?: readonly [number, number];
    readonly instant_25ms_j?: readonly [number, number];
  };
}

/** How a telemetry channel sees the rails. */
export interface ChannelFilter {
  readonly channel: string;
  readonly update_period_ms?: number;
  readonly window_ms?: number;
  readonly delay_ms?: number;
  readonly gain?: number;
  readonly offset_w?: number;
  readonly r2?: number;
  readonly origin?: string;
}

/** A fast sensor and the slow accurate reference beside it; absent figures: it was not corrected. */
export interface DisciplineFit {
  readonly rail: string;
  readonly quantity: string;
  readonly reference: string;
  readonly readings_used?: number;
  readonly gain?: number;
  readonly gain_u?: number;
  readonly offset?: number;
  readonly offset_u?: number;
  readonly drift?: number;
  readonly drift_u?: number;
  readonly birge?: number;
}

export interface Comparison {
  readonly schema?: string;
  readonly run?: string;
  readonly source?: string;
  readonly clock?: ClockFit & { readonly device?: string };
  readonly windows?: readonly ComparedWindow[];
  readonly filters?: readonly ChannelFilter[];
  readonly disciplines?: readonly DisciplineFit[];
  readonly warnings?: readonly string[];
  readonly findings?: readonly Finding[];
  /** Anything else is shown under provenance. */
  readonly [extra: string]: unknown;
}

export interface ClockFit {
  readonly clock?: string;
  /** From 1, where the device began anew; and the session time that it holds for. */
  readonly segment?: number;
  readonly t0_ns?: number;
  readonly t1_ns?: number;
  readonly method?: string;
  readonly offset_ns?: number;
  readonly rate_ppm?: number;
  readonly tick_hz?: number;
  readonly interval_ns?: readonly [number, number];
  readonly residual_rms_ns?: number;
  readonly edges_used?: number;
  readonly edges_missing?: number;
  readonly edges_extra?: number;
  readonly edges_bounced?: number;
  readonly residuals?: readonly { readonly t_ns: number; readonly residual_ns: number }[];
  readonly warnings?: readonly string[];
  readonly findings?: readonly Finding[];
}

export interface Alignment {
  readonly clocks?: readonly ClockFit[];
  readonly models?: readonly ClockFit[];
  readonly warnings?: readonly string[];
  readonly [extra: string]: unknown;
}

// JSON is read whole: some 100,000 windows. Beyond, memory would grow with the run.
const MAX_JSON_BYTES = 256e6;

/** @throws InputError when the file cannot be read, is too large or no JSON; `command` writes it anew */
export async function readDocument(path: string, command: string): Promise<unknown> {
  try {
    return JSON.parse(readSmallFile(path, "what truejoule wrote", MAX_JSON_BYTES).toString());
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw inputError(`not JSON; truejoule ${command} writes it anew`, path);
  }
}

/** The clock models, whether align.json is a list of them or holds one under `clocks` or `models`. */
export function clockFits(align: unknown, compare: Comparison | null): ClockFit[] {
  const object = align as Alignment | null;
  const list = Array.isArray(align)
    ? (align as ClockFit[])
    : (object?.clocks ?? object?.models ?? []);
  if (list.length > 0) return [...list];
  return compare?.clock ? [{ ...compare.clock, clock: compare.clock.device ?? "daq" }] : [];
}
