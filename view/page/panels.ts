// Enters: the scene. Leaves: its panels and, beside them, a chip for every series, which shows its value and switches
// it on and off. Values under the pointer stand in the chips: nothing covers the trace.

import type uPlot from "uplot";
import { byId, element } from "./dom.ts";
import { type Act, attachPointer } from "./gestures.ts";
import { createPlot, fitPanel, inDrawingOrder, meansDrawn } from "./panel.ts";
import type { Item, Scene, ShowValue } from "./scene.ts";
import { instantText, unitName, valueText } from "./units.ts";

const NARROW_HEIGHT = 260;
const SIDE_HEIGHT = 170;

export interface PanelNeeds {
  /** Of the first panel on a wide screen, CSS pixels. */
  readonly height: number;
  /** What to say of a unit's panel to those who do not see it. */
  readonly label: (quantity: string) => string;
  readonly act: Act;
  readonly redraw: () => void;
}

/** Makes one panel for each of the units, in place of those there were. */
export function buildPanels(scene: Scene, units: readonly string[], needs: PanelNeeds): void {
  for (const p of scene.panels) p.u.destroy();
  byId("plots")
    .querySelectorAll(".panel")
    .forEach((p) => p.remove());
  byId("chips").replaceChildren();
  scene.panels = units.map((unit, i) => {
    const items = scene.items.filter((s) => s.unit === unit);
    const host = panelHost(unit, needs);
    const list = i === 0 ? byId("chips") : element("div", null, "panel chips");
    if (i > 0) byId("plots").append(list);
    byId("plots").append(host);
    const place = { host, unit, height: i === 0 ? mainHeight(needs) : SIDE_HEIGHT };
    const series = inDrawingOrder(items);
    const u = createPlot(place, series, scene, (hovered) => onHover(hovered, scene));
    attachPointer(u, scene, needs.act);
    return { u, unit, series, host, chips: showChips(list, items, scene, needs.redraw) };
  });
}

const mainHeight = ({ height }: PanelNeeds): number =>
  globalThis.innerWidth < 640 ? NARROW_HEIGHT : height;

function panelHost(unit: string, { label }: PanelNeeds): HTMLElement {
  const host = element("div", null, "panel");
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", label(unitName(unit)));
  return host;
}

/** Measured and claimed apart. */
function showChips(
  root: HTMLElement,
  items: readonly Item[],
  scene: Scene,
  redraw: () => void,
): ReadonlyMap<string, ShowValue> {
  const shows = new Map<string, ShowValue>();
  for (const [title, measured] of [
    ["Measured on the rails", true],
    ["Claimed by telemetry", false],
  ] as const) {
    const group = items.filter((s) => s.measured === measured);
    const [first] = group;
    if (!first) continue;
    const box = element("div", null, "chipgroup");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", title);
    const named = first.unit === "W" ? title : `${unitName(first.unit)}, ${title.toLowerCase()}`;
    const list = element("div", null, "chiplist");
    for (const s of group) {
      const { chip, show } = chipOf(s, scene, redraw);
      shows.set(s.key, show);
      list.append(chip);
    }
    box.append(element("span", named, "grouptitle"), list);
    root.append(box);
  }
  return shows;
}

function chipOf(
  s: Item,
  { hidden }: Scene,
  redraw: () => void,
): { readonly chip: HTMLElement; readonly show: ShowValue } {
  const chip = element("button", null, "chip");
  chip.type = "button";
  const swatch = element("span", null, s.measured ? "swatch" : "swatch step");
  swatch.style.background = `var(${s.colour})`;
  const value = element("span", "", "chipvalue");
  chip.append(swatch, element("span", s.name), value);
  const press = () => chip.setAttribute("aria-pressed", String(!hidden.has(s.key)));
  chip.addEventListener("click", () => {
    if (!hidden.delete(s.key)) hidden.add(s.key);
    press();
    redraw();
  });
  press();
  const show: ShowValue = (text, atPointer) => {
    value.textContent = text;
    value.classList.toggle("at", atPointer);
  };
  return { chip, show };
}

function onHover(u: uPlot, scene: Scene): void {
  const { left = -1, idx } = u.cursor;
  const column = left >= 0 ? (idx ?? null) : null;
  scene.pointerColumn = column;
  scene.pointer = column === null ? null : u.posToVal(left, "x");
  // While a panel is being made it is nobody's yet.
  if (scene.panels.some((p) => p.u === u)) showValues(scene);
  const { from, to } = scene.view;
  byId("cursor").textContent = scene.pointer === null ? "" : instantText(scene.pointer, to - from);
}

/** Values under the pointer, or what the chips say without one. */
export function showValues({ panels, pointerColumn }: Scene): void {
  for (const panel of panels)
    panel.series.forEach((s, i) => {
      const means = meansDrawn(panel, i);
      const show = panel.chips.get(s.key);
      if (pointerColumn === null) show?.(s.resting(means), false);
      else show?.(valueText(means[pointerColumn] ?? NaN, s.unit), true);
    });
}

/** Fits the panels whenever the plots have become wider or narrower, and calls back. */
export function onWidth(scene: Scene, changed: () => void): void {
  const plots = byId("plots");
  let last = plots.clientWidth;
  new ResizeObserver(() => {
    const now = plots.clientWidth;
    if (now === last) return;
    last = now;
    scene.panels.forEach(fitPanel);
    changed();
  }).observe(plots);
}
