// Enters: the report's buttons, fields and lists. Leaves: moves, or another choice of what is shown.

import { byId, part } from "../dom.ts";
import { type Marker, onKey } from "../gestures.ts";
import { sideUnits } from "../scene.ts";
import { unitName } from "../units.ts";
import type { ReportMoves } from "./moves.ts";
import type { ReportScene } from "./report-scene.ts";

const MODES = ["zoom", "measure"] as const;
const MARKERS = ["a", "b"] as const;

/** @param rebuild called when other panels are to be shown */
export function wireControls(scene: ReportScene, moves: ReportMoves, rebuild: () => void): void {
  const on = (id: string, action: () => void) => byId(id).addEventListener("click", action);
  on("zoom-in", () => moves.zoom(0.5));
  on("zoom-out", () => moves.zoom(2));
  on("reset", () => moves.reset());
  on("to-markers", () => moves.zoomToMarkers());
  for (const mode of MODES)
    on(`mode-${mode}`, () => {
      scene.mode = mode;
      for (const m of MODES) byId(`mode-${m}`).setAttribute("aria-pressed", String(m === mode));
    });
  for (const which of MARKERS) {
    const input = markerInput(which);
    input.addEventListener("change", () => {
      const t = Number.parseFloat(input.value);
      if (Number.isFinite(t)) moves.setMarker(which, t);
    });
  }
  byId("plots").addEventListener("keydown", (event) => {
    if (onKey(event, moves)) event.preventDefault();
  });
  wireWindowButtons(moves);
  wireSide(scene, rebuild);
}

const markerInput = (which: Marker): HTMLInputElement => part(`marker-${which}`, HTMLInputElement);

/** Fields that are not being typed in say where the markers are. */
export function showMarkers(scene: ReportScene): void {
  for (const which of MARKERS) {
    const input = markerInput(which);
    const t = scene[which];
    if (document.activeElement !== input) input.value = t === null ? "" : String(+t.toFixed(9));
  }
}

/** In the tables, beside what was compared. */
function wireWindowButtons(moves: ReportMoves): void {
  for (const button of document.querySelectorAll<HTMLElement>("button.window"))
    button.addEventListener("click", () => {
      moves.showWindow(Number(button.dataset["t0"]) * 1e-9, Number(button.dataset["t1"]) * 1e-9);
      byId("trace").scrollIntoView({ behavior: "smooth", block: "start" });
    });
}

function wireSide(scene: ReportScene, rebuild: () => void): void {
  const side = part("side", HTMLSelectElement);
  for (const unit of sideUnits(scene)) side.append(new Option(unitName(unit), unit));
  if (side.parentElement) side.parentElement.hidden = side.options.length < 2;
  side.addEventListener("change", () => {
    scene.side = side.value || null;
    rebuild();
  });
}
