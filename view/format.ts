// Enters: SI numbers. Leaves: text for people: a prefix that fits, two significant digits of uncertainty,
// the value to the same decimal (GUM 7.2.6), narrow spaces between thousands, a true minus sign.

import type { Physical } from "../schema/documents/compare.ts";

const PREFIXES = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
] as const;

const NARROW = "\u202f";
const ABSENT = "–";

/** The prefix in which `value` has one to five digits before the point (five: 23 841 J stays joules). */
function prefixFor(value: number): readonly [number, string] {
  const size = Math.abs(value);
  if (size === 0 || !Number.isFinite(size)) return [1, ""];
  if (size >= 1 && size < 1e5) return [1, ""];
  return PREFIXES.find(([factor]) => size >= factor) ?? [1e-9, "n"];
}

/** Fixed decimals with grouped thousands. */
export function fixed(value: number, decimals: number): string {
  const [whole = "", fraction] = Math.abs(value).toFixed(decimals).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, NARROW);
  const negative = value < 0 && /[1-9]/.test(whole + (fraction ?? ""));
  return `${negative ? "−" : ""}${grouped}${fraction ? `.${fraction}` : ""}`;
}

function decimalsFor(value: number, significant: number): number {
  if (value === 0 || !Number.isFinite(value)) return 0;
  return Math.min(12, Math.max(0, significant - 1 - Math.floor(Math.log10(Math.abs(value)))));
}

/** `quantity(0.00213, "s")` → "2.13 ms". */
export function quantity(value: number | null | undefined, unit: string, significant = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  const [factor, prefix] = prefixFor(value);
  const scaled = value / factor;
  return `${fixed(scaled, decimalsFor(scaled, significant))} ${prefix}${unit}`;
}

/** `uncertain(2383.91, 7.24, "J")` → "2 383.9 ± 7.2 J". */
export function uncertain(value: number | null, expanded: number | null, unit: string): string {
  if (value === null || expanded === null || !Number.isFinite(expanded) || expanded <= 0)
    return quantity(value, unit);
  const [factor, prefix] = prefixFor(Math.max(Math.abs(value), expanded));
  const decimals = decimalsFor(expanded / factor, 2);
  return `${fixed(value / factor, decimals)} ± ${fixed(expanded / factor, decimals)} ${prefix}${unit}`;
}

type Joules = Pick<Physical, "energy_j" | "expanded_uncertainty_j" | "unmeasured_j" | "interval_j">;

/** A window's Joules: "2 383.9 ± 7.2 J", or, where a rail is not measured, "2 383.9 −7.2 +99 J". */
export function joulesText(p: Joules): string {
  const [value, below] = [p.energy_j, p.expanded_uncertainty_j];
  const high = p.interval_j?.[1];
  if (!p.unmeasured_j || value === null || below === null || typeof high !== "number")
    return uncertain(value, below, "J");
  const [factor, prefix] = prefixFor(Math.max(Math.abs(value), below));
  const decimals = decimalsFor(below / factor, 2);
  const [mid, low, up] = [value, below, high - value].map((x) => fixed(x / factor, decimals));
  return `${mid} −${low} +${up} ${prefix}J`;
}

/** How far the truth may lie from a figure, over its size; NaN where either is not known. */
export const relativeU = (p: Joules): number =>
  ((p.expanded_uncertainty_j ?? NaN) + (p.unmeasured_j ?? 0)) / Math.abs(p.energy_j ?? NaN);

/** A factor of coverage: 2, or 2.13. */
export const factorText = (k: number): string => String(Number(k.toPrecision(3)));

/** Signed percent with its uncertainty: "−6.2 ± 0.4 %". */
export function percent(value: number | null | undefined, u?: number | null): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  const known = u !== null && u !== undefined && Number.isFinite(u) && u > 0;
  const decimals = known ? Math.min(4, decimalsFor(u, 2)) : 2;
  const sign = value > 0 ? "+" : "";
  const text = `${sign}${fixed(value, decimals)}`;
  return known ? `${text} ± ${fixed(u, decimals)} %` : `${text} %`;
}

/** A share from 0 to 1: "99.98 %". */
export function share(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  const percentage = 100 * value;
  const fromEnd = Math.min(percentage, 100 - percentage); // 0 and 100 are only said when they are meant
  if (Math.abs(fromEnd) < 1e-9) return `${Math.round(percentage)} %`;
  return `${fixed(percentage, fromEnd < 0.1 ? Math.min(9, decimalsFor(fromEnd, 2)) : 1)} %`;
}

export function count(value: number | null | undefined, what = ""): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return ABSENT;
  return what ? `${fixed(value, 0)} ${what}${value === 1 ? "" : "s"}` : fixed(value, 0);
}
