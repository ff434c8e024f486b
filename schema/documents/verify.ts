// What `truejoule verify --json` prints (`verify/1`): the log, and the files beside it.

import type { DocumentOf } from "./document.ts";
import {
  constant,
  count,
  flag,
  listOf,
  number,
  object,
  oneOf,
  orNull,
  SOURCE,
  text,
  whole,
} from "./words.ts";

const STREAM = object({
  stream: text,
  blocks: count,
  rows: count,
  /** By the row index; below 0 where rows came that nothing left room for. */
  missing_rows: whole,
  gaps: count,
  duplicates: count,
  backwards: count,
  late_blocks: count,
  late_rows: count,
  /** Blocks; edges and clock exchanges: what cannot be of one run. */
  ticks_wrong: count,
  edges_outside: count,
  exchanges_outside: count,
});

const DAMAGE = object({
  what: oneOf("cut", "chunk", "attachment", "record", "message", "sequence"),
  /** Byte of the log, and how many could not be used. */
  offset: number,
  bytes: number,
  text,
});

/** A file that was made from the log, or SHA256SUMS; rows are null where it is no table or could not be read. */
const FILE = object({
  path: text,
  ok: flag,
  rows: orNull(count),
  problem: orNull(text),
});

export const VERIFY = object({
  schema: constant("verify/1"),
  run: text,
  source: SOURCE,
  verdict: oneOf("clean", "unsealed", "degraded", "altered"),
  capture: object({
    bytes: count,
    /** Hex. */
    sha256: text,
    /** Null where the log has no seals; `known_by` names the files that know a head of it. */
    chain: orNull(object({ head: text, links: count, known_by: listOf(text) })),
    attachments: listOf(text),
    streams: listOf(STREAM),
    reads: count,
    failed_reads: count,
    marks: count,
    edges: count,
    stray_edges: count,
    damages: listOf(DAMAGE),
  }),
  problems: listOf(text),
  warnings: listOf(text),
  files: listOf(FILE),
});

export type VerifyDocument = DocumentOf<typeof VERIFY>;
export type FileCheck = DocumentOf<typeof FILE>;
