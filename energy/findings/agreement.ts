// Claims that agree with each other against the rails: then the rails may be what is wrong. In: the windows of a
// comparison. Out: one finding, and what aliasing may then cost. Holds: a claim disagrees where its error is beyond its
// own uncertainty and the rails'.

import { type Finding, finding, type Observation, observed } from "../../schema/findings.ts";
import { mostOf } from "../../stats/summary.ts";
import type { TelemetryEnergy, WindowResult } from "../result.ts";
import type { Window } from "../window.ts";

/** Two averages over a second: in shorter windows all channels err alike by what they saw of them, ns. */
const LEAST_NS = 2e9;
/** Fewer may agree by chance. */
const LEAST_CHANNELS = 2;
const USABLE: readonly TelemetryEnergy["quality"][] = ["good", "billable"];

/** All channels on one side of the rails. */
export interface Agreement {
  /** The longest such window; and how many others. */
  readonly window: Window;
  readonly others: number;
  readonly channels: number;
  /** Claimed over physical Joules − 1, of the channel that is furthest off in any such window, its doubt included. */
  readonly share: number;
}

export function agreementIn(results: readonly WindowResult[]): Agreement | null {
  const found = results.flatMap((r) => {
    const errors = lengthNs(r.window) < LEAST_NS ? undefined : disagreements(r.telemetry);
    return errors ? [{ window: r.window, errors }] : [];
  });
  const [first] = found.sort((a, b) => lengthNs(b.window) - lengthNs(a.window));
  if (!first) return null;
  const size = mostOf(found.flatMap((f) => f.errors).map((e) => Math.abs(e.pct) + e.u)) / 100;
  const { window, errors } = first;
  const share = (errors[0]?.pct ?? 0) < 0 ? -size : size;
  return { window, others: found.length - 1, channels: errors.length, share };
}

export function againstRails(a: Agreement): Finding[] {
  const text = `${inWords(a)}: their gains may be off, or that of the rails (a rail missing, or counted twice)`;
  return [finding("claims-agree", a.window.name, text, 1 + a.others)];
}

/** Of every window of a run whose rows may alias: its Joules are as uncertain as the claims are far from them. */
export const contradicted = (a: Agreement): Observation =>
  observed(
    "rails-contradicted",
    `in ${inWords(a)}, and rows are slower than twice the bandwidth of their sensors: aliasing would do that; use a higher row rate, or state load_bandwidth`,
  );

const lengthNs = ({ t0Ns, t1Ns }: Window): number => t1Ns - t0Ns;

function inWords({ window, others, channels, share }: Agreement): string {
  const more = others > 0 ? ` (and in ${others} more)` : "";
  const way = share > 0 ? "more" : "less";
  return `window ${window.name}${more} all ${channels} channels claim ${way} than the rails, up to ${(100 * Math.abs(share)).toPrecision(2)} %, beyond what either states`;
}

/** Errors of all channels with their uncertainties, %, where all lie beyond these on one side. */
function disagreements(telemetry: readonly TelemetryEnergy[]) {
  const plain = telemetry.filter(
    (t) => t.errorPct !== null && t.method !== "filter_matched" && USABLE.includes(t.quality),
  );
  const errors = plain.flatMap(({ errorPct: pct, errorUncertaintyPct: u }) =>
    pct !== null && u !== null && Math.abs(pct) > u ? [{ pct, u }] : [],
  );
  const oneWay = errors.every((e) => e.pct > 0) || errors.every((e) => e.pct < 0);
  const all = errors.length === plain.length && errors.length >= LEAST_CHANNELS;
  return all && oneWay ? errors : undefined;
}
