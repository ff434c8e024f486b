// The top of the page: what this is (measured or simulated, loudly), and the answer in one sentence.

import type { Claim } from "../../schema/documents/compare.ts";
import {
  count,
  factorText,
  fixed,
  joulesText,
  percent,
  quantity,
  relativeU,
  share,
} from "../format.ts";
import { type Html, html } from "../html.ts";
import { isSimulated, type ReportModel } from "../report-model.ts";

const SOURCES: Readonly<Record<string, readonly [string, string]>> = {
  hardware: ["Measured on hardware", "Sampled by a DAQ on this bench."],
  imported: [
    "Imported capture",
    "Recorded elsewhere, by other tools; aligned and integrated here.",
  ],
  virtual: [
    "Virtual bench: simulated",
    "No hardware was measured. Every number on this page comes from a model with known Joules.",
  ],
  emulated: [
    "Emulated device: simulated",
    "Real firmware on an emulated chip, fed with a model's voltages. No hardware was measured.",
  ],
};
const UNKNOWN = [
  "Source unknown",
  "No file of this run says where its numbers come from.",
] as const;

export function banner(m: ReportModel): Html {
  const [title, text] = SOURCES[m.source] ?? UNKNOWN;
  const kind = isSimulated(m.source) ? "simulated" : m.source in SOURCES ? m.source : "unknown";
  return html`<div class="banner ${kind}" role="note">
    <strong>${title}</strong><span>${text}</span>
  </div>`;
}

export function header(m: ReportModel): Html {
  return html`<header class="top">
    <div class="bar-top">
      <span class="brand"
        ><svg viewBox="0 0 24 24" aria-hidden="true">
          <path d="M13.5 2 5 13.5h5.2L9 22l9-12.5h-5.6z" /></svg
        >truejoule</span
      >
      <span class="controls"
        ><button type="button" id="theme" aria-label="Switch between light and dark">
          ◐ <span>Theme</span></button
        ><button type="button" id="print">Print</button></span
      >
    </div>
    <h1>${m.name}</h1>
    <p class="subline">${subline(m)}</p>
    ${altered(m)}
    <p class="verdict">${verdict(m)}</p>
    <div class="tiles">${tiles(m)}</div>
  </header>`;
}

/** A page travels without what its command said: it says it too, before any figure. */
function altered({ logChanges }: ReportModel): Html | null {
  if (logChanges.length === 0) return null;
  return html`<p class="verdict">
    <strong class="loss"
      >The capture log was changed after files of this run were made from it. Figures here are of
      the log as it is now; <code>truejoule verify</code> names what is wrong with it.</strong
    >
  </p>`;
}

function subline(m: ReportModel): Html[] {
  const b = m.trace?.buckets;
  const started = m.metadata.get("session_start_unix_ns");
  const facts = [
    started && /^\d{1,19}$/.test(started) && started !== "0" ? utc(BigInt(started)) : null,
    b ? `${quantity((b.last.tNs - b.startNs) * 1e-9, "s")} of trace` : null,
    m.trace
      ? `${fixed(m.trace.buckets.total, 0)} rows at ${quantity(1e9 / m.trace.rowPeriodNs, "Hz", 3)}`
      : null,
    m.channels.length ? count(m.channels.length, "telemetry channel") : "no telemetry",
  ];
  return facts.filter((f) => f !== null).map((f) => html`<span>${f}</span>`);
}

function utc(unixNs: bigint): string {
  return `${new Date(Number(unixNs / 1_000_000n)).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** Claims that a sentence may compare: one per channel, by its plainest method. */
export function plainClaims(claims: readonly Claim[]): PlainClaim[] {
  const first = new Map<string, PlainClaim>();
  for (const c of claims.filter(isPlain)) if (!first.has(c.channel)) first.set(c.channel, c);
  return [...first.values()];
}

type PlainClaim = Claim & { readonly error_pct: number };

function isPlain(c: Claim): c is PlainClaim {
  return c.method !== "filter_matched" && Number.isFinite(c.error_pct);
}

function verdict(m: ReportModel): Html {
  const w = m.headline;
  if (!w)
    return html`No window was compared: run <code>truejoule compare</code> on this run first.`;
  if (!w.physical)
    return html`<b>No physical trace in this run.</b> Whatever the telemetry says here, no rail was
      measured, so no claim of Joules can rest on it.`;
  const p = w.physical;
  const took = isSimulated(m.source) ? "the simulated rails took" : "the rails took";
  const energy = joulesText(p);
  return html`In window <code>${w.name}</code> ${took} <b>${energy}</b>
    <span class="k">(k = ${factorText(p.coverage_factor)})</span>. ${unobserved(p.gap_fraction)}
    ${claimsSentence(w.telemetry, relativeU(p))}`;
}

const NEGLIGIBLE_GAP = 1e-3; // share of a window below which a verdict need not mention it

/** Joules over half a window are no Joules of the window; the sentence that compares them says so first. */
function unobserved(gapFraction: number): Html | null {
  if (gapFraction <= NEGLIGIBLE_GAP) return null;
  return html`<strong class="loss"
    >Only ${share(1 - gapFraction)} of the window was observed: errors below compare with what was
    seen.</strong
  >`;
}

function claimsSentence(claims: readonly Claim[], physicalU: number): Html {
  const plain = plainClaims(claims).toSorted((a, b) => a.error_pct - b.error_pct);
  const [low, high] = [plain[0], plain.at(-1)];
  if (!low || !high) return html`No telemetry channel covers it.`;
  const beyond = plain.filter((c) => standing(c, physicalU) === "beyond").length;
  const named = (c: PlainClaim): Html => html`<code>${c.channel}</code>`;
  const error = (c: PlainClaim): Html => html`<b class="claim">${percent(c.error_pct)}</b>`;
  if (plain.length === 1)
    return html`${named(low)} claims ${error(low)}, ${beyond ? "beyond" : "within"} its uncertainty.`;
  const spread = html`The telemetry claims from ${error(low)} (${named(low)}) to ${error(high)}
  (${named(high)})`;
  return html`${spread};
  ${beyond === 0 ? "all of it within" : `${beyond} of ${plain.length} channels beyond`} the stated
  uncertainty.`;
}

/** What a claim's error may be, percent: stated, or within the physical uncertainty where nothing is. */
export function errorSpan(c: Claim, physicalU = NaN): readonly [number, number] {
  const [lo, hi] = c.error_interval_pct ?? [];
  if (typeof lo === "number" && typeof hi === "number") return [lo, hi];
  const [pct, u] = [c.error_pct ?? 0, c.error_uncertainty_pct ?? 100 * physicalU];
  return [pct - u, pct + u];
}

/** Whether an error is more than its uncertainty explains; the page colours it so. */
export function standing(c: Claim, physicalU: number): "beyond" | "within" {
  const [lo, hi] = errorSpan(c, physicalU);
  return lo > 0 || hi < 0 ? "beyond" : "within";
}

function tiles(m: ReportModel): Html[] {
  const w = m.headline;
  const p = w?.physical;
  const claims = plainClaims(w?.telemetry ?? []);
  const [furthest] = claims.toSorted((a, b) => Math.abs(b.error_pct) - Math.abs(a.error_pct));
  const clock = m.clocks[0];
  const found: (readonly [string, string, string] | null)[] = [
    p
      ? ["Physical energy", quantity(p.energy_j, "J", 5), `± ${share(relativeU(p))} expanded`]
      : null,
    w && p?.mean_power_w !== undefined
      ? [
          "Mean power",
          quantity(p.mean_power_w, "W"),
          `over ${quantity((w.t1_ns - w.t0_ns) * 1e-9, "s")}`,
        ]
      : null,
    furthest ? ["Furthest claim", percent(furthest.error_pct), furthest.channel] : null,
    p?.gap_fraction !== undefined
      ? [
          "Observed",
          share(1 - p.gap_fraction),
          `quality: ${(p.quality ?? "not stated").replaceAll("_", " ")}`,
        ]
      : null,
    clock?.residual_rms_ns !== undefined
      ? [
          "Clock residual",
          quantity(clock.residual_rms_ns * 1e-9, "s", 3),
          `rms over ${clock.edges_used ?? 0} edges`,
        ]
      : null,
  ];
  return found
    .filter((t) => t !== null)
    .map(
      ([label, value, note]) =>
        html`<div class="tile">
          <span class="label">${label}</span><span class="value">${value}</span
          ><span class="note">${note}</span>
        </div>`,
    );
}
