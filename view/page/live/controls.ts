// Enters: gestures, buttons and lists of the live page. Leaves: another view, or another choice of what is shown.
// Who looks closer stops following.

import { button, byId, fill, part } from "../dom.ts";
import { type Act, onKey } from "../gestures.ts";
import { sideUnits } from "../scene.ts";
import { unitName } from "../units.ts";
import type { LiveScene } from "./live-scene.ts";
import type { Redraw } from "./picture.ts";

const SPANS_S = [2, 10, 30, 120, 600];
const CLOSEST_S = 0.01;

/** Stops or goes on following. */
export function setPaused(scene: LiveScene, paused: boolean, redraw: Redraw): void {
  scene.paused = paused;
  byId("pause").textContent = paused ? "Follow" : "Pause";
  byId("pause").setAttribute("aria-pressed", String(paused));
  showSpans(scene);
  redraw(true);
}

function showSpans({ paused, span }: LiveScene): void {
  [...byId("spans").children].forEach((choice, i) =>
    choice.setAttribute("aria-pressed", String(!paused && SPANS_S[i] === span)),
  );
}

/** There are no markers here. */
export function liveMoves(scene: LiveScene, redraw: Redraw): Act {
  const plots = byId("plots");
  const nothing = () => undefined;
  const setView = (t0: number, t1: number): void => {
    const width = Math.max(CLOSEST_S, Math.abs(t1 - t0));
    const from = (t0 + t1 - width) / 2;
    scene.view = { from, to: from + width };
    setPaused(scene, true, redraw);
  };
  return {
    focus: () => plots.focus({ preventScroll: true }),
    hasFocus: () => plots.contains(document.activeElement),
    pointerTime: () => scene.pointer ?? (scene.view.from + scene.view.to) / 2,
    setView,
    zoom(factor, at = (scene.view.from + scene.view.to) / 2) {
      const { from, to } = scene.view;
      setView(at - (at - from) * factor, at + (to - at) * factor);
    },
    pan(share) {
      const { from, to } = scene.view;
      setView(from + share * (to - from), to + share * (to - from));
    },
    reset: () => setPaused(scene, false, redraw),
    ...{ setMarker: nothing, setMarkers: nothing, zoomToMarkers: nothing, clearMarkers: nothing },
  };
}

/** @param rebuild called when other panels are to be shown */
export function wireLiveControls(
  scene: LiveScene,
  moves: Act,
  redraw: Redraw,
  rebuild: () => void,
): void {
  const toggle = () => setPaused(scene, !scene.paused, redraw);
  const choices = SPANS_S.map((s) =>
    button(s < 60 ? `${s} s` : `${s / 60} min`, () => {
      scene.span = s;
      setPaused(scene, false, redraw);
    }),
  );
  fill(byId("spans"), choices);
  showSpans(scene);
  byId("pause").addEventListener("click", toggle);
  const side = part("side", HTMLSelectElement);
  side.addEventListener("change", () => {
    scene.side = side.value || null;
    rebuild();
  });
  byId("plots").addEventListener("keydown", (event) => {
    const isSpace = event.key === " ";
    if (isSpace) toggle();
    if (isSpace || onKey(event, moves)) event.preventDefault();
  });
}

/** What there is to choose from changes with the channels. */
export function showSides(scene: LiveScene): void {
  const side = part("side", HTMLSelectElement);
  const units = sideUnits(scene);
  fill(side, [new Option("nothing", ""), ...units.map((unit) => new Option(unitName(unit), unit))]);
  side.value = scene.side !== null && units.includes(scene.side) ? scene.side : "";
}
