// Wires the live page: the socket fills the store, the state says what is looked at, everything redraws
// from both. The page never sends anything.

import "uplot/dist/uPlot.min.css";
import "../page.css";
import "./live.css";
import { attachPointer, onKey } from "../gestures.js";
import { element } from "../readout.js";
import { cssColour, readTheme } from "../theme.js";
import { instantText, measure } from "../units.js";
import {
  buildLivePanels,
  columnCount,
  drawLivePanels,
  itemsOf,
  LIVE_UNITS,
  showLiveValues,
} from "./panels.js";
import { createStore, latest, levelFor, takeBinary } from "./store.js";
import { addNotes, showTiles, showWindows } from "./tables.js";

const SPANS_S = [2, 10, 30, 120, 600];
/** Blocks come some tens of milliseconds late; so much behind now the picture is whole. */
const BEHIND_S = 0.15;
const CLOSEST_S = 0.01;
const RETRY_MS = 1000;
/** A hundredth of the span: 20 pictures a second at most, 5 at least. Without a GPU drawing costs a core dear. */
const redrawMs = (spanS) => Math.min(200, Math.max(50, 10 * spanS)) - 5;

/** On Ampere and later the average says what power_usage says; the driver's samples are drawn when asked for. */
const QUIET = /\.power_(average|samples)$/;

const BANNERS = {
  virtual: [
    "Virtual bench: simulated",
    "No hardware is measured; every number comes from a model.",
  ],
  emulated: [
    "Emulated device: simulated",
    "Real firmware on an emulated chip. No hardware is measured.",
  ],
  hardware: ["Live: measured on hardware", "Provisional until fused."],
};

const node = (id) => document.getElementById(id);

function startLive() {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  const state = {
    store: null,
    items: [],
    model: { simulated: false, gaps: [], edges: [] },
    view: { from: 0, to: 10 },
    span: 10,
    paused: false,
    ended: false,
    a: null,
    b: null,
    mode: "zoom",
    hidden: new Set(),
    side: null,
    panels: [],
    theme: {},
    colours: {},
    syncKey: "live",
    pointer: null,
    pointerColumn: null,
    hover: (u) => onHover(u),
    redraw: () => redraw(true),
  };
  let queued = false;
  let drawnColumn = NaN;
  let drawnMs = 0;

  /** While following, a view grows and moves by whole columns and no oftener than the eye asks for. */
  function redraw(force) {
    if (force) drawnColumn = NaN;
    if (queued || document.hidden) return;
    if (!force && performance.now() - drawnMs < redrawMs(state.span)) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      if (!state.store || state.panels.length === 0) return;
      if (!state.paused) follow();
      const column = newestColumn();
      if (column === drawnColumn) return;
      drawnColumn = column;
      drawnMs = performance.now();
      drawLivePanels(state);
      showResolution();
    });
  }

  /** Columns of the span that are whole by now, since session start. */
  function newestColumn() {
    return Math.floor(((latest(state.store) - BEHIND_S) * columnCount(state)) / state.span);
  }

  function follow() {
    const columns = columnCount(state);
    const to = (Math.max(columns, newestColumn()) * state.span) / columns;
    state.view = { from: to - state.span, to };
  }

  function showResolution() {
    const { from, to } = state.view;
    const pixel = (to - from) / Math.max(1, columnCount(state));
    const store = state.store;
    const level = levelFor(store, from, pixel);
    const bucket = store.rows_per_bucket * store.ratio ** level * store.rowPeriod;
    node("resolution").textContent =
      `min · mean · max of ${measure(Math.max(bucket, pixel), "s", 2)}`;
  }

  const act = {
    state,
    focus: () => node("plots").focus({ preventScroll: true }),
    hasFocus: () => node("plots").contains(document.activeElement),
    pointerTime: () => state.pointer ?? (state.view.from + state.view.to) / 2,
    setView(t0, t1) {
      const width = Math.max(CLOSEST_S, Math.abs(t1 - t0));
      const from = (t0 + t1 - width) / 2;
      state.view = { from, to: from + width };
      setPaused(true);
    },
    zoom(factor, at = (state.view.from + state.view.to) / 2) {
      const { from, to } = state.view;
      act.setView(at - (at - from) * factor, at + (to - at) * factor);
    },
    pan(share) {
      const { from, to } = state.view;
      act.setView(from + share * (to - from), to + share * (to - from));
    },
    reset: () => setPaused(false),
    setMarker: () => undefined,
    setMarkers: () => undefined,
    zoomToMarkers: () => undefined,
    clearMarkers: () => undefined,
  };

  function setPaused(paused) {
    state.paused = paused;
    const button = node("pause");
    button.textContent = paused ? "Follow" : "Pause";
    button.setAttribute("aria-pressed", String(paused));
    showSpans();
    redraw(true);
  }

  function showSpans() {
    [...node("spans").children].forEach((button, i) =>
      button.setAttribute("aria-pressed", String(!state.paused && SPANS_S[i] === state.span)),
    );
  }

  function onHover(u) {
    const { left, idx } = u.cursor;
    const inside = left >= 0 && idx !== null && idx !== undefined;
    state.pointer = inside ? u.posToVal(left, "x") : null;
    state.pointerColumn = inside ? idx : null;
    showLiveValues(state, state.pointerColumn);
    const { from, to } = state.view;
    node("cursor").textContent = inside ? instantText(state.pointer, to - from) : "";
  }

  function paint() {
    state.theme = readTheme();
    for (const s of state.items) state.colours[s.colour] = cssColour(s.colour);
  }

  function build() {
    paint();
    buildLivePanels(node("plots"), node("chips"), state, (u) => attachPointer(u, act));
    redraw(true);
  }

  /** A hello begins anew; what is looked at stays. */
  function onHello(hello) {
    state.store = createStore(hello);
    state.items = itemsOf(state.store);
    for (const s of state.items) if (QUIET.test(s.name)) state.hidden.add(s.key);
    state.model = { simulated: state.store.simulated, gaps: [], edges: [] };
    const [title, text] = BANNERS[hello.source] ?? [hello.source, ""];
    node("banner").className = `banner ${state.store.simulated ? "simulated" : hello.source}`;
    node("banner").children[0].textContent = title;
    node("banner").children[1].textContent = text;
    document.title = `live: ${hello.run}`;
    node("notes").querySelector("ul").replaceChildren();
    showSides();
    build();
    document.documentElement.classList.add("ready");
  }

  function showSides() {
    const side = node("side");
    const units = [...new Set(state.items.map((s) => s.unit))].filter((u) => u !== "W");
    side.replaceChildren(
      ...["", ...units].map((unit) => {
        const option = element("option", unit ? (LIVE_UNITS[unit] ?? unit) : "nothing");
        option.value = unit;
        return option;
      }),
    );
    side.value = units.includes(state.side) ? state.side : "";
  }

  const take = {
    hello: onHello,
    state(m) {
      state.model.gaps = m.gaps;
      state.model.edges = m.edges;
      // Time goes on without a DAQ, and telemetry with it.
      state.store.now = Math.max(state.store.now, m.now_s);
      showTiles(node("tiles"), m, state.store);
      if (state.pointerColumn === null) showLiveValues(state, null);
      if (!state.paused) redraw(false);
    },
    windows: (m) => showWindows(node("windows"), m),
    notes: (m) => addNotes(node("notes"), m.list),
    end(m) {
      state.ended = true;
      redraw(true);
      showLink(m.text, "ended");
    },
  };

  function showLink(text, mood) {
    node("link").textContent = text;
    node("link").dataset.mood = mood;
  }

  function connect() {
    const socket = new WebSocket(`ws://${location.host}/live`, [
      "truejoule.live.1",
      `token.${token}`,
    ]);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => showLink("recording", "live"));
    socket.addEventListener("message", ({ data }) => {
      if (typeof data === "string") {
        const m = JSON.parse(data);
        take[m.type]?.(m);
      } else if (state.store && takeBinary(state.store, data) === 1 && !state.paused) redraw(false);
    });
    socket.addEventListener("close", () => {
      if (state.ended) return;
      showLink("not connected", "lost");
      setTimeout(connect, RETRY_MS);
    });
  }

  function wire() {
    node("spans").append(
      ...SPANS_S.map((s) => {
        const button = element("button", s < 60 ? `${s} s` : `${s / 60} min`);
        button.type = "button";
        button.addEventListener("click", () => {
          state.span = s;
          setPaused(false);
        });
        return button;
      }),
    );
    showSpans();
    node("pause").addEventListener("click", () => setPaused(!state.paused));
    node("side").addEventListener("change", () => {
      state.side = node("side").value || null;
      build();
    });
    node("plots").addEventListener("keydown", (event) => {
      const space = event.key === " ";
      if (space) setPaused(!state.paused);
      if (space || onKey(event, act)) event.preventDefault();
    });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => {
      paint();
      redraw(true);
    };
    dark.addEventListener("change", repaint);
    document.addEventListener("visibilitychange", () => redraw(true));
    node("theme").addEventListener("click", () => {
      const root = document.documentElement;
      const isDark = root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
      root.dataset.theme = isDark ? "light" : "dark";
      repaint();
    });
    new ResizeObserver(() => {
      for (const p of state.panels)
        p.u.setSize({ width: Math.max(280, p.host.clientWidth), height: p.u.height });
      redraw(true);
    }).observe(node("plots"));
  }

  wire();
  connect();
}

startLive();
