// Enters: a unit, its series, the scene. Leaves: one uPlot panel: min–max band and mean of each series at
// one column a pixel; behind.ts and front.ts draw around them.

import uPlot from "uplot";
import { drawBehind } from "./behind.ts";
import { type Columns, columnTimes, emptyColumns } from "./columns.ts";
import { screenScale } from "./dom.ts";
import { drawInFront } from "./front.ts";
import { colourOf, type DrawnValues, type Item, type Panel, type Scene } from "./scene.ts";
import { withAlpha } from "./theme.ts";
import { plotted, tickText } from "./units.ts";

const AXIS_LEFT = 58;
const PAD_RIGHT = 14;
const MIN_WIDTH = 280;
const FONT = "12px system-ui, sans-serif";

/** CSS pixels of the plot in a panel or a strip of this width, and where it begins. */
export const plotLeft = AXIS_LEFT;
export const plotWidth = (width: number): number => width - AXIS_LEFT - PAD_RIGHT;

/** Screen pixels, at most two to one of CSS: columns that a panel is drawn in. */
export function columnCount(width: number): number {
  return Math.round(Math.max(100, plotWidth(width)) * Math.min(2, screenScale()));
}

export interface PanelPlace {
  readonly host: HTMLElement;
  readonly unit: string;
  /** CSS pixels. */
  readonly height: number;
}

/** The series in the order they are drawn: rails, the total over them, claims over all. */
export function inDrawingOrder(items: readonly Item[]): Item[] {
  return [
    ...items.filter((s) => s.measured && !s.total),
    ...items.filter((s) => s.total),
    ...items.filter((s) => !s.measured),
  ];
}

/** @param series in the order drawn. @param onHover told whenever the pointer moves, also in a panel in step */
export function createPlot(
  { host, unit, height }: PanelPlace,
  series: readonly Item[],
  scene: Scene,
  onHover: (u: uPlot) => void,
): uPlot {
  const options: uPlot.Options = {
    width: widthOf(host),
    height,
    padding: [18, PAD_RIGHT, 0, 0],
    legend: { show: false },
    cursor: cursorOptions(scene.syncKey),
    scales: { x: { time: false, auto: false }, y: { range: (_, min, max) => yRange(min, max) } },
    axes: [timeAxis(scene), valueAxis(unit, scene)],
    series: [{}, ...series.flatMap((s) => triple(s, scene))],
    bands: series.map((s, i) => ({
      series: [1 + 3 * i, 2 + 3 * i],
      fill: () => withAlpha(colourOf(scene, s), s.total ? 0.3 : 0.2),
    })),
    hooks: {
      drawClear: [(u) => drawBehind(u, scene)],
      draw: [(u) => drawInFront(u, series, scene)],
      setCursor: [onHover],
    },
  };
  return new uPlot(options, emptyData(series), host);
}

const widthOf = (host: HTMLElement): number => Math.max(MIN_WIDTH, host.clientWidth);

/** After the page's width has changed. */
export function fitPanel({ u, host }: Panel): void {
  u.setSize({ width: widthOf(host), height: u.height });
}

function emptyData(series: readonly Item[]): uPlot.AlignedData {
  const nothing = () => [null, null];
  return [[0, 1], ...series.flatMap(() => [nothing(), nothing(), nothing()])];
}

function triple(s: Item, scene: Scene): uPlot.Series[] {
  const show = !scene.hidden.has(s.key);
  const common = { show, points: { show: false }, spanGaps: false };
  const edge = { ...common, width: 0.5, stroke: () => withAlpha(colourOf(scene, s), 0.35) };
  const width = s.total ? 1.75 : s.measured ? 1.4 : 2;
  return [{ ...edge }, { ...edge }, { ...common, width, stroke: () => colourOf(scene, s) }];
}

function cursorOptions(syncKey: string): uPlot.Cursor {
  const nothing = () => null; // gestures.ts owns pressing and double-clicking
  return {
    drag: { x: false, y: false, setScale: false },
    points: { show: false },
    y: false,
    sync: { key: syncKey, setSeries: false },
    bind: { mousedown: nothing, mouseup: nothing, dblclick: nothing },
  };
}

function timeAxis(scene: Scene): uPlot.Axis {
  return {
    stroke: () => scene.theme.muted,
    grid: { stroke: () => scene.theme.line, width: 1 },
    ticks: { show: false },
    size: 34,
    space: 92,
    font: FONT,
    values: (_, splits, ...[, , step]) => splits.map((v) => `${tickText(v, step)} s`),
  };
}

function valueAxis(unit: string, scene: Scene): uPlot.Axis {
  return {
    stroke: () => scene.theme.muted,
    grid: { stroke: () => scene.theme.line, width: 1 },
    ticks: { show: false },
    size: AXIS_LEFT,
    font: FONT,
    values: (_, splits) => splits.map((v) => axisValue(v, unit, splits)),
  };
}

function axisValue(v: number, unit: string, splits: readonly number[]): string {
  const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0)) || 1;
  if (unit === "W" || unit === "A" || unit === "V") return `${tickText(v, step)} ${unit}`;
  return plotted(v, unit);
}

/** From zero unless the view holds only a narrow, high band. Without a value uPlot gives nulls. */
function yRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !(min <= max)) return [0, 1];
  const pad = 0.06 * (max - min) || Math.abs(max) * 0.05 || 1;
  return [min >= 0 && min < 0.6 * max ? 0 : min - pad, max + pad];
}

/** Recomputes every column for the scene's view. */
export function updatePanel({ u, series }: Panel, scene: Scene): void {
  const { from, to } = scene.view;
  const raster = { from, to, n: columnCount(u.width) };
  const isShown = series.map((s) => !scene.hidden.has(s.key));
  const columns = series.map((s, i): Columns =>
    isShown[i] ? s.columns(raster) : emptyColumns(raster.n),
  );
  u.batch(() => {
    u.series.forEach((drawn, k) => {
      const show = isShown[Math.floor((k - 1) / 3)];
      if (show !== undefined && drawn.show !== show) u.setSeries(k, { show });
    });
    u.setData([columnTimes(raster), ...columns.flatMap((c) => [c.max, c.min, c.mean])], true);
    u.setScale("x", { min: from, max: to });
  });
}

/** What is drawn as the i-th series' mean, by column. */
export const meansDrawn = ({ u }: Panel, i: number): DrawnValues => u.data[3 + 3 * i] ?? [];
