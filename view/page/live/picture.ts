// Enters: the live scene. Leaves: its picture, no oftener than the eye asks for. While following, a view grows and
// moves by whole columns, so that buckets do not flicker between columns.

import { quantity } from "../../format.ts";
import { byId } from "../dom.ts";
import { columnCount, updatePanel } from "../panel.ts";
import type { LiveScene } from "./live-scene.ts";
import { bucketSeconds, levelFor } from "./store-columns.ts";
import type { Store } from "./store.ts";

/** Blocks come some tens of milliseconds late; so much behind now the picture is whole. */
const BEHIND_S = 0.15;
/** A hundredth of the span: 20 pictures a second at most, 5 at least. Without a GPU drawing costs a core dear. */
const pauseMs = (spanS: number): number => Math.min(200, Math.max(50, 10 * spanS)) - 5;

/** @param force whether something but the recording has changed */
export type Redraw = (force: boolean) => void;

export function pictureOf(scene: LiveScene): Redraw {
  let queued = false;
  let drawnColumn = NaN;
  let drawnMs = 0;
  const draw = (): void => {
    queued = false;
    const { store } = scene;
    if (!store || scene.panels.length === 0) return;
    if (!scene.paused) follow(scene, store);
    const column = newestColumn(scene, store);
    if (column === drawnColumn) return;
    drawnColumn = column;
    drawnMs = performance.now();
    for (const panel of scene.panels) updatePanel(panel, scene);
    byId("resolution").textContent = resolutionText(scene, store);
  };
  return (force) => {
    if (force) drawnColumn = NaN;
    if (queued || document.hidden) return;
    if (!force && performance.now() - drawnMs < pauseMs(scene.span)) return;
    queued = true;
    requestAnimationFrame(draw);
  };
}

const columnsOf = ({ panels }: LiveScene): number => columnCount(panels[0]?.u.width ?? 0);

/** Columns of the span that are whole by now, since session start. */
function newestColumn(scene: LiveScene, { now }: Store): number {
  return Math.floor(((now - BEHIND_S) * columnsOf(scene)) / scene.span);
}

function follow(scene: LiveScene, store: Store): void {
  const columns = columnsOf(scene);
  const to = (Math.max(columns, newestColumn(scene, store)) * scene.span) / columns;
  scene.view = { from: to - scene.span, to };
}

function resolutionText(scene: LiveScene, store: Store): string {
  const { from, to } = scene.view;
  const pixel = (to - from) / Math.max(1, columnsOf(scene));
  const bucket = bucketSeconds(store, levelFor(store, from, pixel));
  return `min · mean · max of ${quantity(Math.max(bucket, pixel), "s", 2)}`;
}
