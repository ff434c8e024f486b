// How the clocks were tied together: fit, interval, edges, residuals.

import type { ClockFit } from "../documents.ts";
import { residualPlot } from "../figures.ts";
import { count, fixed, quantity } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";
import { factList } from "./facts.ts";

const MAX_POINTS = 1500;

export function clock(m: ReportModel): Html {
  if (m.clocks.length === 0) return html``;
  return html`<section id="clock">
    <h2>Clock fit</h2>
    <p class="lead">
      Each instrument’s time is mapped onto the session clock by a straight line through edges seen
      on both sides. What the line leaves over is drawn; what it cannot know is the interval. A
      device that restarted has a line for each segment of its stream.
    </p>
    ${m.clocks.map(clockOf)}
  </section>`;
}

function clockOf(c: ClockFit): Html {
  const rows: (readonly [string, string | null])[] = [
    ["Holds", span(c)],
    ["Method", c.method?.replaceAll("-", " ").replaceAll("_", " ") ?? null],
    ["Tick rate", quantity(c.tick_hz, "Hz", 8)],
    ["Rate against nominal", `${fixed(c.rate_ppm, 2)} ppm`],
    ["Offset", quantity(c.offset_ns * 1e-9, "s", 6)],
    ["Offset interval", interval(c)],
    ["Residual, rms", quantity(c.residual_rms_ns * 1e-9, "s", 3)],
    ["Edges used", count(c.edges_used)],
    ["Edges missing", count(c.edges_missing)],
    ["Edges extra", count(c.edges_extra)],
  ];
  const known = rows.filter((r): r is readonly [string, string] => r[1] !== null);
  return html`<div class="clockfit">
    <h3>${c.clock}${c.segment === undefined ? "" : `, segment ${c.segment}`}</h3>
    ${factList(known)}
    ${residuals(c)}${(c.warnings ?? []).map((w) => html`<p class="notice warn">${w}</p>`)}
  </div>`;
}

function span({ t0_ns: from, t1_ns: to }: ClockFit): string | null {
  if (from === undefined || to === undefined) return null;
  return `${quantity(from * 1e-9, "s", 6)} … ${quantity(to * 1e-9, "s", 6)}`;
}

function interval({ interval_ns: [low, high] }: ClockFit): string {
  return `${quantity(low * 1e-9, "s", 6)} … ${quantity(high * 1e-9, "s", 6)}`;
}

function residuals(c: ClockFit): Html {
  const all = c.residuals ?? [];
  if (all.length === 0)
    return html`<p class="empty">
      No residuals: this clock rests on its stated rate, not on edges.
    </p>`;
  const stride = Math.ceil(all.length / MAX_POINTS);
  const points = all
    .filter((_, i) => i % stride === 0)
    .map((r) => ({ x: r.t_ns * 1e-9, y: r.residual_ns * 1e-9 }));
  const drawn = stride > 1 ? `, every ${stride}th drawn` : "";
  return html`<figure>
    ${residualPlot(points, c.residual_rms_ns * 1e-9)}
    <figcaption>
      Residuals of ${count(all.length, "edge")} over session time${drawn}; the band is ± rms.
    </figcaption>
  </figure>`;
}
