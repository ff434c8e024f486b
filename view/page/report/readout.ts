// Enters: two markers. Leaves: what lies between them: time, Joules, mean, extremes, and what each channel
// claimed meanwhile.

import { fixed, quantity } from "../../format.ts";
import type { Reads } from "../columns.ts";
import { element, fill, inside, tile } from "../dom.ts";
import { instantText, plotted } from "../units.ts";
import { channelBetween, type EnergyBetween, energyBetween, seriesBetween } from "./between.ts";
import type { RunWindow, Trace, TraceSeries } from "./document.ts";
import type { ReportItem, ReportScene } from "./report-scene.ts";

/** Both markers, and the energy between them where there is a trace. */
interface Between {
  readonly a: number;
  readonly b: number;
  readonly trace: Trace | null;
  readonly energy: EnergyBetween | null;
}

export function showReadout(root: HTMLElement, scene: ReportScene): void {
  const { a, b } = scene;
  const { trace } = scene.run;
  const [facts, rows, small] = [
    inside(root, ".between"),
    inside(root, "tbody"),
    inside(root, ".fineprint"),
  ];
  if (a === null || b === null) {
    const hint = "Place markers A and B to read the energy between them.";
    facts.replaceChildren(element("p", hint, "empty"));
    rows.replaceChildren();
    small.textContent = "";
    return;
  }
  const between = { a, b, trace, energy: trace && energyBetween(trace, a, b) };
  const shown = scene.items.filter(
    (s) => s.unit === "J" || (s.unit === "W" && !scene.hidden.has(s.key)),
  );
  fill(facts, factsOf(between, scene));
  fill(
    rows,
    shown.map((s) => rowOf(s, between)),
  );
  small.textContent = fineprint(trace);
}

function factsOf({ a, b, energy }: Between, scene: ReportScene): HTMLElement[] {
  const length = Math.abs(b - a);
  const [from, to] = [Math.min(a, b), Math.max(a, b)];
  const ends = `${instantText(from, length)} to ${instantText(to, length)}`;
  const known = energy
    ? [
        tile(
          "Energy",
          quantity(energy.energyJ, "J", 6),
          certainty(energy, windowOf(scene, from, to)),
        ),
        tile("Mean power", quantity(energy.meanW, "W", 5), observed(energy, length)),
      ]
    : [tile("Energy", "no trace", ""), tile("Mean power", "–", "")];
  return [tile("ΔT", quantity(length, "s", 6), ends), ...known];
}

/** The compared window whose edges the markers stand on, to 1 ns. */
function windowOf({ run }: ReportScene, from: number, to: number): RunWindow | null {
  const isSame = (w: RunWindow): boolean =>
    Math.abs(w.t0 - from) < 1e-9 && Math.abs(w.t1 - to) < 1e-9;
  return run.windows.find((w) => isSame(w) && (w.expandedJ ?? 0) > 0) ?? null;
}

/** A compared window has its budget; any other span only says what reading it off can cost. */
function certainty(energy: EnergyBetween, window: RunWindow | null): string {
  if (!window) return placement(energy);
  return `± ${quantity(window.expandedJ, "J", 2)} (k = ${window.k}): window ${window.name}`;
}

function placement({ slackJ, energyJ }: EnergyBetween): string {
  return slackJ <= 1e-9 * Math.abs(energyJ)
    ? "exact: both markers on bucket ends"
    : `± ${quantity(slackJ, "J", 2)} at most from interpolation`;
}

function observed({ observedS }: EnergyBetween, spanS: number): string {
  return spanS - observedS > 1e-6 * spanS
    ? `over the ${quantity(observedS, "s")} observed`
    : "all of it observed";
}

function fineprint(trace: Trace | null): string {
  if (!trace) return "This run holds no physical trace.";
  const bucket = quantity(trace.width, "s", 3);
  return `Energy is read off the trace’s running integral: exact at the ends of the ${bucket} buckets, a straight line inside them; gaps add nothing. Minima and maxima are those of every bucket touched. Telemetry counts as last read; its energy here is mean × time it stood. An uncertainty with k belongs to a compared window; between other markers only the reading error is known.`;
}

function rowOf(s: ReportItem, between: Between): HTMLTableRowElement {
  const head = element("th");
  head.scope = "row";
  const swatch = element("span", null, "swatch");
  swatch.style.background = `var(${s.colour})`;
  head.append(swatch, s.name);
  const cells = cellsOf(s, between).map((text) => element("td", text, "num"));
  return fill(element("tr"), [head, ...cells]);
}

function cellsOf(s: ReportItem, between: Between): string[] {
  const { trace, energy } = between;
  if (s.series) return trace && energy ? measuredCells(s.series, trace, energy, between) : [];
  return s.reads ? claimedCells(s.unit, s.reads, between) : [];
}

/** Mean, least, most, energy, and what that is of the total. */
function measuredCells(
  series: TraceSeries,
  trace: Trace,
  energy: EnergyBetween,
  { a, b }: Between,
): string[] {
  const { mean, min, max, integral } = seriesBetween(trace, series, a, b);
  const range = [plotted(min, "W"), plotted(max, "W")];
  if (series.role === "total")
    return [plotted(energy.meanW, "W"), ...range, quantity(energy.energyJ, "J", 5), "reference"];
  const share = integral / energy.energyJ;
  const text = Number.isFinite(share) ? `${fixed(100 * share, 1)} % of total` : "–";
  return [plotted(mean, "W"), ...range, quantity(integral, "J", 5), text];
}

function claimedCells(unit: string, reads: Reads, { a, b, energy }: Between): string[] {
  const { mean, min, max, stood, growth } = channelBetween(reads, a, b);
  if (unit === "J")
    return ["–", "–", "–", quantity(growth, "J", 5), versus(growth, energy?.energyJ)];
  // Means are compared, not Joules: a channel that stood for part of the span has no Joules for the rest.
  return [
    ...[mean, min, max].map((v) => plotted(v, "W")),
    quantity(mean * stood, "J", 5),
    versus(mean, energy?.meanW),
  ];
}

function versus(claim: number, truth = NaN): string {
  const pct = 100 * (claim / truth - 1);
  return Number.isFinite(pct) ? `${pct > 0 ? "+" : ""}${fixed(pct, 2)} %` : "–";
}
