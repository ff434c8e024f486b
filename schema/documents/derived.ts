// What each JSON document that was made from a log says of itself: which document it is, and of which log.

import type { DocumentOf } from "./document.ts";
import { count, maybe, object, orNull, text } from "./words.ts";

/** Head and links of its chain are null where the log has no seals. */
export const CAPTURE = object({
  sha256: text,
  chain_head: orNull(text),
  chain_links: orNull(count),
});

/** Documents of earlier versions name no log. */
export const DERIVED = object({ schema: text, capture: maybe(CAPTURE) });

export type CaptureJson = DocumentOf<typeof CAPTURE>;
