// Physical Joules beside every channel's claim: the numbers, and the errors on one axis.

import type {
  ChannelFilter,
  Claim,
  ComparedWindow,
  Physical,
} from "../../schema/documents/compare.ts";
import { type ErrorAxis, errorAxis, errorBand, errorDot, errorScale } from "../figures.ts";
import { factorText, fixed, joulesText, percent, quantity, relativeU } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";
import { errorSpan, standing } from "./header.ts";

const METHODS: Readonly<Record<string, string>> = {
  trapezoid: "trapezoid over the reads",
  counter: "growth of the energy counter",
  filter_matched: "like with like: rails through its filter",
};

export function comparison(m: ReportModel): Html {
  const w = m.headline;
  if (!w) return html``;
  return html`<section id="comparison">
    <h2>What the telemetry claims</h2>
    <p class="lead">
      Window <code>${w.name}</code>, ${quantity((w.t1_ns - w.t0_ns) * 1e-9, "s")}. Error = claimed ÷
      physical − 1. Whiskers are its expanded uncertainty, the band is that of the physical energy;
      errors beyond their uncertainty are coloured.
    </p>
    ${comparisonTable(w)} ${strobe(w)} ${filters(m.comparison?.filters ?? [])}
  </section>`;
}

export function comparisonTable(w: ComparedWindow): Html {
  const claims = w.telemetry;
  const p = w.physical;
  if (!p && claims.length === 0)
    return html`<p class="empty">Nothing was measured in this window.</p>`;
  const axis = errorAxis(p ? 100 * relativeU(p) : 0, claims.flatMap(reach));
  const channels = [...new Set(claims.map((c) => c.channel))];
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
        ${p ? physicalRow(p, axis) : NO_TRACE}
      </tbody>
      ${channels.map((name) => {
        const rows = claims.filter((c) => c.channel === name);
        return html`<tbody>
          ${rows.map((c, i) => claimRow(c, i === 0, axis, p !== null))}
        </tbody>`;
      })}
    </table>
  </div>`;
}

/** How far a claim's dot and whisker reach from zero, percent. */
function reach(c: Claim): number[] {
  return errorSpan(c).filter(Number.isFinite);
}

const NO_TRACE = html`<tr class="physical">
  <th scope="row">Rails</th>
  <td colspan="4">no physical trace: no claim can rest on this window</td>
</tr>`;

function physicalRow(p: Physical, axis: ErrorAxis): Html {
  return html`<tr class="physical">
    <th scope="row">
      Rails, physical<small>all measured rails, k = ${factorText(p.coverage_factor)}</small>
    </th>
    <td class="num">${joulesText(p)}</td>
    <td class="num">reference</td>
    <td class="plot">${errorBand(axis)}</td>
    <td class="wide">${qualityBadge(p.quality)}</td>
  </tr>`;
}

function claimRow(c: Claim, first: boolean, axis: ErrorAxis, comparable: boolean): Html {
  const errorPct = (comparable ? c.error_pct : null) ?? NaN;
  const known = Number.isFinite(errorPct);
  const matched = c.method === "filter_matched";
  const name = html`<code class="${first ? "" : "sr"}">${c.channel}</code>`;
  const dot = known && errorDot(axis, errorPct, errorSpan(c), matched);
  return html`<tr>
    <th scope="row">${name}<small>${METHODS[c.method ?? ""] ?? c.method ?? ""}</small></th>
    <td class="num">
      ${quantity(c.energy_j, "J", 5)}<small class="wide">${intervalText(c)}</small>
    </td>
    <td class="num ${standing(c, axis.bandPct / 100)}">
      ${known ? percent(errorPct, c.error_uncertainty_pct) : "–"}
    </td>
    <td class="plot">${dot}</td>
    <td class="wide">${qualityBadge(c.quality)}</td>
  </tr>`;
}

function intervalText(c: Claim): string {
  const [low, high] = c.interval_j ?? [];
  if (!Number.isFinite(low) || !Number.isFinite(high)) return "";
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

/** What phase alone could do to this load: the shunt trace seen through the two known strobes. */
function strobe(w: ComparedWindow): Html | null {
  const [counter, instant] = [w.strobe?.counter_20ms_j, w.strobe?.instant_25ms_j];
  if (!counter && !instant) return null;
  const range = ([low, high]: readonly [number, number]): string =>
    `${quantity(low, "J", 4)} … ${quantity(high, "J", 4)}`;
  return html`<p class="aside">
    <b>By phase alone</b>, on this very trace,
    ${
      counter && html`a counter that adds up samples 20 ms apart could say <b>${range(counter)}</b>`
    }${
      counter && instant && "; "
    }${instant && html`a 25 ms window every 100 ms <b>${range(instant)}</b>`}.
  </p>`;
}

function filters(list: readonly ChannelFilter[]): Html | null {
  if (list.length === 0) return null;
  const ms = (v: number | undefined): string => quantity(v === undefined ? NaN : v * 1e-3, "s", 3);
  return html`<details>
    <summary>How each channel sees the rails: the filters of “like with like”</summary>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Channel</th>
            <th scope="col" class="num">Update</th>
            <th scope="col" class="num">Window</th>
            <th scope="col" class="num">Delay</th>
            <th scope="col" class="num">Gain</th>
            <th scope="col" class="num">Offset</th>
            <th scope="col" class="num">R²</th>
            <th scope="col">From</th>
          </tr>
        </thead>
        <tbody>
          ${list.map(
            (f) =>
              html`<tr>
                <th scope="row"><code>${f.channel}</code></th>
                <td class="num">${ms(f.update_period_ms)}</td>
                <td class="num">${ms(f.window_ms)}</td>
                <td class="num">${ms(f.delay_ms)}</td>
                <td class="num">${plain(f.gain, 4)}</td>
                <td class="num">${quantity(f.offset_w, "W", 3)}</td>
                <td class="num">${plain(f.r2, 4)}</td>
                <td>${f.origin ?? ""}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </details>`;
}

function plain(value: number | undefined, decimals: number): string {
  return value !== undefined && Number.isFinite(value) ? fixed(value, decimals) : "–";
}
