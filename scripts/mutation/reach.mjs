// Which test files are asked about a source file: those that import it, directly or through others; a slow one only
// about the file whose name it has.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const imported = new Map();
const sourcesOf = (file) => {
  if (!imported.has(file)) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    const found = text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.ts)"/g);
    imported.set(
      file,
      [...found].map(([, path]) => join(dirname(file), path)),
    );
  }
  return imported.get(file);
};

/** @returns everything that a file imports, itself too. */
function closure(file, seen = new Set()) {
  if (!seen.has(file)) {
    seen.add(file);
    for (const source of sourcesOf(file)) closure(source, seen);
  }
  return seen;
}

/** @param slow expression for the names of slow tests. @returns source files → their test files. */
export function reach({ folders, slow }) {
  const isSlow = new RegExp(`^(${slow})$`);
  const tests = folders
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => ({ file, name: basename(file, ".test.ts"), sources: closure(file) }));
  return (sources) =>
    tests
      .filter(({ name, sources: seen }) =>
        sources.some((s) => seen.has(s) && (!isSlow.test(name) || basename(s, ".ts") === name)),
      )
      .map(({ file }) => file);
}
