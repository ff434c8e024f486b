// The report's script. Enters: the document embedded in the page. Leaves: the trace, live: what is looked at is the
// scene, moves change it, everything redraws from it, once a frame.

import "uplot/dist/uPlot.min.css";
import "../page.css";
import { quantity } from "../../format.ts";
import type { PageData } from "../../page-data.ts";
import { byId, part } from "../dom.ts";
import { fitPanel, plotWidth, updatePanel } from "../panel.ts";
import { buildPanels, onWidth, showValues } from "../panels.ts";
import { paint } from "../scene.ts";
import { wireTheme } from "../theme.ts";
import { showMarkers, wireControls } from "./controls.ts";
import { loadDocument } from "./document.ts";
import { drawLane, placeWindows, wireLane } from "./lane.ts";
import { movesOf, type ReportMoves } from "./moves.ts";
import { drawOverview, wireOverview } from "./overview.ts";
import { wirePrinting } from "./printing.ts";
import { showReadout } from "./readout.ts";
import { type ReportScene, sceneOf } from "./report-scene.ts";
import { excerptFor } from "./trace-columns.ts";

const MAIN_HEIGHT = 360;

function start(): void {
  const run = loadDocument(JSON.parse(byId("data").textContent) as PageData);
  const [from, to] = run.span;
  if (!document.getElementById("trace") || to <= from) return;
  const scene = sceneOf(run);
  const placed = placeWindows(run);
  const [lane, overview] = [part("lane", HTMLCanvasElement), part("overview", HTMLCanvasElement)];
  const draw = (): void => {
    for (const panel of scene.panels) updatePanel(panel, scene);
    drawLane(lane, placed, scene);
    drawOverview(overview, scene);
    showReadout(byId("readout"), scene);
    byId("resolution").textContent = resolutionText(scene);
    showMarkers(scene);
    if (scene.pointer === null) showValues(scene);
  };
  const redraw = onceAFrame(draw);
  const moves = movesOf(scene, redraw);
  wireControls(scene, moves, () => showPanels(scene, moves, redraw));
  wireLane(lane, placed, scene, moves);
  wireOverview(overview, scene, moves);
  showPanels(scene, moves, redraw);
  onWidth(scene, draw);
  const repaint = (): void => {
    paint(scene);
    draw();
  };
  wireTheme(repaint);
  wirePrinting(() => {
    scene.panels.forEach(fitPanel);
    repaint();
  });
  document.documentElement.classList.add("ready");
}

function onceAFrame(draw: () => void): () => void {
  let queued = false;
  return () => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      draw();
    });
  };
}

/** Powers, or what there is in their place, and the unit that was asked for. */
function showPanels(scene: ReportScene, act: ReportMoves, redraw: () => void): void {
  const main = scene.items.find((s) => s.unit === "W") ?? scene.items[0];
  const units = new Set([main?.unit, scene.side].filter((u) => typeof u === "string"));
  buildPanels(scene, [...units], {
    height: MAIN_HEIGHT,
    label: (what) => `${what} over session time; the table below gives the figures`,
    act,
    redraw,
  });
  redraw();
}

function resolutionText({ run: { trace }, view: { from, to } }: ReportScene): string {
  if (!trace) return "";
  if (excerptFor(trace, from, to))
    return `every sample, ${quantity(trace.rowPeriod, "s", 3)} apart`;
  const perPixel = (to - from) / Math.max(200, plotWidth(byId("plots").clientWidth));
  return `min · mean · max of ${quantity(Math.max(trace.width, perPixel), "s", 2)}`;
}

start();
