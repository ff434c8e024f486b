// view/page → dist/view/page: script and style of each page, bundled by esbuild with uPlot in them, and uPlot's
// licence, which the pages show. Part of `npm run build`, and before the tests (jest.config.js), so that no test
// sees a page older than its sources. Holds: the same sources give the same bytes; a reader meanwhile sees whole files.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "dist/view/page");

/** @returns the sizes of the files written, bytes */
export default async function bundlePages() {
  const licence = readFileSync(join(root, "node_modules/uplot/LICENSE"), "utf8").trim();
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: { report: "view/page/report/main.ts", live: "view/page/live/main.ts" },
    bundle: true,
    minify: true,
    format: "iife",
    // Browsers since 2023: nothing is lowered, and the styles use light-dark() (2024) besides.
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    banner: { js: `/* uPlot\n${licence}\n*/` },
    outdir: out,
    write: false,
    logLevel: "warning",
  });
  mkdirSync(out, { recursive: true });
  const files = outputFiles.map(({ path, text }) => [path, text]);
  for (const [path, text] of [...files, [join(out, "uPlot-LICENSE.txt"), licence]])
    keep(path, text);
  return Object.fromEntries(files.map(([path, text]) => [basename(path), Buffer.byteLength(text)]));
}

function keep(path, text) {
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  const fresh = `${path}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}
