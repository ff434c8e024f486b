// Definitions of documents → docs/schema/*.json, JSON Schema (draft 2020-12).
// npm run schemas: writes them. test/schema/documents.test.ts says whether they are up to date.

import { mkdirSync, writeFileSync } from "node:fs";
import { toJsonSchema } from "@valibot/to-json-schema";
import { PUBLISHED } from "../schema/documents/published.ts";

const FOLDER = new URL("../docs/schema/", import.meta.url);

/** By file name. What is ignored, JSON Schema has no word for. */
export const jsonSchemas = (): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(PUBLISHED).map(([name, { title, schema }]) => {
      const { $schema, ...body } = toJsonSchema(schema, {
        target: "draft-2020-12",
        ignoreActions: ["finite", "safe_integer", "check"],
      });
      return [`${name}.json`, `${JSON.stringify({ $schema, title, ...body }, null, 1)}\n`];
    }),
  );

if (process.argv[1]?.endsWith("schemas.ts")) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of jsonSchemas()) writeFileSync(new URL(name, FOLDER), text);
}
