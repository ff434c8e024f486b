// Enters: compare.json and align.json as they lie on disk. Leaves: the same, checked and typed.

import { readSmallFile } from "../capture/regular-file.ts";
import { type CompareDocument, COMPARE } from "../schema/documents/compare.ts";
import { documentIn, jsonIn } from "../schema/documents/document.ts";
import type { Finding } from "../schema/findings.ts";

export interface ClockFit {
  readonly clock?: string;
  /** From 1, where the device restarted; and the session time that it holds for. */
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

/** @throws InputError when the file cannot be read, is too large or no JSON; `command` writes it again */
export const readDocument = (path: string, command: string): unknown =>
  jsonIn(textOf(path), path, `truejoule ${command} writes it again`);

/** @throws InputError when it cannot be read, is too large or no compare/1 */
export const readCompare = (path: string): CompareDocument =>
  documentIn(COMPARE, textOf(path), path, "truejoule compare writes it again");

const textOf = (path: string): string =>
  readSmallFile(path, "what truejoule wrote", MAX_JSON_BYTES).toString();

/** The clock models, whether align.json is a list of them or holds one under `clocks` or `models`. */
export function clockFits(align: unknown, compare: CompareDocument | null): ClockFit[] {
  const object = align as Alignment | null;
  const list = Array.isArray(align)
    ? (align as ClockFit[])
    : (object?.clocks ?? object?.models ?? []);
  if (list.length > 0) return [...list];
  return compare?.clock ? [{ ...compare.clock, clock: compare.clock.device ?? "daq" }] : [];
}
