// The live page's script. Enters: messages over the socket. Leaves: the page: the messages fill the store, the scene
// says what is looked at, everything redraws from both.

import "uplot/dist/uPlot.min.css";
import "../page.css";
import "./live.css";
import { type HelloMessage, Kind, type LiveMessage, type StateMessage } from "../../live-data.ts";
import { byId, inside } from "../dom.ts";
import { buildPanels, onWidth, showValues } from "../panels.ts";
import { paint } from "../scene.ts";
import { wireTheme } from "../theme.ts";
import { liveMoves, showSides, wireLiveControls } from "./controls.ts";
import { emptyLiveScene, type LiveScene, takeStore } from "./live-scene.ts";
import { pictureOf, type Redraw } from "./picture.ts";
import { listen, showLink } from "./socket.ts";
import { createStore, takeBinary } from "./store.ts";
import { addNotes, showWindows } from "./tables.ts";
import { showTiles } from "./tiles.ts";

const MAIN_HEIGHT = 380;

const BANNERS: Readonly<Record<string, readonly [string, string]>> = {
  virtual: [
    "Virtual bench: simulated",
    "No hardware is measured; every number comes from a model.",
  ],
  emulated: [
    "Emulated device: simulated",
    "Real firmware on an emulated chip. No hardware is measured.",
  ],
  hardware: ["Live: measured on hardware", "Provisional until fused."],
};

function start(): void {
  const scene = emptyLiveScene();
  const redraw = pictureOf(scene);
  const act = liveMoves(scene, redraw);
  const forced = (): void => redraw(true);
  const repaint = (): void => {
    paint(scene);
    redraw(true);
  };
  const build = (): void => {
    paint(scene);
    const units = ["W", ...(scene.side === null ? [] : [scene.side])];
    const known = units.filter((u) => scene.items.some((s) => s.unit === u));
    const label = (what: string) => `${what} over session time`;
    buildPanels(scene, known, { height: MAIN_HEIGHT, label, act, redraw: forced });
    redraw(true);
  };
  wireLiveControls(scene, act, redraw, build);
  wireTheme(repaint);
  document.addEventListener("visibilitychange", forced);
  onWidth(scene, forced);
  listen({
    text: (m) => take(m, scene, redraw, build),
    binary(m) {
      if (scene.store && takeBinary(scene.store, m) === Kind.buckets && !scene.paused)
        redraw(false);
    },
    isOver: () => scene.ended,
  });
}

function take(m: LiveMessage, scene: LiveScene, redraw: Redraw, build: () => void): void {
  switch (m.type) {
    case "hello":
      return greet(m, scene, build);
    case "state":
      return showState(m, scene, redraw);
    case "windows":
      return showWindows(byId("windows"), m);
    case "notes":
      return addNotes(byId("notes"), m.list);
    case "end":
      scene.ended = true;
      redraw(true);
      return showLink(m.text, "ended");
  }
}

function greet(hello: HelloMessage, scene: LiveScene, build: () => void): void {
  const store = createStore(hello);
  takeStore(scene, store);
  const [title, text] = BANNERS[hello.source] ?? [hello.source, ""];
  byId("banner").className = `banner ${store.simulated ? "simulated" : hello.source}`;
  inside(byId("banner"), "strong").textContent = title;
  inside(byId("banner"), "span").textContent = text;
  document.title = `live: ${hello.run}`;
  inside(byId("notes"), "ul").replaceChildren();
  showSides(scene);
  build();
  document.documentElement.classList.add("ready");
}

function showState(m: StateMessage, scene: LiveScene, redraw: Redraw): void {
  const { store } = scene;
  if (!store) return;
  scene.gaps = m.gaps.map(([from, to]) => [from ?? NaN, to ?? NaN]);
  scene.edges = m.edges.map((t) => t ?? NaN);
  // Time goes on without a DAQ, and telemetry with it.
  store.now = Math.max(store.now, m.now_s);
  showTiles(byId("tiles"), m, store);
  if (scene.pointerColumn === null) showValues(scene);
  if (!scene.paused) redraw(false);
}

start();
