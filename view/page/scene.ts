// What both pages draw from: what is looked at, what can be plotted, colours. Read at every draw, never copied.

import type uPlot from "uplot";
import type { Columns, Raster, Reads, Span, View } from "./columns.ts";
import { cssColour, readTheme, type Theme } from "./theme.ts";

/** By column, as uPlot has them. */
export type DrawnValues = uPlot.AlignedData[number];

/** One thing to plot. */
export interface Item {
  readonly key: string;
  readonly name: string;
  readonly unit: string;
  /** On the rails, or else claimed by telemetry. */
  readonly measured: boolean;
  readonly total: boolean;
  /** Name of a custom property. */
  readonly colour: string;
  /** Where it is a telemetry channel. */
  readonly reads: Reads | null;
  columns(raster: Raster): Columns;
  /** What its chip says while nothing is pointed at. @param means those drawn */
  resting(means: DrawnValues): string;
}

export type ShowValue = (text: string, atPointer: boolean) => void;

export interface Panel {
  readonly u: uPlot;
  readonly unit: string;
  /** In the order drawn: uPlot's series 1 + 3 i, 2 + 3 i and 3 + 3 i are max, min and mean of the i-th. */
  readonly series: readonly Item[];
  readonly host: HTMLElement;
  /** By key of the item: writes into its chip. */
  readonly chips: ReadonlyMap<string, ShowValue>;
}

export interface Scene {
  readonly syncKey: string;
  simulated: boolean;
  /** Nothing was sampled there, before the first row and after the last. */
  untraced: readonly Span[];
  gaps: readonly Span[];
  edges: readonly number[];
  items: readonly Item[];
  view: View;
  /** Markers. */
  a: number | null;
  b: number | null;
  /** What a drag does. */
  mode: "zoom" | "measure";
  readonly hidden: Set<string>;
  /** Unit of the second panel. */
  side: string | null;
  panels: readonly Panel[];
  theme: Theme;
  readonly colours: Map<string, string>;
  /** Where the pointer is: session seconds and column; null outside. */
  pointer: number | null;
  pointerColumn: number | null;
}

/** Nothing to plot, nothing looked at. */
export function emptyScene(syncKey: string, view: View): Scene {
  return {
    syncKey,
    simulated: false,
    untraced: [],
    gaps: [],
    edges: [],
    items: [],
    view,
    a: null,
    b: null,
    mode: "zoom",
    hidden: new Set(),
    side: null,
    panels: [],
    theme: readTheme(),
    colours: new Map(),
    pointer: null,
    pointerColumn: null,
  };
}

/** Reads all colours again. */
export function paint(scene: Scene): void {
  scene.theme = readTheme();
  for (const { colour } of scene.items) scene.colours.set(colour, cssColour(colour));
}

export const colourOf = (scene: Scene, item: Item): string => scene.colours.get(item.colour) ?? "";

/** The units that can be plotted, powers aside. */
export const sideUnits = (scene: Scene): string[] =>
  [...new Set(scene.items.map((s) => s.unit))].filter((u) => u !== "W");
