// Enters: a plot, its series, the scene. Leaves: what lies in front of the series: reads, trigger edges, the stamp
// of a simulation, markers.

import type uPlot from "uplot";
import { at, lastAtOrBefore } from "./arrays.ts";
import type { Reads } from "./columns.ts";
import { screenScale } from "./dom.ts";
import { colourOf, type Item, type Scene } from "./scene.ts";

const MAX_DOTS = 80; // reads in view beyond which dots would be a smear

export function drawInFront(u: uPlot, series: readonly Item[], scene: Scene): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
  ctx.clip();
  for (const s of series)
    if (s.reads && !scene.hidden.has(s.key)) {
      drawReads(u, s.reads, scene, colourOf(scene, s));
      drawFailed(u, s.reads, scene);
    }
  drawTriggerEdges(u, scene);
  if (scene.simulated) drawStamp(u);
  drawMarker(u, "A", scene.a, scene);
  drawMarker(u, "B", scene.b, scene);
  ctx.restore();
}

function drawReads(u: uPlot, { t, value, lo }: Reads, { view }: Scene, colour: string): void {
  const first = lastAtOrBefore(t, view.from) + 1;
  const last = lastAtOrBefore(t, view.to);
  if (lo || last - first >= MAX_DOTS) return;
  const radius = 2.6 * screenScale();
  u.ctx.fillStyle = colour;
  for (let i = first; i <= last; i++) {
    const v = at(value, i);
    if (!(v === v)) continue;
    u.ctx.beginPath();
    u.ctx.arc(u.valToPos(at(t, i), "x", true), u.valToPos(v, "y", true), radius, 0, 7);
    u.ctx.fill();
  }
}

function drawFailed(u: uPlot, { failed }: Reads, { view, theme }: Scene): void {
  const scale = screenScale();
  const base = u.bbox.top + u.bbox.height - 6 * scale;
  u.ctx.strokeStyle = theme.loss;
  u.ctx.lineWidth = 1.5 * scale;
  for (const t of failed)
    if (t >= view.from && t <= view.to) cross(u.ctx, u.valToPos(t, "x", true), base, 3.5 * scale);
}

function cross(ctx: CanvasRenderingContext2D, x: number, y: number, r: number): void {
  ctx.beginPath();
  ctx.moveTo(x - r, y - r);
  ctx.lineTo(x + r, y + r);
  ctx.moveTo(x + r, y - r);
  ctx.lineTo(x - r, y + r);
  ctx.stroke();
}

function drawTriggerEdges(u: uPlot, { edges, view, theme }: Scene): void {
  const scale = screenScale();
  const top = u.bbox.top + u.bbox.height - 5 * scale;
  u.ctx.fillStyle = theme.accent;
  for (const t of edges)
    if (t >= view.from && t <= view.to)
      u.ctx.fillRect(u.valToPos(t, "x", true) - 0.5 * scale, top, scale, 5 * scale);
}

function drawStamp({ ctx, bbox }: uPlot): void {
  const scale = screenScale();
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

function drawMarker(u: uPlot, label: string, t: number | null, { view, theme }: Scene): void {
  if (t === null || t < view.from || t > view.to) return;
  const { ctx, bbox } = u;
  const scale = screenScale();
  const x = u.valToPos(t, "x", true);
  ctx.strokeStyle = ctx.fillStyle = theme.marker;
  ctx.lineWidth = 1.5 * scale;
  ctx.beginPath();
  ctx.moveTo(x, bbox.top - 2 * scale);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  const half = 8 * scale;
  ctx.beginPath();
  ctx.roundRect(x - half, bbox.top - 17 * scale, 2 * half, 15 * scale, 3 * scale);
  ctx.fill();
  ctx.fillStyle = theme.card;
  ctx.font = `700 ${11 * scale}px system-ui, sans-serif`;
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.fillText(label, x, bbox.top - 9 * scale);
}
