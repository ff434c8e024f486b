// Enters: the report's scene. Leaves: what gestures and controls can do to it; every move ends in a redraw.

import { byId } from "../dom.ts";
import type { Act } from "../gestures.ts";
import type { ReportScene } from "./report-scene.ts";

export interface ReportMoves extends Act {
  /** Markers on its edges, and a little more than it in view. */
  showWindow(t0: number, t1: number): void;
}

type ViewMoves = Pick<Act, "setView" | "zoom" | "pan" | "reset">;
type MarkerMoves = Pick<Act, "setMarker" | "setMarkers" | "clearMarkers">;

export function movesOf(scene: ReportScene, redraw: () => void): ReportMoves {
  const plots = byId("plots");
  const view = viewMoves(scene, redraw);
  const markers = markerMoves(scene, redraw);
  const showWindow = (t0: number, t1: number): void => {
    const margin = 0.06 * (t1 - t0);
    markers.setMarkers(t0, t1);
    view.setView(t0 - margin, t1 + margin);
  };
  return {
    ...view,
    ...markers,
    showWindow,
    zoomToMarkers() {
      if (scene.a !== null && scene.b !== null) showWindow(scene.a, scene.b);
    },
    focus: () => plots.focus({ preventScroll: true }),
    hasFocus: () => plots.contains(document.activeElement),
    pointerTime: () => scene.pointer ?? (scene.view.from + scene.view.to) / 2,
  };
}

/** Within the run, and no closer than there is something to see. */
function viewMoves(scene: ReportScene, redraw: () => void): ViewMoves {
  const [from, to] = scene.run.span;
  const widthOf = (wanted: number): number => Math.min(to - from, Math.max(scene.closest, wanted));
  const setView = (t0: number, t1: number): void => {
    const width = widthOf(Math.abs(t1 - t0));
    const left = Math.max(from, Math.min(to - width, (t0 + t1) / 2 - width / 2));
    scene.view = { from: left, to: left + width };
    redraw();
  };
  return {
    setView,
    zoom(factor, at = (scene.view.from + scene.view.to) / 2) {
      const { view } = scene;
      const width = widthOf((view.to - view.from) * factor);
      const left = at - ((at - view.from) / (view.to - view.from)) * width;
      setView(left, left + width);
    },
    pan(share) {
      const { view } = scene;
      const shift = share * (view.to - view.from);
      setView(view.from + shift, view.to + shift);
    },
    reset: () => setView(from, to),
  };
}

function markerMoves(scene: ReportScene, redraw: () => void): MarkerMoves {
  const [from, to] = scene.run.span;
  const place = (a: number | null, b: number | null): void => {
    [scene.a, scene.b] = [a, b];
    redraw();
  };
  return {
    setMarker(which, t) {
      const inside = Math.max(from, Math.min(to, t));
      if (which === "a") place(inside, scene.b);
      else place(scene.a, inside);
    },
    setMarkers: (t0, t1) => place(Math.min(t0, t1), Math.max(t0, t1)),
    clearMarkers: () => place(null, null),
  };
}
