// align/rows/kernels.wat → align/rows/kernels-wasm.ts: node scripts/make-kernels.mjs
import { readFileSync, writeFileSync } from "node:fs";
import wabt from "wabt";

const at = (name) => new URL(`../align/rows/${name}`, import.meta.url);

/** The module that kernels.wat describes, base64. */
export async function assemble() {
  const { parseWat } = await wabt();
  const module = parseWat("kernels.wat", readFileSync(at("kernels.wat"), "utf8"));
  module.validate();
  return Buffer.from(module.toBinary({}).buffer).toString("base64");
}

export function asSource(base64) {
  const lines = base64.match(/.{1,92}/g).map((line) => `  "${line}"`);
  return `// Made from kernels.wat by scripts/make-kernels.mjs; a test holds the two together.

export const KERNELS_WASM =
${lines.join(" +\n")};
`;
}

if (process.argv[1]?.endsWith("make-kernels.mjs"))
  writeFileSync(at("kernels-wasm.ts"), asSource(await assemble()));
