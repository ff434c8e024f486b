// Enters: a plot, the scene. Leaves: what lies behind the series: what was not traced, gaps, the marked span, the
// watermark.

import type uPlot from "uplot";
import type { Scene } from "./scene.ts";
import { type Theme, withAlpha } from "./theme.ts";

export function drawBehind(u: uPlot, scene: Scene): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  drawUntraced(u, scene);
  drawGaps(u, scene);
  drawMarkedSpan(u, scene);
  if (scene.simulated) drawWatermark(u, scene.theme);
  ctx.restore();
}

function drawUntraced(u: uPlot, { untraced, theme }: Scene): void {
  u.ctx.fillStyle = withAlpha(theme.muted, 0.14);
  for (const [a, b] of untraced) {
    const [x0, x1] = [u.valToPos(a, "x", true), u.valToPos(b, "x", true)];
    if (x1 > x0) u.ctx.fillRect(x0, u.bbox.top, x1 - x0, u.bbox.height);
  }
}

function drawGaps(u: uPlot, { gaps, view, theme }: Scene): void {
  const { ctx, bbox } = u;
  ctx.fillStyle = withAlpha(theme.loss, 0.16);
  for (const [a, b] of gaps) {
    if (b < view.from || a > view.to) continue;
    const x0 = u.valToPos(a, "x", true);
    ctx.fillRect(x0, bbox.top, Math.max(1.5, u.valToPos(b, "x", true) - x0), bbox.height);
  }
}

function drawMarkedSpan(u: uPlot, { a, b, theme }: Scene): void {
  if (a === null || b === null) return;
  const x0 = u.valToPos(Math.min(a, b), "x", true);
  const x1 = u.valToPos(Math.max(a, b), "x", true);
  u.ctx.fillStyle = withAlpha(theme.marker, 0.09);
  u.ctx.fillRect(x0, u.bbox.top, x1 - x0, u.bbox.height);
}

/** A picture cut out of the page still says what it is: once faintly across, once plainly in the corner (front.ts). */
function drawWatermark({ ctx, bbox }: uPlot, theme: Theme): void {
  const size = Math.min(bbox.width / 9, bbox.height / 3.2);
  ctx.font = `700 ${size}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillStyle = withAlpha(theme.muted, 0.12);
  ctx.fillText("SIMULATED", bbox.left + bbox.width / 2, bbox.top + bbox.height / 2);
}
