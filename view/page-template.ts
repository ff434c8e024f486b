// Enters: the finished parts. Leaves: the one file. Its own policy forbids it the network, and lets no script
// run but ours, by hash: an escaping mistake would still not execute.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Html, html, jsonForScript } from "./html.ts";
import type { PageData } from "./page-data.ts";

/** In the order of dependence; they share one scope once joined, so their top-level names differ. */
const SCRIPTS = [
  "data",
  "columns",
  "units",
  "theme",
  "chart",
  "lanes",
  "gestures",
  "readout",
  "main",
];

const STYLES = ["page"];

export interface PageParts {
  readonly title: string;
  readonly head: Html;
  readonly sections: readonly Html[];
  readonly data: PageData;
}

export function renderPage(parts: PageParts): string {
  const { script, style, notice } = pageAssets(SCRIPTS, STYLES);
  const policy = policyOf(script, style);
  const document = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta http-equiv="Content-Security-Policy" content="${policy}" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="referrer" content="no-referrer" />
      <link rel="icon" href="data:," />
      <title>${parts.title}</title>
      ${verbatim("style", style)}
    </head>
    <body>
      ${parts.head}
      <main>
        ${parts.sections}
        <footer>
          Made by truejoule. Plots: uPlot, MIT licence.
          <details>
            <summary>Licence of uPlot</summary>
            <pre>${notice}</pre>
          </details>
        </footer>
      </main>
      ${jsonElement(parts.data)}${verbatim("script", script)}
    </body>
  </html>`;
  return `<!doctype html>\n${document.html}\n`;
}

/** What the page may do, as a Content-Security-Policy: run our script, by hash, and wear our style. */
export function pagePolicy(): string {
  const { script, style } = pageAssets(SCRIPTS, STYLES);
  return policyOf(script, style);
}

const policyOf = (script: string, style: string): string =>
  `default-src 'none'; script-src '${sourceHash(script)}'; style-src '${sourceHash(style)}'; img-src data:; base-uri 'none'; form-action 'none'`;

/** Byte for byte: the policy names the hash of exactly this text. */
export function verbatim(name: "style" | "script", text: string): Html {
  return { html: `<${name}>${text}</${name}>` };
}

function jsonElement(data: PageData): Html {
  return { html: `<script type="application/json" id="data">${jsonForScript(data).html}</script>` };
}

/** As a policy names it. */
export function sourceHash(text: string): string {
  return `sha256-${createHash("sha256").update(text, "utf8").digest("base64")}`;
}

interface Assets {
  readonly script: string;
  readonly style: string;
  readonly notice: string;
}

/** uPlot and files of view/page, joined. @param scripts names without `.js`, @param styles without `.css`. */
export function pageAssets(scripts: readonly string[], styles: readonly string[]): Assets {
  const page = pageFolder();
  const uplot = dirname(createRequire(import.meta.url).resolve("uplot/package.json"));
  const own = scripts.map((name) => joinable(readFileSync(join(page, `${name}.js`), "utf8")));
  const library = readFileSync(join(uplot, "dist/uPlot.iife.min.js"), "utf8").trim();
  const notice = readFileSync(join(uplot, "LICENSE"), "utf8").trim();
  const script = `/* uPlot\n${notice}\n*/\n${library}\n(() => {\n"use strict";\n${own.join("\n")}})();\n`;
  const sheets = styles.map((name) => readFileSync(join(page, `${name}.css`), "utf8"));
  const style = `${readFileSync(join(uplot, "dist/uPlot.min.css"), "utf8").trim()}\n${sheets.join("\n")}`;
  if (/<\/(script|style)/i.test(script + style))
    throw new Error("a page asset would end its own element");
  return { script, style, notice };
}

/** Our modules import only each other, one statement to a line, so joining them is dropping those lines. */
function joinable(module: string): string {
  return module.replace(/^import [^;]*;\n/gm, "").replace(/^export (?=function|const)/gm, "");
}

/** The page's sources lie in the package, beside this file or, built, beside `dist`. */
function pageFolder(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const found = [join(here, "page"), join(here, "../../view/page")].find((d) =>
    existsSync(join(d, "main.js")),
  );
  if (!found) throw new Error("view/page is missing from this installation");
  return found;
}
