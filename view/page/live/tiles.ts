// Enters: a `state` message, what the page holds. Leaves: the tiles above the trace.

import { fixed, quantity } from "../../format.ts";
import type { LiveClock, LiveGrid, StateMessage } from "../../live-data.ts";
import { fill, inside, tile } from "../dom.ts";
import { plotted } from "../units.ts";
import { lately } from "./store-columns.ts";
import { lastRead, type Store } from "./store.ts";

/** Bits of clocks_event_reasons worth a word (docs/telemetry.md); idle is not. */
const REASONS = [
  [4, "power cap"],
  [8, "hardware slowdown"],
  [32, "thermal"],
  [64, "hardware thermal"],
  [128, "power brake"],
] as const;

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly mood?: "good" | "fair" | "bad" | "";
}

export function showTiles(root: HTMLElement, m: StateMessage, store: Store): void {
  const tiles = [
    powerTile(m, store),
    energyTile(m),
    lostTile(m),
    clockTile(m.clock),
    telemetryTile(m),
    gpuTile(store),
    diskTile(m),
  ].filter((t) => t !== null);
  if (root.children.length !== tiles.length)
    fill(
      root,
      tiles.map(() => tile("", "", "")),
    );
  root.querySelectorAll<HTMLElement>(".tile").forEach((box, i) => {
    const { label = "", value = "", note = "", mood = "" } = tiles[i] ?? {};
    setText(inside(box, ".label"), label);
    setText(inside(box, ".value"), value);
    setText(inside(box, ".note"), note);
    box.dataset["mood"] = mood;
  });
}

function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

function powerTile(m: StateMessage, store: Store): Tile {
  const [label, value] = ["Power, last second", plotted(m.power_w ?? NaN, "W")];
  if (m.clipped_rows > 0)
    return { label, value, note: `${fixed(m.clipped_rows, 0)} rows clipped`, mood: "fair" };
  const { max } = lately(store, 0, 1); // the total stands first
  return { label, value, note: Number.isFinite(max) ? `peak ${plotted(max, "W")}` : "" };
}

function energyTile(m: StateMessage): Tile {
  const note = `${fixed(m.elapsed_s, 1)} s recorded`;
  return { label: "Energy so far", value: quantity(m.energy_j, "J", 5), note };
}

function lostTile(m: StateMessage): Tile {
  const note = `of ${fixed(m.rows, 0)} rows, ${fixed(m.marks, 0)} marks`;
  const parts = [
    m.lost_rows > 0 ? `${fixed(m.lost_rows, 0)} rows` : "",
    m.lost_marks > 0 ? `${fixed(m.lost_marks, 0)} marks` : "",
  ].filter(Boolean);
  if (parts.length === 0) return { label: "Lost", value: "nothing", note, mood: "good" };
  return { label: "Lost", value: parts.join(", "), note, mood: "bad" };
}

function clockTile(c: LiveClock): Tile {
  const label = "DAQ clock";
  if (c.method === "none") return { label, value: "–", note: "no rows yet" };
  if (c.method === "arrival") return { label, value: "nominal", note: "placed by arrival" };
  const ppm = c.rate_ppm ?? NaN;
  const place = quantity((c.u_offset_ns ?? NaN) * 1e-9, "s", 2);
  const value = `${ppm < 0 ? "−" : "+"}${Math.abs(ppm).toFixed(1)} ppm`;
  return { label, value, note: `rows placed to ${place} by ${c.exchanges} exchanges` };
}

function telemetryTile({ grids, reads, failed_reads }: StateMessage): Tile {
  const [first] = grids;
  if (!first) return { label: "Telemetry", value: "none", note: "" };
  const late = (g: LiveGrid): number => g.p99_ms ?? 0;
  const worst = grids.reduce((a, b) => (late(b) > late(a) ? b : a), first);
  const failed = failed_reads > 0 ? `${fixed(failed_reads, 0)} failed, ` : "";
  const p99 = worst.p99_ms === null ? "" : `p99 ${quantity(worst.p99_ms * 1e-3, "s", 2)} late`;
  const mood = failed_reads > 0 ? "fair" : "";
  return { label: "Telemetry reads", value: fixed(reads, 0), note: `${failed}${p99}`, mood };
}

/** The first GPU's clock, temperature and what holds it back. */
function gpuTile({ reads }: Store): Tile | null {
  const read = (name: string): number =>
    lastRead(reads.find((c) => /^nvml\./.test(c.name) && c.name.endsWith(name)));
  const clock = read("clock_sm");
  if (!Number.isFinite(clock)) return null;
  const mask = read("clocks_event_reasons");
  const held = REASONS.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
  const degrees = read("temperature");
  const note = [
    Number.isFinite(degrees) ? `${fixed(degrees, 0)} °C` : "",
    held.length > 0 ? held.join(", ") : (mask & 1) !== 0 ? "idle" : "",
  ];
  return {
    label: "GPU clock",
    value: `${fixed(clock / 1e6, 0)} MHz`,
    note: note.filter(Boolean).join(", "),
    mood: held.length > 0 ? "fair" : "",
  };
}

function diskTile({ disk, elapsed_s }: StateMessage): Tile {
  if (!disk) return { label: "Disk", value: "–", note: "" };
  const left = elapsed_s > 1 ? (disk.free_bytes / disk.bytes) * elapsed_s : NaN;
  const free = `${quantity(disk.free_bytes, "B", 3)} free`;
  const note = Number.isFinite(left) ? `${free}, ${timeText(left)} at this rate` : free;
  const value = quantity(disk.bytes, "B", 3);
  return { label: "Written", value, note, mood: left < 600 ? "bad" : "" };
}

function timeText(s: number): string {
  if (s > 100 * 86400) return "months";
  if (s > 2 * 86400) return `${fixed(s / 86400, 0)} days`;
  if (s > 2 * 3600) return `${fixed(s / 3600, 0)} h`;
  return `${fixed(s / 60, 0)} min`;
}
