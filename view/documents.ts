// Enters: compare.json and align.json as they lie on disk. Leaves: the same, checked and typed.

import { documentText } from "../dataset/documents/document-text.ts";
import { ALIGN, type AlignDocument, type AlignedClock } from "../schema/documents/align.ts";
import { COMPARE, type CompareDocument } from "../schema/documents/compare.ts";
import { documentIn } from "../schema/documents/document.ts";

/** What every compare.json says of a clock, and what align.json adds. */
export type ClockFit = Partial<AlignedClock> & Pick<AlignedClock, "clock" | Shared>;

type Shared =
  | ("tick_hz" | "rate_ppm" | "offset_ns" | "interval_ns" | "residual_rms_ns")
  | ("edges_used" | "edges_missing" | "edges_extra");

/** @throws InputError when it cannot be read, is too large or no compare/1 */
export const readCompare = (path: string): CompareDocument =>
  documentIn(COMPARE, documentText(path), path, "truejoule compare writes it again");

/** @throws InputError when it cannot be read, is too large or no align/1 */
export const readAlign = (path: string): AlignDocument =>
  documentIn(ALIGN, documentText(path), path, "truejoule fuse writes it again");

/** The clock models; without any, compare.json's clock; none for a run without a device. */
export function clockFits(
  align: AlignDocument | null,
  compare: CompareDocument | null,
): readonly ClockFit[] {
  if (align && align.clocks.length > 0) return align.clocks;
  if (!compare || compare.clock.method === "none") return [];
  return [{ ...compare.clock, clock: compare.clock.device }];
}
