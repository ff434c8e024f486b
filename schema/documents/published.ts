// The documents whose definitions are published as JSON Schema: docs/schema/NAME.json (`npm run schemas`).

import type { GenericSchema } from "valibot";
import { COMPARE } from "./compare.ts";

/** By the file's name: `compare/1` is compare-1.json. */
export const PUBLISHED: Readonly<
  Record<string, { readonly title: string; readonly schema: GenericSchema }>
> = {
  "compare-1": {
    title: "compare.json, and what `truejoule compare --json` prints",
    schema: COMPARE,
  },
};
