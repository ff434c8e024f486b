// What the live page draws from: the scene, with what came over the socket and how it is followed.

import { channelColumns } from "../columns.ts";
import { emptyScene, type Item, type Scene } from "../scene.ts";
import { claimColours, railColours } from "../theme.ts";
import { valueText } from "../units.ts";
import { lately, storeColumns } from "./store-columns.ts";
import { lastRead, type LiveReads, type Store } from "./store.ts";

export interface LiveScene extends Scene {
  /** Null until the first hello. */
  store: Store | null;
  /** Seconds shown while following. */
  span: number;
  /** The view stands still. */
  paused: boolean;
  /** The recording is over. */
  ended: boolean;
}

const FIRST_SPAN_S = 10;
const LATELY_S = 0.5; // a chip's value: long enough to be read

/** On Ampere and later the average says what power_usage says; the driver's samples are drawn when asked for. */
const QUIET = /\.power_(average|samples)$/;

export function emptyLiveScene(): LiveScene {
  const span = FIRST_SPAN_S;
  const scene = emptyScene("live", { from: 0, to: span });
  return { ...scene, store: null, span, paused: false, ended: false };
}

/** Begins again with a store; what is looked at stays. */
export function takeStore(scene: LiveScene, store: Store): void {
  scene.store = store;
  scene.items = itemsOf(store);
  for (const s of scene.items) if (QUIET.test(s.name)) scene.hidden.add(s.key);
  scene.simulated = store.simulated;
  scene.gaps = [];
  scene.edges = [];
}

/** Measured series, then telemetry; states (P-state, reasons) are no curves. */
function itemsOf(store: Store): Item[] {
  const claimColour = claimColours();
  const claims = store.reads.filter((c) => c.quantity !== "state");
  return [...measuredItems(store), ...claims.map((c) => claimedItem(c, claimColour(c.unit)))];
}

function measuredItems(store: Store): Item[] {
  const railColour = railColours();
  return store.about.series.map(({ name, unit, role }, index) => ({
    ...{ key: `trace ${unit} ${name}`, name, unit, measured: true, total: role === "total" },
    colour: role === "total" ? "--total" : railColour(name),
    reads: null,
    columns: (raster) => storeColumns(store, index, raster),
    resting: () => valueText(lately(store, index, LATELY_S).mean, unit),
  }));
}

function claimedItem(reads: LiveReads, colour: string): Item {
  const { name, unit } = reads;
  return {
    ...{ key: `channel ${name}`, name, unit, measured: false, total: false, colour },
    reads,
    columns: (raster) => channelColumns(reads, raster),
    resting: () => valueText(lastRead(reads), unit),
  };
}
