// Enters: `state`, `windows` and `notes` messages. Leaves: tiles, the table of windows, the list of losses.
// Text goes in as text nodes only: names and notes are strangers' strings.

import { element } from "../readout.js";
import { grouped, measure, plotted } from "../units.js";
import { lastRead, lately } from "./store.js";

/** Bits of clocks_event_reasons worth a word (docs/telemetry.md); idle is not. */
const REASONS = [
  [4, "power cap"],
  [8, "hardware slowdown"],
  [32, "thermal"],
  [64, "hardware thermal"],
  [128, "power brake"],
];

export function showTiles(root, m, store) {
  const tiles = [
    powerTile(m, store),
    ["Energy so far", measure(m.energy_j, "J", 5), `${grouped(m.elapsed_s, 1)} s recorded`],
    lostTile(m),
    clockTile(m.clock),
    telemetryTile(m),
    gpuTile(store),
    diskTile(m),
  ].filter((t) => t !== null);
  if (root.children.length !== tiles.length) root.replaceChildren(...tiles.map(() => emptyTile()));
  tiles.forEach(([label, value, note, mood], i) => {
    const box = root.children[i];
    setText(box.children[0], label);
    setText(box.children[1], value);
    setText(box.children[2], note ?? "");
    box.dataset.mood = mood ?? "";
  });
}

function emptyTile() {
  const box = element("div", null, "tile");
  box.append(
    element("span", "", "label"),
    element("span", "", "value"),
    element("span", "", "note"),
  );
  return box;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function powerTile(m, store) {
  const label = "Power, last second";
  if (m.clipped_rows > 0)
    return [
      label,
      plotted(m.power_w ?? NaN, "W"),
      `${grouped(m.clipped_rows, 0)} rows clipped`,
      "fair",
    ];
  const { max } = lately(store, 0, 1); // the total stands first
  return [
    label,
    plotted(m.power_w ?? NaN, "W"),
    Number.isFinite(max) ? `peak ${plotted(max, "W")}` : "",
  ];
}

function lostTile(m) {
  const lost = m.lost_rows + m.lost_marks;
  const note = `of ${grouped(m.rows, 0)} rows, ${grouped(m.marks, 0)} marks`;
  if (lost === 0) return ["Lost", "nothing", note, "good"];
  const parts = [
    m.lost_rows > 0 ? `${grouped(m.lost_rows, 0)} rows` : null,
    m.lost_marks > 0 ? `${grouped(m.lost_marks, 0)} marks` : null,
  ];
  return ["Lost", parts.filter(Boolean).join(", "), note, "bad"];
}

function clockTile(c) {
  if (c.method === "none") return ["DAQ clock", "–", "no rows yet"];
  if (c.method === "arrival") return ["DAQ clock", "nominal", "placed by arrival"];
  const rate = `${c.rate_ppm < 0 ? "−" : "+"}${Math.abs(c.rate_ppm).toFixed(1)} ppm`;
  const place = measure(c.u_offset_ns * 1e-9, "s", 2);
  return ["DAQ clock", rate, `rows placed to ${place} by ${c.exchanges} exchanges`];
}

function telemetryTile(m) {
  if (m.grids.length === 0) return ["Telemetry", "none", ""];
  const worst = m.grids.reduce((a, b) => (b.p99_ms > a.p99_ms ? b : a));
  const failed = m.failed_reads > 0 ? `${grouped(m.failed_reads, 0)} failed, ` : "";
  const late = worst.p99_ms === null ? "" : `p99 ${measure(worst.p99_ms * 1e-3, "s", 2)} late`;
  const mood = m.failed_reads > 0 ? "fair" : "";
  return ["Telemetry reads", grouped(m.reads, 0), `${failed}${late}`, mood];
}

/** The first GPU's clock, temperature and what holds it back. */
function gpuTile(store) {
  const read = (quantity) =>
    lastRead(store.reads.find((c) => /^nvml\./.test(c.name) && c.name.endsWith(quantity)));
  const clock = read("clock_sm");
  if (!Number.isFinite(clock)) return null;
  const mask = read("clocks_event_reasons");
  const held = REASONS.filter(([bit]) => (mask & bit) !== 0).map(([, name]) => name);
  const degrees = read("temperature");
  const note = [
    Number.isFinite(degrees) ? `${grouped(degrees, 0)} °C` : null,
    held.length > 0 ? held.join(", ") : (mask & 1) !== 0 ? "idle" : null,
  ];
  return [
    "GPU clock",
    `${grouped(clock / 1e6, 0)} MHz`,
    note.filter(Boolean).join(", "),
    held.length > 0 ? "fair" : "",
  ];
}

function diskTile(m) {
  if (!m.disk) return ["Disk", "–", ""];
  const left = m.elapsed_s > 1 ? (m.disk.free_bytes / m.disk.bytes) * m.elapsed_s : NaN;
  const free = `${measure(m.disk.free_bytes, "B", 3)} free`;
  const note = Number.isFinite(left) ? `${free}, ${timeText(left)} at this rate` : free;
  return ["Written", measure(m.disk.bytes, "B", 3), note, left < 600 ? "bad" : ""];
}

function timeText(s) {
  if (s > 100 * 86400) return "months";
  if (s > 2 * 86400) return `${grouped(s / 86400, 0)} days`;
  if (s > 2 * 3600) return `${grouped(s / 3600, 0)} h`;
  return `${grouped(s / 60, 0)} min`;
}

/** Closed windows do not change: their rows are made anew only when there are others. */
export function showWindows(root, m) {
  const claims = m.claims.map((name) => name.replace(/^(nvml|rocm)\./, "").replace("power_", ""));
  const columns = ["Window", "Began", "Duration", "Energy", "Mean power", ...claims];
  const [open, closed] = root.querySelectorAll("tbody");
  const rows = m.open.reverse().map((w) => openRow(w, claims));
  open.replaceChildren(...rows);
  const key = JSON.stringify([m.claims, m.closed]);
  if (closed.dataset.key === key) return;
  closed.dataset.key = key;
  const top = element("tr");
  top.append(...columns.map((text, i) => headCell(text, i)));
  root.querySelector("thead").replaceChildren(top);
  const made = m.closed.map(closedRow);
  closed.replaceChildren(...(made.length > 0 ? made : [emptyRow(columns.length)]));
}

function headCell(text, i) {
  const th = element("th", text, i > 0 ? "num" : "");
  th.scope = "col";
  return th;
}

function emptyRow(columns) {
  const row = element("tr");
  const cell = element("td", "No window closed yet: marks make them.", "empty");
  cell.colSpan = columns;
  row.append(cell);
  return row;
}

const cell = (text, note, mood) => {
  const td = element("td", text, mood ? `num ${mood}` : "num");
  if (note) td.append(element("small", note));
  return td;
};

function nameCell(w, badge) {
  const th = element("th");
  th.scope = "row";
  th.append(element("code", w.name));
  if (badge) th.append(" ", element("span", badge, "badge fair"));
  return th;
}

function openRow(w, claims) {
  const row = element("tr", null, "open");
  row.append(nameCell(w, "open"), ...figureCells(w), ...claims.map(() => cell("…")));
  return row;
}

function figureCells(w) {
  const known = w.energy_j !== null;
  return [
    cell(`${grouped(w.t0_s, 3)} s`),
    cell(measure(Math.max(0, w.duration_s), "s", 4)),
    cell(known ? measure(w.energy_j, "J", 5) : "–"),
    cell(known && w.duration_s > 0 ? plotted(w.energy_j / w.duration_s, "W") : "–"),
  ];
}

function closedRow(w) {
  const row = element("tr");
  const lost = w.lost_rows > 0 ? `${grouped(w.lost_rows, 0)} rows lost` : null;
  row.append(nameCell(w, lost), ...figureCells(w));
  for (const claim of w.claims_j) {
    const pct = 100 * (claim / w.energy_j - 1);
    const sign = pct > 0 ? "+" : "";
    const error = claim === null || !Number.isFinite(pct) ? null : `${sign}${grouped(pct, 1)} %`;
    row.append(cell(claim === null ? "–" : measure(claim, "J", 4), error));
  }
  return row;
}

const KEPT_NOTES = 100;

/** Newest first. */
export function addNotes(root, list) {
  const ul = root.querySelector("ul");
  for (const n of list) {
    const li = element("li", null, n.level === "loss" ? "loss" : "warn");
    const when = n.t_s === null ? "" : `${grouped(n.t_s, 1)} s: `;
    li.append(element("b", n.level), element("span", `${when}${n.text}`));
    ul.prepend(li);
  }
  while (ul.children.length > KEPT_NOTES) ul.lastChild.remove();
  root.querySelector(".empty").hidden = ul.children.length > 0;
}
