// Where each window's uncertainty comes from (GUM budget): terms, size, share of the variance.

import type { BudgetTerm, ComparedWindow, Physical } from "../../schema/documents/compare.ts";
import { bar } from "../figures.ts";
import { factorText, quantity, share } from "../format.ts";
import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";
import { mostOf } from "../../stats/summary.ts";

const MAX_OTHERS = 12;
const SMALL = 1e-3; // share of the variance below which terms are summed into one row

export function budget(m: ReportModel): Html {
  const all = (m.comparison?.windows ?? []).filter(isBudgeted);
  const first = all.find((w) => w === m.headline) ?? all[0];
  if (!first) return html``;
  const others = all.filter((w) => w !== first).slice(0, MAX_OTHERS);
  return html`<section id="budget">
    <h2>Uncertainty budget</h2>
    <p class="lead">
      Standard uncertainty u of each term in joules. Type A comes from the scatter of this run, type
      B from the rig’s calibration record or specification. U = k · u, terms combined in quadrature.
      What rails without a sensor may have carried is not in U: it lies on one side of the Joules
      only.
    </p>
    <h3>Window <code>${first.name}</code></h3>
    ${budgetTable(first)}
    ${
      others.length > 0 &&
      html`<details>
        <summary>Other windows</summary>
        ${others.map(
          (w) =>
            html`<details class="nested">
              <summary><code>${w.name}</code> <span class="muted">${expanded(w)}</span></summary>
              ${budgetTable(w)}
            </details>`,
        )}
      </details>`
    }
  </section>`;
}

type Budgeted = ComparedWindow & { readonly physical: Physical };

const isBudgeted = (w: ComparedWindow): w is Budgeted => (w.physical?.budget.length ?? 0) > 0;

function expanded({ physical: p }: Budgeted): string {
  const relative = share((p.expanded_uncertainty_j ?? NaN) / Math.abs(p.energy_j ?? NaN));
  return `U = ${quantity(p.expanded_uncertainty_j, "J", 2)} (${relative})`;
}

function budgetTable({ name, physical: p }: Budgeted): Html {
  const terms = [...p.budget].sort((a, b) => variance(b) - variance(a));
  const total = terms.reduce((sum, t) => sum + variance(t), 0);
  const shown = terms.filter((t) => variance(t) >= SMALL * total);
  const small = terms.filter((t) => variance(t) < SMALL * total);
  const scale = { total, largest: mostOf(shown.map(variance), Number.MIN_VALUE) };
  return html`<div class="scroll">
    <table class="budget">
      <caption class="sr">
        Uncertainty budget of window ${name}
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
        ${shown.map((t) => termRow(t.term, t.type, variance(t), scale))}
        ${small.length > 0 && smallRow(small, scale)}
        <tr class="total">
          <th scope="row">Combined</th>
          <td></td>
          <td class="num">${quantity(Math.sqrt(total), "J", 3)}</td>
          <td colspan="2">${expansion(p.coverage_factor, total, p.expanded_uncertainty_j)}</td>
        </tr>
        ${p.unmeasured_j !== undefined && unmeasuredRow(p.unmeasured_j)}
      </tbody>
    </table>
  </div>`;
}

const unmeasuredRow = (mostJ: number): Html =>
  html`<tr>
    <th scope="row">Rails without a sensor</th>
    <td>B</td>
    <td class="num"></td>
    <td colspan="2">up to ${quantity(mostJ, "J", 3)} more</td>
  </tr>`;

/** Variances, of a window and of its largest term. */
interface Scale {
  readonly total: number;
  readonly largest: number;
}

const variance = (t: BudgetTerm): number => t.contribution_j ** 2;

/** A stated U that is not k times the terms in quadrature is shown as such, not silently replaced. */
function expansion(k: number, total: number, statedJ: number | null): Html {
  const agrees = statedJ !== null && Math.abs(k * Math.sqrt(total) - statedJ) <= 0.02 * statedJ;
  const doubt = agrees ? "" : " as stated: not the quadrature sum of its terms";
  return html`× ${factorText(k)} = <b>U = ${quantity(statedJ, "J", 3)}</b>${doubt}`;
}

function smallRow(small: readonly BudgetTerm[], scale: Scale): Html {
  const sum = small.reduce((s, t) => s + variance(t), 0);
  const names = html`${small.length} smaller terms together<small
      >${small.map((t) => t.term).join(", ")}</small
    >`;
  return termRow(names, "", sum, scale);
}

/** @param part the term's variance. */
function termRow(name: string | Html, type: string, part: number, { total, largest }: Scale): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td>${type}</td>
    <td class="num">${quantity(Math.sqrt(part), "J", 3)}</td>
    <td class="plot">${bar(part / largest)}</td>
    <td class="num">${share(total > 0 ? part / total : 0)}</td>
  </tr>`;
}
