// Enters: `windows` and `notes` messages. Leaves: the table of windows, the list of losses. Text goes in as text nodes
// only: names and notes are strangers' strings.

import { fixed, quantity } from "../../format.ts";
import type { ClosedWindowRow, LiveNote, LiveWindowRow, WindowsMessage } from "../../live-data.ts";
import { element, fill, inside } from "../dom.ts";
import { plotted } from "../units.ts";

/** Closed windows do not change: their rows are made again only when there are others. */
export function showWindows(root: HTMLElement, m: WindowsMessage): void {
  const claims = m.claims.map((name) => name.replace(/^(nvml|rocm)\./, "").replace("power_", ""));
  const columns = ["Window", "Began", "Duration", "Energy", "Mean power", ...claims];
  const rows = m.open.map((w) => openRow(w, claims.length)).reverse();
  fill(inside(root, "tbody:nth-of-type(1)"), rows);
  const closed = inside(root, "tbody:nth-of-type(2)");
  const key = JSON.stringify([m.claims, m.closed]);
  if (closed.dataset["key"] === key) return;
  closed.dataset["key"] = key;
  inside(root, "thead").replaceChildren(fill(element("tr"), columns.map(headCell)));
  const made = m.closed.map(closedRow);
  fill(closed, made.length > 0 ? made : [emptyRow(columns.length)]);
}

function headCell(text: string, i: number): HTMLElement {
  const th = element("th", text, i > 0 ? "num" : "");
  th.scope = "col";
  return th;
}

function emptyRow(columns: number): HTMLElement {
  const only = element("td", "No window closed yet: marks make them.", "empty");
  only.colSpan = columns;
  return fill(element("tr"), [only]);
}

function cell(text: string, note?: string): HTMLElement {
  const td = element("td", text, "num");
  if (note) td.append(element("small", note));
  return td;
}

function nameCell({ name }: LiveWindowRow, badge?: string): HTMLElement {
  const th = element("th");
  th.scope = "row";
  th.append(element("code", name));
  if (badge) th.append(" ", element("span", badge, "badge fair"));
  return th;
}

function openRow(w: LiveWindowRow, claims: number): HTMLElement {
  const unknown = Array.from({ length: claims }, () => cell("…"));
  return fill(element("tr", null, "open"), [nameCell(w, "open"), ...figureCells(w), ...unknown]);
}

function figureCells(w: LiveWindowRow): HTMLElement[] {
  return [
    cell(`${fixed(w.t0_s, 3)} s`),
    cell(quantity(Math.max(0, w.duration_s), "s", 4)),
    cell(quantity(w.energy_j, "J", 5)),
    cell(w.duration_s > 0 ? plotted((w.energy_j ?? NaN) / w.duration_s, "W") : "–"),
  ];
}

function closedRow(w: ClosedWindowRow): HTMLElement {
  const lost = w.lost_rows > 0 ? `${fixed(w.lost_rows, 0)} rows lost` : "";
  const claims = w.claims_j.map((claim) => claimCell(claim ?? NaN, w.energy_j ?? NaN));
  return fill(element("tr"), [nameCell(w, lost), ...figureCells(w), ...claims]);
}

function claimCell(claim: number, truth: number): HTMLElement {
  const pct = 100 * (claim / truth - 1);
  const error = Number.isFinite(pct) ? `${pct > 0 ? "+" : ""}${fixed(pct, 1)} %` : "";
  return cell(quantity(claim, "J", 4), error);
}

const KEPT_NOTES = 100;

/** Newest first. */
export function addNotes(root: HTMLElement, list: readonly LiveNote[]): void {
  const ul = inside(root, "ul");
  for (const n of list) {
    const li = element("li", null, n.level === "loss" ? "loss" : "warn");
    const when = n.t_s === null ? "" : `${fixed(n.t_s, 1)} s: `;
    li.append(element("b", n.level), element("span", `${when}${n.text}`));
    ul.prepend(li);
  }
  while (ul.children.length > KEPT_NOTES) ul.lastChild?.remove();
  inside(root, ".empty").hidden = ul.children.length > 0;
}
