// Enters: two markers. Leaves: what lies between them: time, Joules, mean, extremes, and what each channel
// claimed meanwhile. Text goes in as text nodes only.

import { channelBetween, energyBetween, seriesBetween } from "./data.js";
import { grouped, instantText, measure, plotted } from "./units.js";

export function element(name, text, className) {
  const node = document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = text;
  if (className) node.className = className;
  return node;
}

export function showReadout(root, state) {
  const { a, b, model } = state;
  const facts = root.querySelector(".between");
  const body = root.querySelector("tbody");
  body.replaceChildren();
  if (a === null || b === null) {
    facts.replaceChildren(
      element("p", "Place markers A and B to read the energy between them.", "empty"),
    );
    root.querySelector(".fineprint").textContent = "";
    return;
  }
  const energy = model.trace && energyBetween(model.trace, a, b);
  facts.replaceChildren(
    fact(
      "ΔT",
      measure(Math.abs(b - a), "s", 6),
      `${instantText(Math.min(a, b), Math.abs(b - a))} to ${instantText(Math.max(a, b), Math.abs(b - a))}`,
    ),
    fact(
      "Energy",
      energy ? measure(energy.energyJ, "J", 6) : "no trace",
      energy ? certainty(energy, windowOf(state)) : "",
    ),
    fact(
      "Mean power",
      energy ? measure(energy.meanW, "W", 5) : "–",
      energy ? observed(energy, Math.abs(b - a)) : "",
    ),
  );
  for (const s of state.items)
    if ((s.unit === "W" && !state.hidden.has(s.key)) || s.unit === "J")
      body.append(rowOf(s, state, energy));
  root.querySelector(".fineprint").textContent = fineprint(model.trace);
}

function fact(label, value, note) {
  const box = element("div", null, "tile");
  box.append(
    element("span", label, "label"),
    element("span", value, "value"),
    element("span", note, "note"),
  );
  return box;
}

/** The compared window whose edges the markers stand on, to 1 ns. */
function windowOf({ model, a, b }) {
  const [from, to] = a < b ? [a, b] : [b, a];
  const same = (w) => Math.abs(w.t0 - from) < 1e-9 && Math.abs(w.t1 - to) < 1e-9;
  return model.windows.find((w) => same(w) && w.expandedJ > 0) ?? null;
}

/** A compared window has its budget; any other span only says what reading it off can cost. */
function certainty(energy, window) {
  if (!window) return placement(energy);
  return `± ${measure(window.expandedJ, "J", 2)} (k = ${window.k}): window ${window.name}`;
}

function placement(energy) {
  const negligible = energy.slackJ <= 1e-9 * Math.abs(energy.energyJ);
  return negligible
    ? "exact: both markers on bucket ends"
    : `± ${measure(energy.slackJ, "J", 2)} at most from interpolation`;
}

function observed(energy, spanS) {
  const missing = spanS - energy.observedS;
  return missing > 1e-6 * spanS
    ? `over the ${measure(energy.observedS, "s")} observed`
    : "all of it observed";
}

function fineprint(trace) {
  if (!trace) return "This run holds no physical trace.";
  const bucket = measure(trace.width, "s", 3);
  return `Energy is read off the trace’s running integral: exact at the ends of the ${bucket} buckets, a straight line inside them; gaps add nothing. Minima and maxima are those of every bucket touched. Telemetry counts as last read; its energy here is mean × time it stood. An uncertainty with k belongs to a compared window; between other markers only the reading error is known.`;
}

function rowOf(s, state, energy) {
  const { a, b, model } = state;
  const row = element("tr");
  const head = element("th");
  head.scope = "row";
  const swatch = element("span", null, "swatch");
  swatch.style.background = `var(${s.colour})`;
  head.append(swatch, s.name);
  row.append(head);
  const cells = s.measured
    ? measuredCells(model.trace, s, a, b, energy)
    : claimedCells(s, a, b, energy);
  row.append(...cells.map((text) => element("td", text, "num")));
  return row;
}

function measuredCells(trace, s, a, b, energy) {
  const between = seriesBetween(trace, s.traceIndex, a, b);
  const joules = s.total ? energy.energyJ : between.integral;
  const mean = s.total ? energy.meanW : between.mean;
  return [
    plotted(mean, "W"),
    plotted(between.min, "W"),
    plotted(between.max, "W"),
    measure(joules, "J", 5),
    s.total ? "reference" : share(joules, energy.energyJ),
  ];
}

function share(part, whole) {
  return Number.isFinite(part / whole) ? `${grouped((100 * part) / whole, 1)} % of total` : "–";
}

function claimedCells(s, a, b, energy) {
  const between = channelBetween(s.channel, a, b);
  if (s.unit === "J")
    return [
      "–",
      "–",
      "–",
      measure(between.growth, "J", 5),
      versus(between.growth, energy?.energyJ),
    ];
  const joules = between.mean * between.stood;
  // Means are compared, not Joules: a channel that stood for part of the span has no Joules for the rest.
  return [
    plotted(between.mean, "W"),
    plotted(between.min, "W"),
    plotted(between.max, "W"),
    measure(joules, "J", 5),
    versus(between.mean, energy?.meanW),
  ];
}

function versus(claim, truth) {
  const pct = 100 * (claim / truth - 1);
  return Number.isFinite(pct) ? `${pct > 0 ? "+" : ""}${grouped(pct, 2)} %` : "–";
}
