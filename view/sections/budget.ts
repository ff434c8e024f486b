// Where each window's uncertainty comes from (GUM budget): terms, size, share of the variance.

import type { BudgetTerm, ComparedWindow } from "../documents.ts";
import { bar } from "../figures.ts";
import { quantity, share } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";

const MAX_BUDGETS = 30;

export function budget(m: ReportModel): Html {
  const all = (m.comparison?.windows ?? []).filter((w) => w.physical?.budget?.length);
  if (all.length === 0) return html``;
  const ordered = [...all.filter((w) => w === m.headline), ...all.filter((w) => w !== m.headline)];
  return html`<section id="budget">
    <h2>Uncertainty budget</h2>
    <p class="lead">
      Standard uncertainty of each term in joules. Type A comes from the scatter of this run, type B
      from the rig’s calibration record. Terms combine in quadrature; U = k · u.
    </p>
    ${ordered.slice(0, MAX_BUDGETS).map((w) => budgetOf(w, w === m.headline))}
  </section>`;
}

function budgetOf(w: ComparedWindow, open: boolean): Html {
  const p = w.physical!;
  const terms = [...p.budget!].sort(
    (a, b) => Math.abs(b.contribution_j) - Math.abs(a.contribution_j),
  );
  const variance = terms.reduce((sum, t) => sum + t.contribution_j ** 2, 0);
  const k = p.coverage_factor ?? 2;
  const combined = Math.sqrt(variance);
  // A stated U that is not k times the terms in quadrature is shown as such, not silently replaced.
  const agrees =
    Math.abs(k * combined - p.expanded_uncertainty_j) <= 0.02 * p.expanded_uncertainty_j;
  const largest = Math.max(...terms.map((t) => t.contribution_j ** 2), Number.MIN_VALUE);
  return html`<details ${open ? html`open` : null}>
    <summary>
      <code>${w.name}</code>
      <span class="muted"
        >U = ${quantity(p.expanded_uncertainty_j, "J", 2)}
        (${share(p.expanded_uncertainty_j / Math.abs(p.energy_j))})</span
      >
    </summary>
    <div class="scroll">
      <table class="budget">
        <caption class="sr">
          Uncertainty budget of window ${w.name}
        </caption>
        <thead>
          <tr>
            <th scope="col">Term</th>
            <th scope="col">Type</th>
            <th scope="col" class="num">u</th>
            <th scope="col" class="plot">Share of the variance</th>
            <th scope="col" class="num"></th>
          </tr>
        </thead>
        <tbody>
          ${terms.map((t) => termRow(t, variance, largest))}
          <tr class="total">
            <th scope="row">Combined</th>
            <td></td>
            <td class="num">${quantity(combined, "J", 3)}</td>
            <td colspan="2">
              × ${k} =
              <b>${quantity(p.expanded_uncertainty_j, "J", 3)}</b
              >${agrees ? "" : " as stated: the terms do not combine to it in quadrature alone"}
            </td>
          </tr>
        </tbody>
      </table>
    </div>
  </details>`;
}

function termRow(t: BudgetTerm, variance: number, largest: number): Html {
  const part = t.contribution_j ** 2;
  return html`<tr>
    <th scope="row">${t.term}</th>
    <td>${t.type ?? ""}</td>
    <td class="num">${quantity(Math.abs(t.contribution_j), "J", 3)}</td>
    <td class="plot">${bar(part / largest)}</td>
    <td class="num">${share(variance > 0 ? part / variance : 0)}</td>
  </tr>`;
}
