// session.json of a log (docs/capture.md, `session/1`).

import type { DocumentOf } from "./document.ts";
import { constant, mapOf, object, oneOf, orNull, SOURCE, text, wholeText } from "./words.ts";

/** Which clock the stamps of a log are on. */
export const HOST_CLOCK = oneOf("monotonic", "unix", "trace");

export const SESSION = object({
  schema: constant("session/1"),
  id: text,
  source: SOURCE,
  host_clock: HOST_CLOCK,
  host_epoch_ns: wholeText(64),
  start_unix_ns: orNull(wholeText(64)),
  assumed_zone: orNull(text),
  software: text,
  labels: mapOf(text),
});

export type SessionDocument = DocumentOf<typeof SESSION>;
