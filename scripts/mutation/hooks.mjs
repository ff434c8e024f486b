// Loader hooks of the mutation runner: TypeScript, each file compiled once; "@jest/globals" from the harness; and
// modules anew with every version of the test file that asks for them.

import { load as compile } from "../ts-hooks.mjs";

const compiled = new Map();

export async function resolve(specifier, context, next) {
  if (specifier === "@jest/globals")
    return { url: new URL("./harness.mjs", import.meta.url).href, shortCircuit: true };
  const found = await next(specifier, context);
  const version = /\?v=\d+$/.exec(context.parentURL ?? "");
  return version && found.url.endsWith(".ts") ? { ...found, url: found.url + version[0] } : found;
}

export async function load(url, context, next) {
  const file = url.replace(/\?v=\d+$/, "");
  if (!file.endsWith(".ts")) return next(url, context);
  if (!compiled.has(file)) compiled.set(file, await compile(file, context, next));
  return compiled.get(file);
}
