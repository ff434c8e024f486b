// What slow accurate references said of the fast sensors, and what was corrected by it.

import type { DisciplineFit } from "../../schema/documents/compare.ts";
import { count, fixed, percent, uncertain } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";

export function discipline(m: ReportModel): Html {
  const list = m.comparison?.disciplines ?? [];
  if (list.length === 0) return html``;
  return html`<section id="discipline">
    <h2>Fast sensors against their references</h2>
    <p class="lead">
      Each reading of a reference is set beside the fast sensor’s mean over the same time; the line
      through these pairs replaces the rig’s. Gain and offset are the fast sensor’s before that,
      with standard uncertainties that include the reference’s own.
    </p>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Sensor</th>
            <th>Reference</th>
            <th>Readings</th>
            <th>Gain − 1</th>
            <th>Offset</th>
            <th>Drift in this run</th>
            <th>Scatter ÷ stated</th>
          </tr>
        </thead>
        <tbody>
          ${list.map(row)}
        </tbody>
      </table>
    </div>
  </section>`;
}

function row(d: DisciplineFit): Html {
  const unit = d.quantity === "voltage" ? "V" : "A";
  const pair = (x: number | undefined, u: number | undefined): string =>
    x === undefined || u === undefined ? "—" : uncertain(x, u, unit);
  const gain =
    d.gain === undefined || d.gain_u === undefined
      ? "not corrected"
      : percent(100 * (d.gain - 1), 100 * d.gain_u);
  return html`<tr>
    <td>${d.rail} ${d.quantity}</td>
    <td><code>${d.reference}</code></td>
    <td>${count(d.readings_used)}</td>
    <td>${gain}</td>
    <td>${pair(d.offset, d.offset_u)}</td>
    <td>${pair(d.drift, d.drift_u)}</td>
    <td>${d.birge === undefined ? "—" : fixed(d.birge, 2)}</td>
  </tr>`;
}
