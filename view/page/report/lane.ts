// Enters: the run's windows. Leaves: the strip of windows above the panels, and the window under the pointer.

import { quantity } from "../../format.ts";
import { mostOf } from "../../../stats/summary.ts";
import type { View } from "../columns.ts";
import { plotWidth } from "../panel.ts";
import { withAlpha } from "../theme.ts";
import type { Run, RunWindow } from "./document.ts";
import type { ReportMoves } from "./moves.ts";
import type { ReportScene } from "./report-scene.ts";
import { prepared, type Strip, timeToX, xToTime } from "./strip.ts";

const ROW = 20;
const MAX_ROWS = 4;
const REACH = 3; // CSS px beside a window that still mean it

export interface PlacedWindow extends RunWindow {
  readonly row: number;
}

/** Puts each window on the first row where it overlaps nothing; what does not fit shares the last row. */
export function placeWindows({ windows }: Run): PlacedWindow[] {
  const ends: number[] = [];
  return windows
    .filter((w) => w.kind !== "session" && w.name !== "session")
    .map((w) => {
      let row = ends.findIndex((end) => end <= w.t0);
      if (row < 0) row = Math.min(ends.length, MAX_ROWS - 1);
      ends[row] = Math.max(ends[row] ?? -Infinity, w.t1);
      return { ...w, row };
    });
}

function laneHeight(placed: readonly PlacedWindow[]): number {
  return placed.length > 0 ? (1 + mostOf(placed.map((w) => w.row))) * ROW + 2 : 0;
}

export function drawLane(
  canvas: HTMLCanvasElement,
  placed: readonly PlacedWindow[],
  scene: ReportScene,
): void {
  const strip = prepared(canvas, laneHeight(placed));
  const { ctx, left, width } = strip;
  ctx.beginPath();
  ctx.rect(left, 0, width, canvas.clientHeight);
  ctx.clip();
  ctx.font = "12px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  for (const w of placed) drawWindow(strip, w, scene);
}

function drawWindow(strip: Strip, w: PlacedWindow, { view, theme, a, b }: ReportScene): void {
  const { ctx, left, width } = strip;
  const x0 = Math.max(left, timeToX(w.t0, view, strip));
  const x1 = Math.min(left + width, timeToX(w.t1, view, strip));
  if (x1 < left || x0 > left + width) return;
  const size = Math.max(1.5, x1 - x0 - 1);
  const isCurrent = a === w.t0 && b === w.t1;
  ctx.fillStyle = isCurrent ? withAlpha(theme.marker, 0.45) : withAlpha(theme.window, 0.28);
  ctx.fillRect(x0, w.row * ROW + 1, size, ROW - 3);
  if (size < 24) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x0, 0, size - 3, 1000);
  ctx.clip();
  ctx.fillStyle = theme.ink;
  ctx.fillText(w.name, x0 + 5, w.row * ROW + ROW / 2);
  ctx.restore();
}

/** The first window under a point, or nearly. */
function windowAt(
  { offsetX, offsetY }: MouseEvent,
  canvas: HTMLCanvasElement,
  placed: readonly PlacedWindow[],
  view: View,
): PlacedWindow | null {
  const t = xToTime(offsetX, view, canvas);
  const slack = ((view.to - view.from) / Math.max(1, plotWidth(canvas.clientWidth))) * REACH;
  const row = Math.floor(offsetY / ROW);
  return placed.find((w) => w.row === row && w.t0 - slack <= t && w.t1 + slack >= t) ?? null;
}

/** Names what is under the pointer; a click shows it. */
export function wireLane(
  canvas: HTMLCanvasElement,
  placed: readonly PlacedWindow[],
  scene: ReportScene,
  moves: ReportMoves,
): void {
  canvas.hidden = placed.length === 0;
  canvas.addEventListener("click", (event) => {
    const w = windowAt(event, canvas, placed, scene.view);
    if (w) moves.showWindow(w.t0, w.t1);
  });
  canvas.addEventListener("pointermove", (event) => {
    const w = windowAt(event, canvas, placed, scene.view);
    canvas.title = w ? `${w.name}: ${quantity(w.t1 - w.t0, "s")}` : "";
    canvas.style.cursor = w ? "pointer" : "default";
  });
}
