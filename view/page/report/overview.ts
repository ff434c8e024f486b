// Enters: the whole run. Leaves: the strip below the panels: its power, and what of it is in view; dragging moves
// the view or chooses one.

import type { Columns, View } from "../columns.ts";
import { mostOf } from "../../../stats/summary.ts";
import { colourOf } from "../scene.ts";
import { withAlpha } from "../theme.ts";
import type { ReportMoves } from "./moves.ts";
import type { ReportScene } from "./report-scene.ts";
import { prepared, timeToX, xToTime } from "./strip.ts";

const HEIGHT = 44;

export function drawOverview(canvas: HTMLCanvasElement, scene: ReportScene): void {
  const strip = prepared(canvas, HEIGHT);
  const { ctx, left, width } = strip;
  const { theme, view } = scene;
  const whole = wholeOf(scene);
  ctx.fillStyle = theme.card;
  ctx.fillRect(left, 0, width, HEIGHT);
  const first = scene.items.find((s) => s.unit === "W");
  if (first) {
    const n = Math.max(50, Math.round(width));
    drawProfile(ctx, first.columns({ ...whole, n }), left, colourOf(scene, first));
  }
  const [x0, x1] = [timeToX(view.from, whole, strip), timeToX(view.to, whole, strip)];
  ctx.fillStyle = withAlpha(theme.muted, 0.22);
  ctx.fillRect(left, 0, x0 - left, HEIGHT);
  ctx.fillRect(x1, 0, left + width - x1, HEIGHT);
  ctx.strokeStyle = theme.accent;
  ctx.lineWidth = 1.5;
  ctx.strokeRect(x0 + 0.75, 0.75, Math.max(2, x1 - x0 - 1.5), HEIGHT - 1.5);
}

const wholeOf = ({ run: { span } }: ReportScene): View => ({ from: span[0], to: span[1] });

function drawProfile(
  ctx: CanvasRenderingContext2D,
  { min, mean, max }: Columns,
  left: number,
  colour: string,
): void {
  const top = mostOf(
    max.map((v) => v ?? 0),
    1e-12,
  );
  const y = (v: number): number => HEIGHT - 3 - (Math.max(0, v) / top) * (HEIGHT - 8);
  ctx.fillStyle = withAlpha(colour, 0.28);
  max.forEach((v, i) => {
    if (v !== null) ctx.fillRect(left + i, y(v), 1, y(min[i] ?? NaN) - y(v) + 1);
  });
  ctx.fillStyle = colour;
  mean.forEach((v, i) => {
    if (v !== null) ctx.fillRect(left + i, y(v) - 0.6, 1, 1.4);
  });
}

/** What a drag holds: the view itself, or the first end of a new one. */
type Grip =
  | { readonly kind: "view"; readonly behind: number; readonly width: number }
  | { readonly kind: "end"; readonly t: number };

export function wireOverview(
  canvas: HTMLCanvasElement,
  scene: ReportScene,
  moves: ReportMoves,
): void {
  const whole = wholeOf(scene);
  const length = whole.to - whole.from;
  let grip: Grip | null = null;
  canvas.addEventListener("pointerdown", (event) => {
    const { from, to } = scene.view;
    const t = xToTime(event.offsetX, whole, canvas);
    const holdsView = t >= from && t <= to && to - from < 0.98 * length;
    grip = holdsView ? { kind: "view", behind: t - from, width: to - from } : { kind: "end", t };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grip) return;
    const t = xToTime(event.offsetX, whole, canvas);
    if (grip.kind === "view") moves.setView(t - grip.behind, t - grip.behind + grip.width);
    else if (Math.abs(t - grip.t) > 0.004 * length) moves.setView(grip.t, t);
  });
  const letGo = () => (grip = null);
  canvas.addEventListener("pointerup", letGo);
  canvas.addEventListener("pointercancel", letGo);
}
