// Loader hook: lets plain Node 20 run the TypeScript sources in a worker or a child process (tests and
// development only; a build has no .ts to load).
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transform } from "@swc/core";

const options = {
  swcrc: false,
  sourceMaps: "inline",
  jsc: { target: "es2022", parser: { syntax: "typescript" } },
  module: { type: "es6" },
};

export async function load(url, context, next) {
  if (!url.endsWith(".ts")) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, "utf8"), { ...options, filename });
  return { format: "module", source: code, shortCircuit: true };
}
