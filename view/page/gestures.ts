// Enters: pointer, wheel and keys on a panel. Leaves: a new view or marker. One rule for mouse and touch:
// what a drag does is the mode's choice (zoom or measure); near a marker it moves the marker.

import type uPlot from "uplot";
import type { Scene } from "./scene.ts";

const MARKER_REACH = 7; // CSS px
const CLICK_SLOP = 4;

export type Marker = "a" | "b";

/** What gestures can do to a page; instants in session seconds. */
export interface Act {
  focus(): void;
  hasFocus(): boolean;
  /** The instant under the pointer, or the middle of the view. */
  pointerTime(): number;
  setView(t0: number, t1: number): void;
  /** @param at the instant that stays where it is */
  zoom(factor: number, at?: number): void;
  /** By a share of the view. */
  pan(share: number): void;
  /** Back to what the page shows by itself. */
  reset(): void;
  setMarker(which: Marker, t: number): void;
  setMarkers(t0: number, t1: number): void;
  zoomToMarkers(): void;
  clearMarkers(): void;
}

type Drag = { readonly startX: number; readonly startT: number; moved: boolean } & (
  { readonly kind: "marker"; readonly marker: Marker } | { readonly kind: "measure" | "zoom" }
);

export function attachPointer(u: uPlot, scene: Scene, act: Act): void {
  const { over } = u;
  let drag: Drag | null = null;
  over.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    act.focus();
    drag = begun(event, u, scene);
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointermove", (event) => {
    if (drag) dragTo(event, drag, u, act);
    else over.style.cursor = markerNear(event, u, scene) ? "ew-resize" : "crosshair";
  });
  const finish = (event: PointerEvent): void => {
    if (!drag) return;
    const ended = drag;
    drag = null;
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (event.type === "pointercancel" || !ended.moved) return;
    if (ended.kind === "zoom") act.setView(ended.startT, timeOf(event, u));
  };
  over.addEventListener("pointerup", finish);
  over.addEventListener("pointercancel", finish);
  over.addEventListener("dblclick", () => act.reset());
  over.addEventListener("wheel", (event) => onWheel(event, timeOf(event, u), act), {
    passive: false,
  });
}

function begun(event: PointerEvent, u: uPlot, scene: Scene): Drag {
  const start = { startX: event.clientX, startT: timeOf(event, u), moved: false };
  const marker = markerNear(event, u, scene);
  if (marker) return { ...start, kind: "marker", marker };
  const measures = event.shiftKey !== (scene.mode === "measure");
  return { ...start, kind: measures ? "measure" : "zoom" };
}

function dragTo(event: PointerEvent, drag: Drag, u: uPlot, act: Act): void {
  drag.moved ||= Math.abs(event.clientX - drag.startX) > CLICK_SLOP;
  if (!drag.moved) return;
  const t = timeOf(event, u);
  if (drag.kind === "marker") act.setMarker(drag.marker, t);
  else if (drag.kind === "measure") act.setMarkers(drag.startT, t);
  else showSelection(u, drag.startT, t);
}

const leftOf = (event: MouseEvent, { over }: uPlot): number =>
  event.clientX - over.getBoundingClientRect().left;

function timeOf(event: MouseEvent, u: uPlot): number {
  return u.posToVal(Math.max(0, Math.min(u.over.clientWidth, leftOf(event, u))), "x");
}

function markerNear(event: MouseEvent, u: uPlot, scene: Scene): Marker | undefined {
  const x = leftOf(event, u);
  const isNear = (t: number | null): boolean =>
    t !== null && Math.abs(u.valToPos(t, "x") - x) <= MARKER_REACH;
  return isNear(scene.a) ? "a" : isNear(scene.b) ? "b" : undefined;
}

function showSelection(u: uPlot, t0: number, t1: number): void {
  const left = u.valToPos(Math.min(t0, t1), "x");
  const width = u.valToPos(Math.max(t0, t1), "x") - left;
  u.setSelect({ left, width, top: 0, height: u.over.clientHeight }, false);
}

/** The page scrolls until the trace has been clicked or Ctrl is held: a wheel must not trap the reader. */
function onWheel(event: WheelEvent, t: number, act: Act): void {
  if (!act.hasFocus() && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
    act.pan(((event.deltaX || event.deltaY) * unit) / 800);
  else act.zoom(Math.exp((event.deltaY * unit) / 500), t);
}

/** Keys while the trace has focus. @returns whether the key meant something */
export function onKey(event: KeyboardEvent, act: Act): boolean {
  const fine = event.shiftKey ? 0.01 : 0.1;
  const keys = new Map([
    ["arrowleft", () => act.pan(-fine)],
    ["arrowright", () => act.pan(fine)],
    ["+", () => act.zoom(0.6)],
    ["=", () => act.zoom(0.6)],
    ["-", () => act.zoom(1 / 0.6)],
    ["0", () => act.reset()],
    ["home", () => act.reset()],
    ["a", () => act.setMarker("a", act.pointerTime())],
    ["b", () => act.setMarker("b", act.pointerTime())],
    ["m", () => act.zoomToMarkers()],
    ["escape", () => act.clearMarkers()],
  ]);
  const action = keys.get(event.key.toLowerCase());
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return false;
  action();
  return true;
}
