// What this page rests on: hashes, software, rig, calibration; every metadata entry of fused.arrow is shown.

import { type Html, html } from "../html.ts";
import type { ReportModel } from "../report-model.ts";

const NAMES: Readonly<Record<string, string>> = {
  capture_sha256: "Capture, SHA-256",
  capture_chain_head: "Capture, head of its chain",
  capture_chain_links: "Capture, links of its chain",
  rig_sha256: "Rig, SHA-256",
  "truejoule.schema": "Table schema",
  session_start_unix_ns: "Session start, Unix ns",
  clock_uncertainty_ns: "Clock uncertainty, ns",
  source: "Source",
};

/** Fields of compare.json that other sections show. */
const SHOWN_ELSEWHERE = new Set([
  "schema",
  "windows",
  "warnings",
  "findings",
  "clock",
  "run",
  "source",
  "capture",
  "filters",
  "disciplines",
]);

export function provenance(m: ReportModel): Html {
  const extra = Object.entries(m.comparison ?? {}).filter(([k]) => !SHOWN_ELSEWHERE.has(k));
  const facts: [string, string][] = [
    ...[...m.metadata].flatMap(([k, v]) => flatten(NAMES[k] ?? k.replaceAll("_", " "), parsed(v))),
    ...extra.flatMap(([k, v]) => flatten(k.replaceAll("_", " "), v)),
  ];
  if (facts.length === 0)
    return html`<section id="provenance">
      <h2>Provenance</h2>
      <p class="empty">The run’s files carry no provenance.</p>
    </section>`;
  return html`<section id="provenance">
    <h2>Provenance</h2>
    <p class="lead">
      The capture is the evidence; everything on this page can be computed again from it.
      <code>truejoule verify</code> checks it.
    </p>
    <dl class="facts roomy">
      ${facts.map(
        ([k, v]) =>
          html`<div>
            <dt>${k}</dt>
            <dd><code>${v}</code></dd>
          </div>`,
      )}
    </dl>
  </section>`;
}

/** Labels travel as a JSON object in one string. */
function parsed(text: string): unknown {
  if (!text.startsWith("{")) return text || null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function flatten(key: string, value: unknown): [string, string][] {
  if (value === null || value === undefined) return [];
  if (typeof value === "object")
    return Object.entries(value).flatMap(([k, v]) =>
      flatten(`${key}, ${k.replaceAll("_", " ")}`, v),
    );
  return [[key, typeof value === "string" ? value : JSON.stringify(value)]];
}
