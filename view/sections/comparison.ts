// Physical Joules beside every channel's claim: the numbers, and the errors on one axis.

import type { Claim, ComparedWindow, Physical } from "../documents.ts";
import { type ErrorAxis, errorAxis, errorBand, errorDot, errorScale } from "../figures.ts";
import { percent, quantity, uncertain } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";

const METHODS: Readonly<Record<string, string>> = {
  trapezoid: "plain trapezoid over the reads",
  counter: "difference of the energy counter",
  filter_matched: "against the rails seen through this channel’s own filter",
};

export function comparison(m: ReportModel): Html {
  const w = m.headline;
  if (!w) return html``;
  return html`<section id="comparison">
    <h2>What the telemetry claims</h2>
    <p class="lead">
      Window <code>${w.name}</code>, ${quantity((w.t1_ns - w.t0_ns) * 1e-9, "s")}. Error = telemetry
      ÷ physical − 1; whiskers are its expanded uncertainty, the shaded band is that of the physical
      energy.
    </p>
    ${comparisonTable(w)}
  </section>`;
}

export function comparisonTable(w: ComparedWindow): Html {
  const claims = w.telemetry ?? [];
  const p = w.physical;
  if (!p && claims.length === 0)
    return html`<p class="empty">Nothing was measured in this window.</p>`;
  const bandPct = p ? (100 * p.expanded_uncertainty_j) / Math.abs(p.energy_j) : 0;
  const axis = errorAxis(
    claims
      .flatMap((c) => [
        (c.error_pct ?? 0) - (c.error_uncertainty_pct ?? 0),
        (c.error_pct ?? 0) + (c.error_uncertainty_pct ?? 0),
      ])
      .concat(bandPct),
  );
  return html`<div class="scroll">
    <table class="compare">
      <caption class="sr">
        Energy of window ${w.name}: physical and claimed
      </caption>
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col" class="num">Energy</th>
          <th scope="col" class="num">Error</th>
          <th scope="col" class="plot">${errorScale(axis)}</th>
          <th scope="col" class="wide">Quality</th>
        </tr>
      </thead>
      <tbody>
        ${
          p
            ? physicalRow(p, axis, bandPct)
            : html`<tr class="physical">
                <th scope="row">Rails</th>
                <td colspan="4">no physical trace: no claim can rest on this window</td>
              </tr>`
        }
        ${claims.map((c) => claimRow(c, axis, bandPct, p !== null))}
      </tbody>
    </table>
  </div>`;
}

function physicalRow(p: Physical, axis: ErrorAxis, bandPct: number): Html {
  return html`<tr class="physical">
    <th scope="row">
      Rails, physical<small>shunt and Hall trace, k = ${p.coverage_factor ?? 2}</small>
    </th>
    <td class="num">${uncertain(p.energy_j, p.expanded_uncertainty_j, "J")}</td>
    <td class="num">reference</td>
    <td class="plot">${errorBand(axis, bandPct)}</td>
    <td class="wide">${qualityBadge(p.quality)}</td>
  </tr>`;
}

function claimRow(c: Claim, axis: ErrorAxis, bandPct: number, comparable: boolean): Html {
  const known = comparable && c.error_pct !== null && c.error_pct !== undefined;
  const interval = c.interval_j ? html`<small>${interval_j(c.interval_j)}</small>` : null;
  return html`<tr>
    <th scope="row">
      <code>${c.channel}</code><small>${METHODS[c.method ?? ""] ?? c.method ?? ""}</small>
    </th>
    <td class="num">${quantity(c.energy_j, "J", 5)}${interval}</td>
    <td class="num claim">${known ? percent(c.error_pct, c.error_uncertainty_pct) : "–"}</td>
    <td class="plot">
      ${known ? errorDot(axis, c.error_pct, c.error_uncertainty_pct ?? NaN, bandPct) : null}
    </td>
    <td class="wide">${qualityBadge(c.quality)}</td>
  </tr>`;
}

function interval_j([low, high]: readonly [number, number]): string {
  return `${quantity(low, "J", 5)} … ${quantity(high, "J", 5)}`;
}

/** Tiers of docs/reference.md, in words. */
const QUALITY: Readonly<Record<string, readonly [string, string]>> = {
  billable: ["good", "billable: over 1 s, over 8 samples, under 5 % in gaps"],
  good: ["good", "good: 3 samples or more, at most 10 % in gaps"],
  estimate: ["fair", "estimate: less than 10 % in gaps, few samples"],
  gappy: ["poor", "gappy: over 10 % of the time in gaps"],
  no_data: ["poor", "no data: fewer than 2 samples"],
};

export function qualityBadge(tier: string | undefined): Html {
  if (!tier) return html`–`;
  const [grade, meaning] = QUALITY[tier] ?? ["fair", tier];
  return html`<span class="badge ${grade}" title="${meaning}">${tier.replaceAll("_", " ")}</span>`;
}
