// The documents whose definitions are published as JSON Schema: docs/schema/NAME.json (`npm run schemas`).

import type { GenericSchema } from "valibot";
import { ALIGN } from "./align.ts";
import { CALIBRATION } from "./calibration.ts";
import { COMPARE } from "./compare.ts";
import { EXPORT } from "./export.ts";
import { FOLD, FOLD_METADATA } from "./fold.ts";
import { FUSE } from "./fuse.ts";
import { ORIGIN } from "./origin.ts";
import { RECORD } from "./record.ts";
import { RIG } from "./rig.ts";
import { SESSION } from "./session.ts";
import { VERIFY } from "./verify.ts";

/** By the file's name: `compare/1` is compare-1.json; what names no version has none. */
export const PUBLISHED: Readonly<
  Record<string, { readonly title: string; readonly schema: GenericSchema }>
> = {
  "align-1": {
    title: "align.json",
    schema: ALIGN,
  },
  "calibration-1": {
    title: "A calibration record, as `truejoule calibrate` writes it",
    schema: CALIBRATION,
  },
  "compare-1": {
    title: "compare.json, and what `truejoule compare --json` prints",
    schema: COMPARE,
  },
  "export-1": {
    title: "What `truejoule export --json` prints",
    schema: EXPORT,
  },
  "fold-1": {
    title: "What `truejoule fold --json` prints",
    schema: FOLD,
  },
  "folded-1": {
    title: "truejoule.fold in the schema metadata of folded.arrow",
    schema: FOLD_METADATA,
  },
  "fuse-1": {
    title: "What `truejoule fuse --json` prints",
    schema: FUSE,
  },
  origin: {
    title: "origin.json of a capture log that was imported",
    schema: ORIGIN,
  },
  "record-1": {
    title: "What `truejoule record --json` prints",
    schema: RECORD,
  },
  rig: {
    title: "rig.json of a capture log",
    schema: RIG,
  },
  "session-1": {
    title: "session.json of a capture log",
    schema: SESSION,
  },
  "verify-1": {
    title: "What `truejoule verify --json` prints",
    schema: VERIFY,
  },
};
