// Every window with its Joules; a click shows it in the trace.

import type { Claim, ComparedWindow } from "../../schema/documents/compare.ts";
import { count, joulesText, percent, quantity, relativeU } from "../format.ts";
import { breakable, type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";
import { comparisonTable, qualityBadge } from "./comparison.ts";
import { plainClaims, standing } from "./header.ts";

const MAX_LISTED = 300; // rows a reader may scroll through; compare.json has them all
const MAX_DETAILS = 12;
const MAX_CHANNELS = 8;

export function windows(m: ReportModel): Html {
  const compared = m.comparison?.windows ?? [];
  if (compared.length === 0) return html``;
  const listed = compared.slice(0, MAX_LISTED);
  const channels = channelsOf(listed);
  const omitted = compared.length - listed.length;
  return html`<section id="windows">
    <h2>Windows</h2>
    <p class="lead">
      ${count(compared.length, "window")} compared; errors are those of the plain method. Choose one
      to see it in the trace with the markers on its
      edges.${omitted > 0 && ` The first ${MAX_LISTED} are listed; compare.json holds all.`}
    </p>
    <div class="scroll tall" tabindex="0" role="region" aria-label="Windows, scrollable">
      <table class="windows">
        <caption class="sr">
          Windows with physical energy and the error of each channel
        </caption>
        <thead>
          <tr>
            <th scope="col">Window</th>
            <th scope="col" class="num">Start</th>
            <th scope="col" class="num">Length</th>
            <th scope="col" class="num">Physical</th>
            <th scope="col" class="num">Mean power</th>
            <th scope="col">Quality</th>
            ${channels.map((c) => html`<th scope="col" class="num channel"><code>${breakable(c)}</code></th>`)}
          </tr>
        </thead>
        <tbody>
          ${listed.map((w) => row(w, channels))}
        </tbody>
      </table>
    </div>
    ${everyMethod(m, listed)}
  </section>`;
}

function channelsOf(listed: readonly ComparedWindow[]): string[] {
  const all = listed.flatMap((w) => plainClaims(w.telemetry).map((c) => c.channel));
  return [...new Set(all)].slice(0, MAX_CHANNELS);
}

function row(w: ComparedWindow, channels: readonly string[]): Html {
  const p = w.physical;
  const claims = new Map(plainClaims(w.telemetry).map((c) => [c.channel, c]));
  const seen = p !== null && p.quality !== "no_data"; // 0 J of no samples is not an energy
  const joules = seen ? joulesText(p) : "–";
  return html`<tr>
    <th scope="row">
      <button type="button" class="window" data-t0="${w.t0_ns}" data-t1="${w.t1_ns}">
        ${w.name}
      </button>
      ${w.doubt && html`<small class="doubt">${w.doubt}</small>`}
    </th>
    <td class="num">${quantity(w.t0_ns * 1e-9, "s")}</td>
    <td class="num">${quantity((w.t1_ns - w.t0_ns) * 1e-9, "s")}</td>
    <td class="num strong">${joules}</td>
    <td class="num">${quantity(seen ? p.mean_power_w : null, "W")}</td>
    <td>${qualityBadge(p?.quality)}</td>
    ${channels.map((c) => claimCell(claims.get(c), p ? relativeU(p) : 0))}
  </tr>`;
}

function claimCell(c: Claim | undefined, physicalU: number): Html {
  if (!c) return html`<td class="num">–</td>`;
  return html`<td class="num ${standing(c, physicalU)}">${percent(c.error_pct)}</td>`;
}

function everyMethod(m: ReportModel, listed: readonly ComparedWindow[]): Html | null {
  const others = listed.filter((w) => w !== m.headline).slice(0, MAX_DETAILS);
  if (others.length === 0) return null;
  return html`<details>
    <summary>All methods, window by window</summary>
    ${others.map(
      (w) =>
        html`<details class="nested">
          <summary><code>${w.name}</code></summary>
          ${comparisonTable(w)}
        </details>`,
    )}
  </details>`;
}
