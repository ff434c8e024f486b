// Workers run outside Jest's transform, so tests of them run plain JavaScript in a child process:
// this compiles the folders they need into a scratch directory inside the package.

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { transformFileSync } from "@swc/core";

const FOLDERS = ["stats", "schema", "host", "nvml", "virtual/driver"];

export interface Compiled {
  /** Runs `source` as an ES module beside the compiled folders; resolves with the JSON it prints. */
  run(source: string): Promise<unknown>;
  remove(): void;
}

export function compile(): Compiled {
  const cache = join(process.cwd(), "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const out = mkdtempSync(join(cache, "truejoule-test-"));
  writeFileSync(join(out, "package.json"), '{"type":"module"}');
  for (const folder of FOLDERS) {
    mkdirSync(join(out, folder), { recursive: true });
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts")))
      writeFileSync(join(out, folder, file.replace(/ts$/, "js")), toJavaScript(join(folder, file)));
  }
  return {
    async run(source) {
      writeFileSync(join(out, "main.js"), source);
      const { stdout } = await promisify(execFile)(process.execPath, ["main.js"], { cwd: out });
      return JSON.parse(stdout) as unknown;
    },
    remove: () => rmSync(out, { recursive: true }),
  };
}

/** As tsc does it for dist/; the option is missing from swc's own types. */
const JSC = {
  parser: { syntax: "typescript" },
  target: "es2022",
  rewriteRelativeImportExtensions: true,
} as const;

function toJavaScript(path: string): string {
  return transformFileSync(path, { swcrc: false, jsc: JSC, module: { type: "es6" } }).code;
}
