// What fold says of its waveforms (docs/folding.md): in the schema metadata of folded.arrow, and as `fold --json` (`fold/1`).

import type { DocumentOf } from "./document.ts";
import { FINDING } from "./finding.ts";
import {
  constant,
  count,
  flag,
  listOf,
  maybe,
  notNegative,
  number,
  numberOrNull,
  object,
  pairOf,
  positive,
  SOURCE,
  text,
} from "./words.ts";

const KERNEL = object({
  kernel: text,
  launches: count,
  /** Share of launches, 0 to 1. */
  crowded_fraction: notNegative,
  /** Median. */
  duration_ns: number,
  duration_p5_p95_ns: pairOf(number),
  step_ns: positive,
  steps: count,
  empty_steps: count,
  phase_u_ns: notNegative,
  /** 10–90 %; null where the rig states none. */
  sensor_rise_ns: numberOrNull,
  step_response_ns: numberOrNull,
  shorter_than_response: flag,
});

const FOLDED = {
  kernels: listOf(KERNEL),
  warnings: listOf(text),
  findings: maybe(listOf(FINDING)),
};

/** `truejoule.fold` of folded.arrow. */
export const FOLD_METADATA = object(FOLDED);

export const FOLD = object({
  schema: constant("fold/1"),
  run: text,
  source: SOURCE,
  /** Path of the table. */
  out: text,
  ...FOLDED,
});

export type FoldedKernelJson = DocumentOf<typeof KERNEL>;
export type FoldMetadata = DocumentOf<typeof FOLD_METADATA>;
export type FoldDocument = DocumentOf<typeof FOLD>;
