// The page's HTML: a frame that its script fills. Nothing of the run is in it; it arrives over the socket.

import { html } from "../html.ts";
import { pageAssets, sourceHash, verbatim } from "../page-template.ts";
import type { ServedPage } from "./server.ts";

export function livePage(): ServedPage {
  const { script, style } = pageAssets("live");
  const text = render(script, style);
  return {
    policy: `default-src 'none'; script-src '${sourceHash(script)}'; style-src '${sourceHash(style)}'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    body: () => text,
  };
}

function render(script: string, style: string): string {
  const document = html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <link rel="icon" href="data:," />
      <title>live: truejoule</title>
      ${verbatim("style", style)}
    </head>
    <body>
      <div id="banner" class="banner" role="note"><strong></strong><span></span></div>
      <main>
        <header class="top">
          <div class="bar-top">
            <span class="brand"
              ><svg viewBox="0 0 24 24" aria-hidden="true">
                <path d="M13.5 2 5 13.5h5.2L9 22l9-12.5h-5.6z" /></svg
              >truejoule</span
            >
            <span class="controls"
              ><span id="link" class="link" role="status">connecting</span
              ><button type="button" id="theme" aria-label="Switch between light and dark">
                ◐ <span>Theme</span>
              </button></span
            >
          </div>
          <div id="tiles" class="tiles live"></div>
        </header>
        <section id="trace">
          <div class="toolbar">
            <span id="spans" class="group" role="group" aria-label="Span shown"></span>
            <button type="button" id="pause" aria-pressed="false">Pause</button>
            <label
              >Also show
              <select id="side">
                <option value="">nothing</option>
              </select></label
            >
            <span class="end"><span id="cursor"></span> <span id="resolution"></span></span>
          </div>
          <div id="chips" class="chips"></div>
          <div id="plots" tabindex="0" role="group" aria-label="Power over session time"></div>
          <p class="hint">
            Dragging zooms, a double-click or <kbd>0</kbd> follows the recording again. With the
            trace clicked: wheel zooms, <kbd>Shift</kbd> + wheel and <kbd>←</kbd> <kbd>→</kbd> move,
            <kbd>Space</kbd> pauses.
          </p>
        </section>
        <section id="windows">
          <h2>Windows</h2>
          <p class="lead">
            Provisional: a running trapezoid on the clock as known now, without uncertainty. Fusing
            the run gives the figures of record.
          </p>
          <div class="scroll">
            <table>
              <thead></thead>
              <tbody></tbody>
              <tbody></tbody>
            </table>
          </div>
        </section>
        <section id="notes">
          <h2>Losses and warnings</h2>
          <ul class="findings"></ul>
          <p class="good empty">None so far.</p>
        </section>
        <footer>Made by truejoule. Plots: uPlot, MIT licence.</footer>
      </main>
      ${verbatim("script", script)}
    </body>
  </html>`;
  return `<!doctype html>\n${document.html}\n`;
}
