// The frame of the trace: controls, canvases, readout. view/page draws in it.

import { type Html, html } from "../html.ts";

export function traceSection(): Html {
  return html`<section id="trace">
    <h2>Trace</h2>
    <div class="toolbar">
      <span class="group" role="group" aria-label="What dragging does"
        ><button type="button" id="mode-zoom" aria-pressed="true">Drag zooms</button
        ><button type="button" id="mode-measure" aria-pressed="false">Drag measures</button></span
      >
      <span class="group" role="group" aria-label="Zoom"
        ><button type="button" id="zoom-in" aria-label="Zoom in">+</button
        ><button type="button" id="zoom-out" aria-label="Zoom out">−</button
        ><button type="button" id="to-markers">To markers</button
        ><button type="button" id="reset">Whole run</button></span
      >
      <label
        >Also show
        <select id="side">
          <option value="">nothing</option>
        </select></label
      >
      <span class="end"><span id="cursor"></span> <span id="resolution"></span></span>
    </div>
    <div id="chips" class="chips"></div>
    <div
      id="plots"
      tabindex="0"
      role="group"
      aria-label="Power over session time"
      aria-describedby="keys"
    >
      <canvas id="lane" role="img" aria-label="Windows; the table of windows lists them"></canvas>
    </div>
    <div>
      <canvas id="overview" role="img" aria-label="Whole run; drag to move the view"></canvas>
    </div>
    <p class="hint" id="keys">
      Drag to zoom, double-click for the whole run. With the trace clicked, or with <kbd>Ctrl</kbd>:
      wheel zooms, <kbd>Shift</kbd> + wheel moves. Keys: <kbd>←</kbd> <kbd>→</kbd> move,
      <kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>0</kbd> all, <kbd>A</kbd> <kbd>B</kbd> place a marker at
      the pointer, <kbd>M</kbd> zoom to the markers, <kbd>Esc</kbd> clear them. Markers can be
      dragged; <kbd>Shift</kbd> + drag places both.
    </p>
    <div id="readout">
      <div class="markers">
        <h3>Between the markers</h3>
        <label
          ><b>A</b>
          <input id="marker-a" inputmode="decimal" aria-label="Marker A, seconds" /> s</label
        >
        <label
          ><b>B</b>
          <input id="marker-b" inputmode="decimal" aria-label="Marker B, seconds" /> s</label
        >
      </div>
      <div class="between" aria-live="polite"></div>
      <div class="scroll">
        <table>
          <caption class="sr">
            Power and energy between the markers
          </caption>
          <thead>
            <tr>
              <th scope="col">Series</th>
              <th scope="col" class="num">Mean</th>
              <th scope="col" class="num">Min</th>
              <th scope="col" class="num">Max</th>
              <th scope="col" class="num">Energy</th>
              <th scope="col" class="num">Against total</th>
            </tr>
          </thead>
          <tbody></tbody>
        </table>
      </div>
      <p class="fineprint"></p>
    </div>
    <noscript
      ><p class="notice warn">
        The plots need JavaScript; every table on this page does without it.
      </p></noscript
    >
  </section>`;
}
