// Enters: the store and the state. Leaves: the trace: panels and chips of the series shown, redrawn from
// the state. The drawing itself is the report's (chart.js).

import { AXIS_LEFT, createPanel, PAD_RIGHT, updatePanel } from "../chart.js";
import { element } from "../readout.js";
import { claimColour, railColour } from "../theme.js";
import { plotted } from "../units.js";
import { lastRead, lately, readColumns, storeColumns } from "./store.js";

export const LIVE_UNITS = {
  W: "Power",
  V: "Voltage",
  A: "Current",
  J: "Energy counters",
  degC: "Temperature",
  Hz: "Clocks",
  1: "Utilisation",
  B: "Memory",
};
const LIVE_MAIN_HEIGHT = 380;
const LIVE_SIDE_HEIGHT = 170;
const LATELY_S = 0.5; // a chip's value: long enough to be read

/** What can be plotted: measured series, then telemetry; states (P-state, reasons) are no curves. */
export function itemsOf(store) {
  const rails = [];
  const measured = store.series.map((s, index) => ({
    key: `trace ${s.unit} ${s.name}`,
    name: s.name,
    unit: s.unit,
    measured: true,
    total: s.role === "total",
    colour: s.role === "total" ? "--total" : railColour(placeIn(rails, s.name)),
    columns: (from, to, n) => storeColumns(store, index, from, to, n),
    now: () => lately(store, index, LATELY_S).mean,
  }));
  const claims = {};
  const claimed = store.reads
    .filter((c) => c.quantity !== "state")
    .map((c) => ({
      key: `channel ${c.name}`,
      name: c.name,
      unit: c.unit,
      measured: false,
      total: false,
      colour: claimColour((claims[c.unit] = (claims[c.unit] ?? -1) + 1)),
      channel: c,
      columns: (from, to, n) => readColumns(c, from, to, n),
      now: () => lastRead(c),
    }));
  return [...measured, ...claimed];
}

function placeIn(seen, name) {
  if (!seen.includes(name)) seen.push(name);
  return seen.indexOf(name);
}

/** Pixel columns of the first panel: what a view is snapped to, so that buckets do not flicker between columns. */
export function columnCount(state) {
  const width = state.panels[0]?.u.width ?? 0;
  const plot = Math.max(100, width - AXIS_LEFT - PAD_RIGHT);
  return Math.round(plot * Math.min(2, globalThis.devicePixelRatio || 1));
}

/** Makes the panels for the units shown. @param attach wires a panel's pointer */
export function buildLivePanels(host, chips, state, attach) {
  for (const p of state.panels) p.u.destroy();
  host.replaceChildren();
  chips.replaceChildren();
  const units = ["W", state.side].filter((u) => u && state.items.some((s) => s.unit === u));
  state.panels = units.map((unit, i) => {
    const box = element("div", null, "panel");
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${LIVE_UNITS[unit] ?? unit} over session time`);
    const row = i === 0 ? chips : element("div", null, "panel chips");
    if (i > 0) host.append(row);
    host.append(box);
    const items = state.items.filter((s) => s.unit === unit);
    const tall = globalThis.innerWidth < 640 ? 260 : LIVE_MAIN_HEIGHT;
    const panel = createPanel(box, unit, items, i === 0 ? tall : LIVE_SIDE_HEIGHT, state);
    attach(panel.u);
    showLiveChips(row, panel, state);
    return panel;
  });
}

function showLiveChips(root, panel, state) {
  for (const [title, measured] of [
    ["Measured on the rails", true],
    ["Claimed by telemetry", false],
  ]) {
    const group = panel.series.filter((s) => s.measured === measured);
    if (group.length === 0) continue;
    const box = element("div", null, "chipgroup");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", title);
    const list = element("div", null, "chiplist");
    list.append(...inOrder(group).map((s) => liveChip(s, state)));
    const named = panel.unit === "W" ? title : `${LIVE_UNITS[panel.unit]}, ${title.toLowerCase()}`;
    box.append(element("span", named, "grouptitle"), list);
    root.append(box);
  }
}

/** The total first: it is drawn last, over the rails. */
function inOrder(group) {
  return [...group.filter((s) => s.total), ...group.filter((s) => !s.total)];
}

function liveChip(s, state) {
  const chip = element("button", null, "chip");
  chip.type = "button";
  const swatch = element("span", null, s.measured ? "swatch" : "swatch step");
  swatch.style.background = `var(${s.colour})`;
  const value = element("span", "", "chipvalue");
  chip.append(swatch, element("span", s.name), value);
  const press = () => chip.setAttribute("aria-pressed", String(!state.hidden.has(s.key)));
  chip.addEventListener("click", () => {
    if (!state.hidden.delete(s.key)) state.hidden.add(s.key);
    press();
    state.redraw();
  });
  s.show = (text, atPointer) => {
    value.textContent = text;
    value.classList.toggle("at", atPointer);
  };
  press();
  return chip;
}

/** Values under the pointer, or the latest. */
export function showLiveValues(state, idx) {
  for (const panel of state.panels)
    panel.series.forEach((s, i) => {
      const v = idx === null ? s.now() : (panel.u.data[3 + 3 * i]?.[idx] ?? NaN);
      s.show?.(Number.isFinite(v) ? plotted(v, s.unit) : "", idx !== null);
    });
}

export function drawLivePanels(state) {
  for (const panel of state.panels) updatePanel(panel, state, null);
}
