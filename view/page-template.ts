// Enters: the finished parts. Leaves: the one file. Its own policy forbids it the network, and lets no script
// run but ours, by hash: an escaping mistake would still not execute.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Html, html, jsonForScript } from "./html.ts";
import type { PageData } from "./page-data.ts";

export interface PageParts {
  readonly title: string;
  readonly head: Html;
  readonly sections: readonly Html[];
  readonly data: PageData;
}

export function renderPage(parts: PageParts): string {
  const { script, style, notice } = pageAssets("report");
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
  const { script, style } = pageAssets("report");
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

/** A page as `npm run build` bundled it: script and style with uPlot in them, and uPlot's licence. */
export function pageAssets(page: "report" | "live"): Assets {
  const read = (name: string): string => readFileSync(new URL(name, BUNDLES), "utf8");
  if (!existsSync(new URL(`${page}.js`, BUNDLES)))
    throw new Error(`${fileURLToPath(BUNDLES)}${page}.js is missing: npm run build makes it`);
  const [script, style] = [read(`${page}.js`), read(`${page}.css`)];
  if (/<\/(script|style)/i.test(script + style))
    throw new Error("a page asset would end its own element");
  return { script, style, notice: read("uPlot-LICENSE.txt") };
}

/** Beside this file where it was built; the sources use the same. */
const BUNDLES = new URL(
  import.meta.url.endsWith(".ts") ? "../dist/view/page/" : "./page/",
  import.meta.url,
);
