// Wires the page: state (view, markers, what is hidden), panels, lanes, controls. Everything redraws from
// the state, once a frame.

import "uplot/dist/uPlot.min.css";
import "./page.css";
import { AXIS_LEFT, createPanel, PAD_RIGHT, plottable, updatePanel } from "./chart.js";
import { excerptFor } from "./columns.js";
import { loadDocument } from "./data.js";
import { attachPointer, onKey } from "./gestures.js";
import { drawLane, drawOverview, laneHeight, rowsOf, windowAt, xToTime } from "./lanes.js";
import { element, showReadout } from "./readout.js";
import { cssColour, readTheme } from "./theme.js";
import { instantText, measure, plotted } from "./units.js";

const UNIT_NAMES = {
  W: "Power",
  V: "Voltage",
  A: "Current",
  J: "Energy counters",
  degC: "Temperature",
  Hz: "Clocks",
  1: "Utilisation",
  B: "Memory",
};
const MAIN_HEIGHT = 360;
const SIDE_HEIGHT = 170;
const CLOSEST_ROWS = 12; // a view narrower than this many rows shows nothing new

/** Shown on request: a counter's slope is ragged, a limit is no measurement. */
const ASIDE = /\(slope\)$|limit/;

const byId = (id) => document.getElementById(id);

function start() {
  const model = loadDocument(JSON.parse(byId("data").textContent));
  const trace = byId("trace");
  if (!trace || model.span[1] <= model.span[0]) return;
  const items = plottable(model);
  const [from, to] = model.span;
  const state = {
    model,
    items,
    view: openingView(model),
    a: model.headline?.t0 ?? null,
    b: model.headline?.t1 ?? null,
    mode: "zoom",
    hidden: new Set(items.filter((s) => ASIDE.test(s.name)).map((s) => s.key)),
    side: null,
    panels: [],
    theme: {},
    colours: {},
    syncKey: "trace",
    pointer: null,
    hover: (u) => onHover(u),
  };
  const placed = rowsOf(model.windows.filter((w) => w.kind !== "session" && w.name !== "session"));
  const closest = Math.max(
    1e-9,
    model.trace ? CLOSEST_ROWS * model.trace.rowPeriod : (to - from) / 1e5,
  );
  let queued = false;

  const act = {
    state,
    focus: () => byId("plots").focus({ preventScroll: true }),
    hasFocus: () => byId("plots").contains(document.activeElement),
    pointerTime: () => state.pointer ?? (state.view.from + state.view.to) / 2,
    setView(t0, t1) {
      const width = Math.min(to - from, Math.max(closest, Math.abs(t1 - t0)));
      const middle = (t0 + t1) / 2;
      const left = Math.max(from, Math.min(to - width, middle - width / 2));
      state.view = { from: left, to: left + width };
      redraw();
    },
    zoom(factor, at = (state.view.from + state.view.to) / 2) {
      const width = Math.min(
        to - from,
        Math.max(closest, (state.view.to - state.view.from) * factor),
      );
      const part = (at - state.view.from) / (state.view.to - state.view.from);
      act.setView(at - part * width, at - part * width + width);
    },
    pan(share) {
      const shift = share * (state.view.to - state.view.from);
      act.setView(state.view.from + shift, state.view.to + shift);
    },
    reset: () => act.setView(from, to),
    setMarker(which, t) {
      state[which] = Math.max(from, Math.min(to, t));
      redraw();
    },
    setMarkers(t0, t1) {
      [state.a, state.b] = [Math.min(t0, t1), Math.max(t0, t1)];
      redraw();
    },
    clearMarkers() {
      state.a = state.b = null;
      redraw();
    },
    zoomToMarkers() {
      if (state.a !== null && state.b !== null) act.showWindow(state.a, state.b);
    },
    showWindow(t0, t1) {
      const margin = 0.06 * (t1 - t0);
      act.setMarkers(t0, t1);
      act.setView(t0 - margin, t1 + margin);
    },
  };

  function redraw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      drawAll();
    });
  }

  function drawAll() {
    const excerpt = excerptFor(model.trace, state.view.from, state.view.to);
    for (const panel of state.panels) updatePanel(panel, state, excerpt);
    drawLane(byId("lane"), placed, state);
    drawOverview(byId("overview"), state);
    showReadout(byId("readout"), state);
    byId("resolution").textContent = resolutionText(model.trace, state.view, excerpt);
    setInput("marker-a", state.a);
    setInput("marker-b", state.b);
    if (state.pointer === null) showChipValues(null);
  }

  function setInput(id, value) {
    const input = byId(id);
    if (document.activeElement !== input)
      input.value = value === null ? "" : String(+value.toFixed(9));
  }

  function paint() {
    state.theme = readTheme();
    for (const s of items) state.colours[s.colour] ??= "";
    for (const name of Object.keys(state.colours)) state.colours[name] = cssColour(name);
  }

  function buildPanels() {
    for (const p of state.panels) p.u.destroy();
    byId("plots")
      .querySelectorAll(".panel")
      .forEach((p) => p.remove());
    const units = items.some((s) => s.unit === "W") ? ["W"] : [items[0]?.unit].filter(Boolean);
    if (state.side && !units.includes(state.side)) units.push(state.side);
    state.panels = units.map((unit, i) => {
      const host = element("div", null, "panel");
      host.setAttribute("role", "img");
      host.setAttribute(
        "aria-label",
        `${UNIT_NAMES[unit]} over session time; the table below gives the figures`,
      );
      byId("plots").append(host);
      const panel = createPanel(
        host,
        unit,
        items.filter((s) => s.unit === unit),
        i === 0 ? mainHeight() : SIDE_HEIGHT,
        state,
      );
      attachPointer(panel.u, act);
      const chips = i === 0 ? byId("chips") : element("div", null, "panel chips");
      if (i > 0) host.before(chips);
      showChips(chips, panel);
      return panel;
    });
    redraw();
  }

  const mainHeight = () => (globalThis.innerWidth < 640 ? 260 : MAIN_HEIGHT);

  /** Which series a panel shows, measured and claimed apart; the first panel's stand in the page's frame. */
  function showChips(root, panel) {
    root.replaceChildren();
    for (const [title, measured] of [
      ["Measured on the rails", true],
      ["Claimed by telemetry", false],
    ]) {
      const group = items.filter((s) => s.measured === measured && s.unit === panel.unit);
      if (group.length === 0) continue;
      const box = element("div", null, "chipgroup");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", title);
      const text = panel.unit === "W" ? title : `${UNIT_NAMES[panel.unit]}, ${title.toLowerCase()}`;
      const list = element("div", null, "chiplist");
      list.append(...group.map(chipOf));
      box.append(element("span", text, "grouptitle"), list);
      root.append(box);
    }
  }

  function chipOf(s) {
    const chip = element("button", null, "chip");
    chip.type = "button";
    const swatch = element("span", null, s.measured ? "swatch" : "swatch step");
    swatch.style.background = `var(${s.colour})`;
    const value = element("span", "", "chipvalue");
    chip.append(swatch, element("span", s.name), value);
    chip.setAttribute("aria-pressed", String(!state.hidden.has(s.key)));
    chip.addEventListener("click", () => {
      if (!state.hidden.delete(s.key)) state.hidden.add(s.key);
      chip.setAttribute("aria-pressed", String(!state.hidden.has(s.key)));
      redraw();
    });
    s.show = (text, atPointer) => {
      value.textContent = text;
      value.classList.toggle("at", atPointer);
    };
    return chip;
  }

  /** Values under the pointer stand in the chips: nothing covers the trace. */
  function onHover(u) {
    const { left, idx } = u.cursor;
    const inside = left >= 0 && idx !== null && idx !== undefined;
    state.pointer = inside ? u.posToVal(left, "x") : null;
    if (!state.panels.some((p) => p.u === u)) return;
    showChipValues(inside ? idx : null);
    byId("cursor").textContent = inside
      ? instantText(state.pointer, state.view.to - state.view.from)
      : "";
  }

  /** At column `idx`; without one, the mean of the view. */
  function showChipValues(idx) {
    for (const panel of state.panels)
      panel.series.forEach((s, i) => {
        const means = panel.u.data[3 + 3 * i] ?? [];
        const v = idx === null ? meanOf(means) : (means[idx] ?? NaN);
        const text = Number.isFinite(v) ? plotted(v, s.unit) : "";
        s.show?.(idx === null && text && s.unit !== "J" ? `Ø ${text}` : text, idx !== null);
      });
  }

  function wireControls() {
    const on = (id, action) => byId(id).addEventListener("click", action);
    on("zoom-in", () => act.zoom(0.5));
    on("zoom-out", () => act.zoom(2));
    on("reset", act.reset);
    on("to-markers", act.zoomToMarkers);
    for (const mode of ["zoom", "measure"])
      on(`mode-${mode}`, () => {
        state.mode = mode;
        for (const m of ["zoom", "measure"])
          byId(`mode-${m}`).setAttribute("aria-pressed", String(m === mode));
      });
    for (const which of ["a", "b"])
      byId(`marker-${which}`).addEventListener("change", (event) => {
        const t = Number.parseFloat(event.target.value);
        if (Number.isFinite(t)) act.setMarker(which, t);
      });
    byId("plots").addEventListener("keydown", (event) => {
      if (onKey(event, act)) event.preventDefault();
    });
    for (const button of document.querySelectorAll("button.window"))
      button.addEventListener("click", () => {
        act.showWindow(Number(button.dataset.t0) * 1e-9, Number(button.dataset.t1) * 1e-9);
        trace.scrollIntoView({ behavior: "smooth", block: "start" });
      });
    const side = byId("side");
    for (const unit of [...new Set(items.map((s) => s.unit))].filter((u) => u !== "W")) {
      const option = element("option", UNIT_NAMES[unit] ?? unit);
      option.value = unit;
      side.append(option);
    }
    side.parentElement.hidden = side.options.length < 2;
    side.addEventListener("change", () => {
      state.side = side.value || null;
      buildPanels();
    });
  }

  function wireLanes() {
    const lane = byId("lane");
    lane.hidden = laneHeight(placed) === 0;
    const under = (event) => windowAt(placed, lane, event.offsetX, event.offsetY, state.view);
    lane.addEventListener("click", (event) => {
      const w = under(event);
      if (w) act.showWindow(w.t0, w.t1);
    });
    lane.addEventListener("pointermove", (event) => {
      const w = under(event);
      lane.title = w ? `${w.name}: ${measure(w.t1 - w.t0, "s")}` : "";
      lane.style.cursor = w ? "pointer" : "default";
    });
    const overview = byId("overview");
    let grip = null;
    overview.addEventListener("pointerdown", (event) => {
      const t = xToTime(event.offsetX, { from, to }, overview);
      const width = state.view.to - state.view.from;
      const inside = t >= state.view.from && t <= state.view.to && width < 0.98 * (to - from);
      grip = inside ? { pan: t - state.view.from, width } : { start: t };
      overview.setPointerCapture(event.pointerId);
    });
    overview.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const t = xToTime(event.offsetX, { from, to }, overview);
      if (grip.width) act.setView(t - grip.pan, t - grip.pan + grip.width);
      else if (Math.abs(t - grip.start) > 0.004 * (to - from)) act.setView(grip.start, t);
    });
    for (const end of ["pointerup", "pointercancel"])
      overview.addEventListener(end, () => (grip = null));
  }

  function layout() {
    for (const p of state.panels)
      p.u.setSize({ width: Math.max(280, p.host.clientWidth), height: p.u.height });
    drawAll();
  }

  function wireSurroundings() {
    let last = byId("plots").clientWidth;
    new ResizeObserver(() => {
      const now = byId("plots").clientWidth;
      if (now !== last) layout();
      last = now;
    }).observe(byId("plots"));
    const repaint = () => {
      paint();
      drawAll();
    };
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", repaint);
    byId("theme").addEventListener("click", () => {
      const root = document.documentElement;
      const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
      root.dataset.theme = isDark ? "light" : "dark";
      repaint();
    });
    wirePrinting();
  }

  /** Paper is white: light colours, plots as wide as a page. */
  function wirePrinting() {
    let before = null;
    byId("print").addEventListener("click", () => globalThis.print());
    addEventListener("beforeprint", () => {
      before = { theme: document.documentElement.dataset.theme };
      document.documentElement.dataset.theme = "light";
      trace.style.width = `${PAPER_WIDTH}px`;
      paint();
      layout();
    });
    addEventListener("afterprint", () => {
      if (!before) return;
      if (before.theme) document.documentElement.dataset.theme = before.theme;
      else delete document.documentElement.dataset.theme;
      before = null;
      trace.style.width = "";
      paint();
      layout();
    });
  }

  paint();
  wireControls();
  wireLanes();
  buildPanels();
  wireSurroundings();
  document.documentElement.classList.add("ready");
}

const PAPER_WIDTH = 680; // A4 less margins, CSS px

function meanOf(values) {
  const known = values.filter((v) => v !== null);
  return known.reduce((sum, v) => sum + v, 0) / known.length;
}

function openingView(model) {
  const [from, to] = model.span;
  return { from, to };
}

function resolutionText(trace, view, excerpt) {
  if (!trace) return "";
  if (excerpt) return `every sample, ${measure(trace.rowPeriod, "s", 3)} apart`;
  const perPixel =
    (view.to - view.from) / Math.max(200, byId("plots").clientWidth - AXIS_LEFT - PAD_RIGHT);
  const bucket = Math.max(trace.width, perPixel);
  return `min · mean · max of ${measure(bucket, "s", 2)}`;
}

start();
