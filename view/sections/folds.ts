// Waveforms of repeated kernels, finer than the samples are apart: each with its band, and how far to trust it.

import type { FoldedKernel } from "../folds.ts";
import { count, fixed, quantity, share, uncertain } from "../format.ts";
import { type Html, html } from "../html.ts";
import { type ReportModel, isSimulated } from "../report-model.ts";
import { waveform } from "../waveform.ts";
import { factList } from "./facts.ts";
import { valueAt } from "../../stats/places.ts";
import { mostOf } from "../../stats/summary.ts";

/** Beyond, they wait folded away. */
const OPEN = 3;

export function folds(m: ReportModel): Html {
  if (m.folds === null) return m.comparison?.kernels === undefined ? html`` : howTo(m.name);
  const { kernels, warnings, problem } = m.folds;
  return html`<section id="folds">
    <h2>Kernels, folded</h2>
    <p class="lead">
      Rows near all launches of one kernel, in order of their time since its start: the mean power
      at the sense points in steps shorter than a sample period. The band is the expanded
      uncertainty (k = 2) of that mean; it does not say how far launches differ.
    </p>
    ${problem !== null && html`<p class="notice warn"><code>folded.arrow</code>: ${problem}</p>`}
    ${kernels.map((k, i) =>
      i < OPEN
        ? kernel(k, m.source)
        : html`<details>
            <summary><code>${k.kernel}</code></summary>
            ${kernel(k, m.source)}
          </details>`,
    )}
    ${warnings.map((w) => html`<p class="notice warn">${w}</p>`)}
  </section>`;
}

const howTo = (run: string): Html =>
  html`<section id="folds">
    <h2>Kernels, folded</h2>
    <p class="empty">
      This run holds kernels; their waveforms, finer than the samples are apart, were not made:
      <code>truejoule fold ${run}</code>, then <code>truejoule report ${run}</code> shows them here.
    </p>
  </section>`;

function kernel(k: FoldedKernel, source: string): Html {
  const us = (ns: number): string => quantity(ns * 1e-9, "s", 3);
  const or = (ns: number | null, absent: string): string => (ns === null ? absent : us(ns));
  const [p5, p95] = k.duration_p5_p95_ns;
  const peakW = mostOf(k.powerW.filter(Number.isFinite));
  const peak = Math.max(0, k.powerW.indexOf(peakW));
  const facts: (readonly [string, string])[] = [
    ["Launches", fixed(k.launches, 0)],
    ["Duration, median", us(k.duration_ns)],
    ["Duration, 90 % of launches", `${us(p5)} … ${us(p95)}`],
    [
      "Peak",
      `${uncertain(valueAt(k.powerW, peak), valueAt(k.expandedW, peak), "W")} at ${us(valueAt(k.phaseNs, peak))}`,
    ],
    ["Step", `${us(k.step_ns)}, ${count(k.empty_steps)} of ${count(k.steps)} empty`],
    ["Doubt of phase (k = 1)", us(k.phase_u_ns)],
    ["Sensors’ rise, 10–90 %", or(k.sensor_rise_ns, "no bandwidth stated")],
    ["Path’s step response", or(k.step_response_ns, "not stated by the rig")],
    ["Another kernel beside it", `${share(k.crowded_fraction)} of launches`],
  ];
  return html`<h3 class="kernel"><code>${k.kernel}</code></h3>
    <figure>${waveform(k, isSimulated(source) ? "SIMULATED" : source)}</figure>
    ${factList(facts)}`;
}
