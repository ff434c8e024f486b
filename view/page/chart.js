// Enters: a unit, its series, the state. Leaves: one uPlot panel: min–max band and mean of each series at
// one column a pixel, gaps hatched, reads dotted, markers drawn.

import uPlot from "uplot";
import { bucketColumns, channelColumns, columnTimes, rawColumns } from "./columns.js";
import { lastAtOrBefore } from "./data.js";
import { claimColour, railColour, withAlpha } from "./theme.js";
import { plotted, tickText } from "./units.js";

export const AXIS_LEFT = 58;
export const PAD_RIGHT = 14;
const MAX_DOTS = 80; // reads in view beyond which dots would be a smear

/** One thing to plot. `columns(from, to, n)` gives its min, mean, max. */
export function plottable(model) {
  const railIndex = {};
  const fromTrace = (model.trace?.series ?? []).map((s, index) => ({
    key: `trace ${s.unit} ${s.name}`,
    name: s.name,
    unit: s.unit,
    measured: true,
    total: s.role === "total",
    colour: s.role === "total" ? "--total" : railOf(railIndex, s.name),
    traceIndex: index,
    columns: (from, to, n, excerpt) =>
      excerpt
        ? rawColumns(excerpt, index, from, to, n)
        : bucketColumns(model.trace, index, from, to, n),
  }));
  const claims = {};
  const fromChannels = model.channels.map((c) => ({
    key: `channel ${c.name}`,
    name: c.name,
    unit: c.unit,
    measured: false,
    total: false,
    colour: claimColour((claims[c.unit] = (claims[c.unit] ?? -1) + 1)),
    channel: c,
    columns: (from, to, n) => channelColumns(c, from, to, n),
  }));
  return [...fromTrace, ...fromChannels];
}

function railOf(seen, name) {
  seen[name] ??= Object.keys(seen).length;
  return railColour(seen[name]);
}

/** Builds the panel; `state` is read at every draw, never copied. */
export function createPanel(host, unit, items, height, state) {
  const shown = [...items.filter((s) => !s.total && s.measured), ...items.filter((s) => s.total)];
  const series = [...shown, ...items.filter((s) => !s.measured)];
  const options = {
    width: Math.max(280, host.clientWidth),
    height,
    padding: [18, PAD_RIGHT, 0, 0],
    legend: { show: false },
    cursor: cursorOptions(state),
    scales: { x: { time: false, auto: false }, y: { range: (_, min, max) => yRange(min, max) } },
    axes: [timeAxis(state), valueAxis(unit, state)],
    series: [{}, ...series.flatMap((s) => triple(s, state))],
    bands: series.map((s, i) => ({
      series: [1 + 3 * i, 2 + 3 * i],
      fill: () => withAlpha(state.colours[s.colour], s.total ? 0.3 : 0.2),
    })),
    hooks: {
      drawClear: [(u) => drawBehind(u, state)],
      draw: [(u) => drawInFront(u, series, state)],
      setCursor: [(u) => state.hover(u)],
    },
  };
  const u = new uPlot(options, emptyData(series), host);
  return { u, unit, series, host };
}

function emptyData(series) {
  return [
    [0, 1],
    ...series.flatMap(() => [
      [null, null],
      [null, null],
      [null, null],
    ]),
  ];
}

function triple(s, state) {
  const show = !state.hidden.has(s.key);
  const edge = { show, width: 0.5, stroke: () => withAlpha(state.colours[s.colour], 0.35) };
  const mean = {
    show,
    width: s.total ? 1.75 : s.measured ? 1.4 : 2,
    stroke: () => state.colours[s.colour],
  };
  const common = { points: { show: false }, spanGaps: false };
  return [
    { ...common, ...edge },
    { ...common, ...edge },
    { ...common, ...mean },
  ];
}

function cursorOptions(state) {
  const nothing = () => null; // gestures.js owns pressing and double-clicking
  return {
    drag: { x: false, y: false, setScale: false },
    points: { show: false },
    y: false,
    sync: { key: state.syncKey, setSeries: false },
    bind: { mousedown: nothing, mouseup: nothing, dblclick: nothing },
  };
}

function timeAxis(state) {
  return {
    stroke: () => state.theme.muted,
    grid: { stroke: () => state.theme.line, width: 1 },
    ticks: { show: false },
    size: 34,
    space: 92,
    font: "12px system-ui, sans-serif",
    values: (_, splits, __, ___, step) => splits.map((v) => `${tickText(v, step)} s`),
  };
}

function valueAxis(unit, state) {
  return {
    stroke: () => state.theme.muted,
    grid: { stroke: () => state.theme.line, width: 1 },
    ticks: { show: false },
    size: AXIS_LEFT,
    font: "12px system-ui, sans-serif",
    values: (_, splits) => splits.map((v) => axisValue(v, unit, splits)),
  };
}

function axisValue(v, unit, splits) {
  const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) || 1;
  if (unit === "W" || unit === "A" || unit === "V") return `${tickText(v, step)} ${unit}`;
  return plotted(v, unit);
}

/** From zero unless the view holds only a narrow, high band. */
function yRange(min, max) {
  if (min === null || max === null || !(min <= max)) return [0, 1];
  const pad = 0.06 * (max - min) || Math.abs(max) * 0.05 || 1;
  return [min >= 0 && min < 0.6 * max ? 0 : min - pad, max + pad];
}

/** Recomputes every column for the state's view. */
export function updatePanel(panel, state, excerpt) {
  const { from, to } = state.view;
  const plotWidth = Math.max(100, panel.u.width - AXIS_LEFT - PAD_RIGHT);
  const n = Math.round(plotWidth * Math.min(2, globalThis.devicePixelRatio || 1));
  const data = [columnTimes(from, to, n)];
  for (const s of panel.series) {
    const c = state.hidden.has(s.key) ? nothingIn(n) : s.columns(from, to, n, excerpt);
    data.push(c.max, c.min, c.mean);
  }
  panel.u.batch(() => {
    panel.series.forEach((s, i) => {
      const show = !state.hidden.has(s.key);
      for (let j = 1; j <= 3; j++)
        if (panel.u.series[3 * i + j].show !== show) panel.u.setSeries(3 * i + j, { show });
    });
    panel.u.setData(data, true);
    panel.u.setScale("x", { min: from, max: to });
  });
}

function nothingIn(n) {
  const nulls = new Array(n).fill(null);
  return { min: nulls, mean: nulls, max: nulls };
}

function drawBehind(u, state) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  drawUntraced(u, state);
  drawGaps(u, state);
  drawMarkedSpan(u, state);
  if (state.model.simulated) drawWatermark(u, state);
  ctx.restore();
}

/** Before the first and after the last sample: nothing was measured there, whatever a window says. */
function drawUntraced(u, state) {
  const { trace, span } = state.model;
  if (!trace) return;
  const end = trace.start + trace.used * trace.width;
  u.ctx.fillStyle = withAlpha(state.theme.muted, 0.14);
  for (const [a, b] of [
    [span[0], trace.start],
    [end, span[1]],
  ]) {
    const [x0, x1] = [u.valToPos(a, "x", true), u.valToPos(b, "x", true)];
    if (x1 > x0) u.ctx.fillRect(x0, u.bbox.top, x1 - x0, u.bbox.height);
  }
}

function drawGaps(u, state) {
  const { ctx, bbox } = u;
  ctx.fillStyle = withAlpha(state.theme.loss, 0.16);
  for (const [a, b] of state.model.gaps) {
    if (b < state.view.from || a > state.view.to) continue;
    const x0 = u.valToPos(a, "x", true);
    ctx.fillRect(x0, bbox.top, Math.max(1.5, u.valToPos(b, "x", true) - x0), bbox.height);
  }
}

function drawMarkedSpan(u, { a, b, theme }) {
  if (a === null || b === null) return;
  const [x0, x1] = [a, b].map((t) => u.valToPos(t, "x", true)).sort((p, q) => p - q);
  u.ctx.fillStyle = withAlpha(theme.marker, 0.09);
  u.ctx.fillRect(x0, u.bbox.top, x1 - x0, u.bbox.height);
}

/** A picture cut out of the page still says what it is: once faintly across, once plainly in the corner. */
function drawWatermark(u, { theme }) {
  const { ctx, bbox } = u;
  const size = Math.min(bbox.width / 9, bbox.height / 3.2);
  ctx.font = `700 ${size}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillStyle = withAlpha(theme.muted, 0.12);
  ctx.fillText("SIMULATED", bbox.left + bbox.width / 2, bbox.top + bbox.height / 2);
}

function drawStamp({ ctx, bbox }) {
  const scale = globalThis.devicePixelRatio || 1;
  const [w, h] = [92 * scale, 20 * scale];
  const [x, y] = [bbox.left + bbox.width - w - 6 * scale, bbox.top + 6 * scale];
  ctx.fillStyle = "#ffd23f"; // the banner's yellow, in both themes
  ctx.fillRect(x, y, w, h);
  ctx.fillStyle = "#1d1600";
  ctx.font = `800 ${12 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText("SIMULATED", x + w / 2, y + h / 2 + scale);
}

function drawInFront(u, series, state) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
  ctx.clip();
  for (const s of series) if (s.channel && !state.hidden.has(s.key)) drawReads(u, s, state);
  drawTriggerEdges(u, state);
  if (state.model.simulated) drawStamp(u);
  drawMarker(u, "A", state.a, state);
  drawMarker(u, "B", state.b, state);
  ctx.restore();
}

function drawReads(u, s, state) {
  const { from, to } = state.view;
  const { t, value, lo } = s.channel;
  const first = lastAtOrBefore(t, from) + 1;
  const last = lastAtOrBefore(t, to);
  const scale = globalThis.devicePixelRatio || 1;
  if (!lo && last - first < MAX_DOTS) {
    u.ctx.fillStyle = state.colours[s.colour];
    for (let i = first; i <= last; i++) {
      if (!(value[i] === value[i])) continue;
      u.ctx.beginPath();
      u.ctx.arc(u.valToPos(t[i], "x", true), u.valToPos(value[i], "y", true), 2.6 * scale, 0, 7);
      u.ctx.fill();
    }
  }
  const base = u.bbox.top + u.bbox.height - 6 * scale;
  u.ctx.strokeStyle = state.theme.loss;
  u.ctx.lineWidth = 1.5 * scale;
  for (const at of s.channel.failed)
    if (at >= from && at <= to) cross(u.ctx, u.valToPos(at, "x", true), base, 3.5 * scale);
}

function cross(ctx, x, y, r) {
  ctx.beginPath();
  ctx.moveTo(x - r, y - r);
  ctx.lineTo(x + r, y + r);
  ctx.moveTo(x + r, y - r);
  ctx.lineTo(x - r, y + r);
  ctx.stroke();
}

function drawTriggerEdges(u, state) {
  const scale = globalThis.devicePixelRatio || 1;
  u.ctx.fillStyle = state.theme.accent;
  for (const t of state.model.edges) {
    if (t < state.view.from || t > state.view.to) continue;
    u.ctx.fillRect(
      u.valToPos(t, "x", true) - 0.5 * scale,
      u.bbox.top + u.bbox.height - 5 * scale,
      scale,
      5 * scale,
    );
  }
}

function drawMarker(u, label, t, state) {
  if (t === null || t < state.view.from || t > state.view.to) return;
  const { ctx, bbox } = u;
  const scale = globalThis.devicePixelRatio || 1;
  const x = u.valToPos(t, "x", true);
  ctx.strokeStyle = ctx.fillStyle = state.theme.marker;
  ctx.lineWidth = 1.5 * scale;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top - 2 * scale);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  const half = 8 * scale;
  ctx.beginPath();
  ctx.roundRect(x - half, bbox.top - 17 * scale, 2 * half, 15 * scale, 3 * scale);
  ctx.fill();
  ctx.fillStyle = state.theme.card;
  ctx.font = `700 ${11 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(label, x, bbox.top - 9 * scale);
}
