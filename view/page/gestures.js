// Enters: pointer, wheel and keys on a panel. Leaves: a new view or marker. One rule for mouse and touch:
// what a drag does is the mode's choice (zoom or measure); near a marker it moves the marker.

const MARKER_REACH = 7; // CSS px
const CLICK_SLOP = 4;

/** `act` is main.js: setView, setMarker, reset, and the state. */
export function attachPointer(u, act) {
  const over = u.over;
  let drag = null;
  const timeOf = (event) => {
    const x = event.clientX - over.getBoundingClientRect().left;
    return u.posToVal(Math.max(0, Math.min(over.clientWidth, x)), "x");
  };
  const markerNear = (event) => {
    const x = event.clientX - over.getBoundingClientRect().left;
    return ["a", "b"].find(
      (m) => act.state[m] !== null && Math.abs(u.valToPos(act.state[m], "x") - x) <= MARKER_REACH,
    );
  };
  over.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    act.focus();
    const marker = markerNear(event);
    const kind = marker
      ? "marker"
      : event.shiftKey !== (act.state.mode === "measure")
        ? "measure"
        : "zoom";
    drag = { kind, marker, startX: event.clientX, startT: timeOf(event), moved: false };
    over.setPointerCapture(event.pointerId);
  });
  over.addEventListener("pointermove", (event) => {
    if (!drag) {
      over.style.cursor = markerNear(event) ? "ew-resize" : "crosshair";
      return;
    }
    drag.moved ||= Math.abs(event.clientX - drag.startX) > CLICK_SLOP;
    if (!drag.moved) return;
    if (drag.kind === "marker") act.setMarker(drag.marker, timeOf(event));
    if (drag.kind === "measure") act.setMarkers(drag.startT, timeOf(event));
    if (drag.kind === "zoom") showSelection(u, drag.startT, timeOf(event));
  });
  const finish = (event) => {
    if (!drag) return;
    const ended = drag;
    drag = null;
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (event.type === "pointercancel" || !ended.moved) return;
    if (ended.kind === "zoom") act.setView(ended.startT, timeOf(event));
  };
  over.addEventListener("pointerup", finish);
  over.addEventListener("pointercancel", finish);
  over.addEventListener("dblclick", () => act.reset());
  over.addEventListener("wheel", (event) => onWheel(event, timeOf(event), act), { passive: false });
}

function showSelection(u, t0, t1) {
  const [x0, x1] = [t0, t1].map((t) => u.valToPos(t, "x")).sort((p, q) => p - q);
  u.setSelect({ left: x0, width: x1 - x0, top: 0, height: u.over.clientHeight }, false);
}

/** The page scrolls until the trace has been clicked or Ctrl is held: a wheel must not trap the reader. */
function onWheel(event, t, act) {
  if (!act.hasFocus() && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const unit = event.deltaMode === 1 ? 30 : 1;
  if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))
    act.pan(((event.deltaX || event.deltaY) * unit) / 800);
  else act.zoom(Math.exp((event.deltaY * unit) / 500), t);
}

/** Keys while the trace has focus. @returns whether the key meant something */
export function onKey(event, act) {
  const fine = event.shiftKey ? 0.01 : 0.1;
  const keys = {
    ArrowLeft: () => act.pan(-fine),
    ArrowRight: () => act.pan(fine),
    "+": () => act.zoom(0.6),
    "=": () => act.zoom(0.6),
    "-": () => act.zoom(1 / 0.6),
    0: () => act.reset(),
    Home: () => act.reset(),
    a: () => act.setMarker("a", act.pointerTime()),
    b: () => act.setMarker("b", act.pointerTime()),
    m: () => act.zoomToMarkers(),
    Escape: () => act.clearMarkers(),
  };
  const action = keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return false;
  action();
  return true;
}
