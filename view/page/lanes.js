// Enters: windows and the whole run. Leaves: the strip of windows above the panels and the overview below,
// both aligned with the plots.

import { bucketColumns, channelColumns } from "./columns.js";
import { AXIS_LEFT, PAD_RIGHT } from "./chart.js";
import { withAlpha } from "./theme.js";

const ROW = 20;
const MAX_ROWS = 4;

/** Puts each window on the first row where it overlaps nothing; what does not fit shares the last row. */
export function rowsOf(windows) {
  const ends = [];
  return windows.map((w) => {
    let row = ends.findIndex((end) => end <= w.t0);
    if (row < 0) row = Math.min(ends.length, MAX_ROWS - 1);
    ends[row] = Math.max(ends[row] ?? -Infinity, w.t1);
    return { ...w, row };
  });
}

export function laneHeight(placed) {
  return placed.length ? (1 + Math.max(...placed.map((w) => w.row))) * ROW + 2 : 0;
}

/** Sizes a canvas to its box for the screen's pixels. @returns its context, in CSS pixels */
function prepared(canvas, height) {
  const scale = globalThis.devicePixelRatio || 1;
  const width = canvas.parentElement.clientWidth;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext("2d");
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  return { ctx, left: AXIS_LEFT, width: width - AXIS_LEFT - PAD_RIGHT };
}

export function timeToX(t, { from, to }, { left, width }) {
  return left + ((t - from) / (to - from)) * width;
}

export function xToTime(x, { from, to }, canvas) {
  const width = canvas.clientWidth - AXIS_LEFT - PAD_RIGHT;
  return from + ((x - AXIS_LEFT) / width) * (to - from);
}

export function drawLane(canvas, placed, state) {
  const { ctx, left, width } = prepared(canvas, laneHeight(placed));
  ctx.beginPath();
  ctx.rect(left, 0, width, canvas.clientHeight);
  ctx.clip();
  ctx.font = "12px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  for (const w of placed) drawWindow(ctx, w, state, { left, width });
}

function drawWindow(ctx, w, state, box) {
  const x0 = Math.max(box.left, timeToX(w.t0, state.view, box));
  const x1 = Math.min(box.left + box.width, timeToX(w.t1, state.view, box));
  if (x1 < box.left || x0 > box.left + box.width) return;
  const size = Math.max(1.5, x1 - x0 - 1);
  const current = state.a === w.t0 && state.b === w.t1;
  ctx.fillStyle = withAlpha(
    current ? state.theme.marker : state.theme.window,
    current ? 0.45 : 0.28,
  );
  ctx.fillRect(x0, w.row * ROW + 1, size, ROW - 3);
  if (size < 24) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x0, 0, size - 3, 1000);
  ctx.clip();
  ctx.fillStyle = state.theme.ink;
  ctx.fillText(w.name, x0 + 5, w.row * ROW + ROW / 2);
  ctx.restore();
}

/** The innermost (lowest) window under a point, or the nearest within 3 px. */
export function windowAt(placed, canvas, x, y, view) {
  const t = xToTime(x, view, canvas);
  const slack =
    ((view.to - view.from) / Math.max(1, canvas.clientWidth - AXIS_LEFT - PAD_RIGHT)) * 3;
  const row = Math.floor(y / ROW);
  return placed.find((w) => w.row === row && w.t0 - slack <= t && w.t1 + slack >= t) ?? null;
}

const OVERVIEW = 44;

export function drawOverview(canvas, state) {
  const box = prepared(canvas, OVERVIEW);
  const { ctx, left, width } = box;
  const [from, to] = state.model.span;
  const n = Math.max(50, Math.round(width));
  const first = state.items.find((s) => s.unit === "W");
  const c = first?.measured
    ? bucketColumns(state.model.trace, first.traceIndex, from, to, n)
    : first && channelColumns(first.channel, from, to, n);
  ctx.fillStyle = state.theme.card;
  ctx.fillRect(left, 0, width, OVERVIEW);
  if (c) drawProfile(ctx, c, left, state.colours[first.colour]);
  const x0 = timeToX(state.view.from, { from, to }, box);
  const x1 = timeToX(state.view.to, { from, to }, box);
  ctx.fillStyle = withAlpha(state.theme.muted, 0.22);
  ctx.fillRect(left, 0, x0 - left, OVERVIEW);
  ctx.fillRect(x1, 0, left + width - x1, OVERVIEW);
  ctx.strokeStyle = state.theme.accent;
  ctx.lineWidth = 1.5;
  ctx.strokeRect(x0 + 0.75, 0.75, Math.max(2, x1 - x0 - 1.5), OVERVIEW - 1.5);
}

function drawProfile(ctx, c, left, colour) {
  const top = Math.max(...c.max.map((v) => v ?? 0), 1e-12);
  const y = (v) => OVERVIEW - 3 - (Math.max(0, v) / top) * (OVERVIEW - 8);
  ctx.fillStyle = withAlpha(colour, 0.28);
  c.max.forEach((v, i) => v !== null && ctx.fillRect(left + i, y(v), 1, y(c.min[i]) - y(v) + 1));
  ctx.fillStyle = colour;
  c.mean.forEach((v, i) => v !== null && ctx.fillRect(left + i, y(v) - 0.6, 1, 1.4));
}
