// What `truejoule record --json` prints (docs/reference.md, `record/1`).

import type { DocumentOf } from "./document.ts";
import { FINDING } from "./finding.ts";
import {
  constant,
  count,
  flag,
  listOf,
  notNegative,
  number,
  object,
  oneOf,
  orNull,
  pairOf,
  SOURCE,
  text,
  whole,
} from "./words.ts";

/** A telemetry grid; figures are null where its worker told none. */
const GRID = object({
  grid: text,
  scheduler_class: text,
  period_ms: orNull(number),
  ticks: orNull(count),
  dropped: orNull(count),
  lateness_ms: orNull(object({ median: number, p99: number, worst: number })),
});

const TRIGGER = object({
  output: text,
  spin: flag,
  pattern_pulses: count,
  submit_pulses: count,
  /** Launches seen. */
  submits: count,
  /** Median and most. */
  half_ns: pairOf(number),
  cpu_s: number,
  wall_s: number,
});

export const RECORD = object({
  schema: constant("record/1"),
  run: text,
  source: SOURCE,
  duration_s: notNegative,
  rows: count,
  lost_rows: count,
  reads: count,
  failed_reads: count,
  marks: count,
  lost_marks: count,
  bytes: count,
  ended: oneOf("duration", "command", "interrupt", "failure"),
  /** The program's, 128 + n for signal n; null where none ran. */
  exit_code: orNull(whole),
  findings: listOf(FINDING),
  telemetry: listOf(GRID),
  trigger: orNull(TRIGGER),
});

export type RecordDocument = DocumentOf<typeof RECORD>;
