// The one place that knows where the package's own files lie, in the checkout and in dist/.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of package.json: the checkout, or the installed package when this file lies in dist/. */
export function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, "package.json"))) {
    if (dirname(dir) === dir) throw new Error("package.json not found above the program");
    dir = dirname(dir);
  }
  return dir;
}

export function version(): string {
  const text = readFileSync(join(packageRoot(), "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

/** What the session header and the MCAP library field say wrote the file. */
export const software = (): string => `truejoule ${version()}`;
