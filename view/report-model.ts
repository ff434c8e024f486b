// Everything a report shows, read from the run's derived files; the sections turn it into HTML.

import type { Finding } from "../schema/findings.ts";
import type { CompareDocument, ComparedWindow } from "../schema/documents/compare.ts";
import type { ClockFit } from "./documents.ts";
import type { Folds } from "./folds.ts";
import type { Channel } from "./telemetry.ts";
import type { Trace } from "./trace.ts";
import type { Windows } from "./windows.ts";

export interface ReportModel {
  readonly name: string;
  /** `hardware`, `emulated`, `virtual`, `imported`, or `unknown` where no file says. */
  readonly source: string;
  readonly trace: Trace | null;
  readonly channels: readonly Channel[];
  readonly windows: Windows;
  readonly comparison: CompareDocument | null;
  readonly clocks: readonly ClockFit[];
  /** Waveforms of repeated kernels; null where nobody folded. */
  readonly folds: Folds | null;
  /** The window the page opens on. */
  readonly headline: ComparedWindow | null;
  /** Schema metadata of fused.arrow. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Each time that the log was found to be another one than its files were made from, in words. */
  readonly logChanges: readonly string[];
  /** Files that were not there. */
  readonly missing: readonly Finding[];
}

export function isSimulated(source: string): boolean {
  return source === "virtual" || source === "emulated";
}

/** The load where one was marked, else the longest marked window, else the first there is. */
export function headlineOf(windows: readonly ComparedWindow[]): ComparedWindow | null {
  const load = windows.find((w) => w.name === "load");
  if (load) return load;
  const marked = windows.filter((w) => w.name !== "session" && w.kind !== "session");
  const longest = [...marked].sort((a, b) => b.t1_ns - b.t0_ns - (a.t1_ns - a.t0_ns))[0];
  return longest ?? windows[0] ?? null;
}
