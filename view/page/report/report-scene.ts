// What the report draws from: the scene, with the run in it.

import { channelColumns } from "../columns.ts";
import { type DrawnValues, emptyScene, type Item, paint, type Scene } from "../scene.ts";
import { claimColours, railColours } from "../theme.ts";
import { valueText } from "../units.ts";
import type { Channel, Run, Trace, TraceSeries } from "./document.ts";
import { traceColumns } from "./trace-columns.ts";

/** Either a series of the trace, or reads of a channel. */
export interface ReportItem extends Item {
  readonly series: TraceSeries | null;
}

export interface ReportScene extends Scene {
  readonly run: Run;
  readonly items: readonly ReportItem[];
  /** The narrowest view that still shows something new, seconds. */
  readonly closest: number;
}

const CLOSEST_ROWS = 12;

/** Shown on request: a counter's slope is ragged, a limit is no measurement. */
const ASIDE = /\(slope\)$|limit/;

/** The whole run in view, the markers on its headline. */
export function sceneOf(run: Run): ReportScene {
  const [from, to] = run.span;
  const items = itemsOf(run);
  const [a, b] = run.headline ?? [null, null];
  const rows = run.trace ? CLOSEST_ROWS * run.trace.rowPeriod : (to - from) / 1e5;
  const scene: ReportScene = {
    ...emptyScene("trace", { from, to }),
    ...{ run, items, a, b, closest: Math.max(1e-9, rows) },
    ...{ simulated: run.simulated, gaps: run.gaps, edges: run.edges, untraced: untracedOf(run) },
    hidden: new Set(items.filter((s) => ASIDE.test(s.name)).map((s) => s.key)),
  };
  paint(scene);
  return scene;
}

/** Before the first and after the last sample: nothing was measured there, whatever a window says. */
function untracedOf({ trace, span }: Run): Scene["untraced"] {
  if (!trace) return [];
  return [
    [span[0], trace.start],
    [trace.start + trace.used * trace.width, span[1]],
  ];
}

/** Of the rails, then of the telemetry. */
function itemsOf({ trace, channels }: Run): ReportItem[] {
  const claimColour = claimColours();
  const claimed = channels.map((c) => claimedItem(c, claimColour(c.unit)));
  return [...(trace ? measuredItems(trace) : []), ...claimed];
}

function measuredItems(trace: Trace): ReportItem[] {
  const railColour = railColours();
  return trace.series.map((series, index) => {
    const { name, unit } = series;
    const total = series.role === "total";
    return {
      ...{ key: `trace ${unit} ${name}`, name, unit, measured: true, total },
      colour: total ? "--total" : railColour(name),
      series,
      reads: null,
      columns: (raster) => traceColumns(trace, index, raster),
      resting: (means) => meanText(means, unit),
    };
  });
}

function claimedItem(reads: Channel, colour: string): ReportItem {
  const { name, unit } = reads;
  return {
    ...{ key: `channel ${name}`, name, unit, measured: false, total: false, colour },
    series: null,
    reads,
    columns: (raster) => channelColumns(reads, raster),
    resting: (means) => meanText(means, unit),
  };
}

/** The mean of the view; of a counter the number alone, which is no mean of anything. */
function meanText(means: DrawnValues, unit: string): string {
  let [sum, count] = [0, 0];
  for (const v of means) {
    if (v === null || v === undefined) continue;
    sum += v;
    count++;
  }
  const text = valueText(sum / count, unit);
  return text && unit !== "J" ? `Ø ${text}` : text;
}
