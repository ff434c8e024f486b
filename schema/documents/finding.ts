// A finding as documents carry it (docs/reference.md, "Findings"). A code that this version does not know is one too.

import { LEVELS } from "../findings.ts";
import { count, object, oneOf, text } from "./words.ts";

export const FINDING = object({
  code: text,
  level: oneOf(...LEVELS),
  subject: text,
  text,
  count,
});
