// Enters: a canvas above or below the panels. Leaves: where session time lies on it, in line with the plots.

import type { View } from "../columns.ts";
import { screenScale } from "../dom.ts";
import { plotLeft, plotWidth } from "../panel.ts";

/** A canvas ready to be drawn on, and the part of it that lies under the plots, CSS pixels. */
export interface Strip {
  readonly ctx: CanvasRenderingContext2D;
  readonly left: number;
  readonly width: number;
}

/** Sizes a canvas to its box for the screen's pixels. @param height CSS pixels */
export function prepared(canvas: HTMLCanvasElement, height: number): Strip {
  const scale = screenScale();
  const width = canvas.parentElement?.clientWidth ?? 0;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error("this browser draws no canvas");
  ctx.setTransform(scale, 0, 0, scale, 0, 0);
  return { ctx, left: plotLeft, width: plotWidth(width) };
}

export function timeToX(t: number, { from, to }: View, { left, width }: Strip): number {
  return left + ((t - from) / (to - from)) * width;
}

export function xToTime(x: number, { from, to }: View, canvas: HTMLCanvasElement): number {
  return from + ((x - plotLeft) / plotWidth(canvas.clientWidth)) * (to - from);
}
