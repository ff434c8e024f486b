// Text with a unit ↔ SI numbers. In: what people write in rig files and flags ("62.5 mV/A", "±0.5 %").
// Out: plain SI numbers of a required dimension, and short texts with a unit for people.
// Holds: nothing is evaluated. Symbols with a prefix, and their products and quotients (mV/A), are resolved
// by the tables below; others (N*m) go through mathjs, which costs 0.4–0.9 s and 30 MB and is loaded only then.

import { InputError } from "./errors.ts";

/** What a number must measure; also the SI unit it comes back in. `1` is a ratio. */
export type Dimension = "V" | "A" | "W" | "J" | "ohm" | "Hz" | "s" | "V/A" | "1";

/** A unit resolved: SI value of one of it, and its exponents of (mass, length, time, current). */
interface Unit {
  readonly factor: number;
  readonly powers: string;
}

/** SI base exponents, in mathjs's order: mass, length, time, current. */
const POWERS: Readonly<Record<Dimension, string>> = {
  V: "1,2,-3,-1",
  A: "0,0,0,1",
  W: "1,2,-3,0",
  J: "1,2,-2,0",
  ohm: "1,2,-3,-2",
  "V/A": "1,2,-3,-2",
  Hz: "0,0,-1,0",
  s: "0,0,1,0",
  "1": "0,0,0,0",
};

/** Symbols that take a prefix (SI Brochure, tables 4 and 7); Wh because meters print it. */
const SYMBOLS: Readonly<Record<string, readonly [number, Dimension]>> = {
  V: [1, "V"],
  A: [1, "A"],
  W: [1, "W"],
  J: [1, "J"],
  Wh: [3600, "J"],
  ohm: [1, "ohm"],
  Hz: [1, "Hz"],
  s: [1, "s"],
};
const FIXED: Readonly<Record<string, readonly [number, Dimension]>> = {
  min: [60, "s"],
  h: [3600, "s"],
  "%": [1e-2, "1"],
  ppm: [1e-6, "1"],
  ppb: [1e-9, "1"],
};
const PREFIXES: Readonly<Record<string, number>> = {
  "": 1,
  p: 1e-12,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
};

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
const QUANTITY = new RegExp(String.raw`^(${NUMBER})\s*(.*)$`);
/** Symbols joined by / or *: all that mathjs is ever shown. */
const COMPOSED = /^[A-Za-z]+(?:\s*[/*]\s*[A-Za-z]+)+$/;

/** Spellings that mathjs and the tables do not know: µ (two code points), Ω, Ohm, samples per second. */
function normalise(unit: string): string {
  return unit
    .trim()
    .replace(/[\u00b5\u03bc]/g, "u")
    .replace(/[\u03a9\u2126]/g, "ohm")
    .replace(/Ohms?|ohms/g, "ohm")
    .replace(/^([kMG]?)(?:Sa?\/s|[Ss][Pp][Ss])$/, "$1Hz");
}

function single(symbol: string): Unit | undefined {
  const fixed = FIXED[symbol];
  if (fixed) return { factor: fixed[0], powers: POWERS[fixed[1]] };
  for (const [base, [factor, dimension]] of Object.entries(SYMBOLS)) {
    const prefix = symbol.endsWith(base) ? PREFIXES[symbol.slice(0, -base.length)] : undefined;
    if (prefix !== undefined) return { factor: factor * prefix, powers: POWERS[dimension] };
  }
  return undefined;
}

/** mV/A and the like: symbols of the tables, multiplied and divided from left to right. */
function product(unit: string): Unit | undefined {
  let result: Unit = { factor: 1, powers: POWERS["1"] };
  for (const [, operator, symbol] of `*${unit}`.matchAll(/([/*])\s*([A-Za-z]+)\s*/g)) {
    const next = single(symbol!);
    if (!next) return undefined;
    const sign = operator === "/" ? -1 : 1;
    const exponents = next.powers.split(",").map((power) => sign * Number(power));
    result = {
      factor: result.factor * next.factor ** sign,
      powers: result.powers
        .split(",")
        .map((power, i) => Number(power) + exponents[i]!)
        .join(","),
    };
  }
  return result;
}

async function composed(unit: string): Promise<Unit | undefined> {
  if (!COMPOSED.test(unit)) return undefined;
  const known = product(unit);
  if (known) return known;
  const { unit: parse } = await import("mathjs");
  try {
    const si = parse(`1 ${unit}`).toSI() as unknown as { value: number; dimensions: number[] };
    if (si.dimensions.slice(4).some((power) => power !== 0)) return undefined;
    return { factor: si.value, powers: si.dimensions.slice(0, 4).join(",") };
  } catch {
    return undefined;
  }
}

/** 50 / 1e6 is 50 µ to the last bit where 50 · 1e-6 is not: divide where the inverse is whole. */
function scale(value: number, factor: number): number {
  const inverse = Math.round(1 / factor);
  return factor < 1 && Math.abs(inverse * factor - 1) < 1e-12 ? value / inverse : value * factor;
}

const nameOf = (powers: string): string | undefined =>
  Object.entries(POWERS).find(([, p]) => p === powers)?.[0];

function wrong(text: string, dimension: Dimension, found: string): InputError {
  const expected = dimension === "1" ? "a ratio (%, ppm or a plain number)" : dimension;
  return new InputError(`"${text.trim()}": expected ${expected}, found ${found}`);
}
/**
 * "62.5 mV/A" → 0.0625. The result is in SI without prefix; a ratio may stand without a unit.
 * @throws InputError naming expected and found: no number, no unit, an unknown unit, or another dimension.
 */
export async function quantity(text: string, dimension: Dimension): Promise<number> {
  const [, digits, rest = ""] = QUANTITY.exec(text.trim().replace(/^[−–]/, "-")) ?? [];
  if (digits === undefined) throw wrong(text, dimension, "no number");
  const symbol = normalise(rest);
  if (symbol === "" && dimension !== "1") throw wrong(text, dimension, "a number without unit");
  const unit =
    symbol === ""
      ? { factor: 1, powers: POWERS["1"] }
      : (single(symbol) ?? (await composed(symbol)));
  if (!unit) throw wrong(text, dimension, `the unknown unit "${rest.trim()}"`);
  if (unit.powers !== POWERS[dimension]) {
    const found = nameOf(unit.powers);
    throw wrong(text, dimension, found === "1" ? "a ratio" : (found ?? rest.trim()));
  }
  const value = scale(Number(digits), unit.factor);
  if (!Number.isFinite(value)) throw wrong(text, dimension, "a number beyond all measure");
  return value;
}

const LIMITS = /^(?:±|\+\/-|\+-)\s*(.*)$/;
const COVERAGE = /^(.*?)\s*\(\s*(?:k\s*=\s*(\d+(?:\.\d+)?)|1\s*(?:sigma|σ))\s*\)$/;

/**
 * Uncertainty as instruments state it → standard uncertainty (JCGM 100:2008).
 * "±a": limits of a rectangular distribution, a/√3 (4.3.7). "a (k=2)": expanded, a/k (4.3.3). "a (1 sigma)": a.
 * "±a (k=2)" is expanded too: the coverage factor says so.
 * @throws InputError also for a bare figure, which could mean any of the three.
 */
export async function standardUncertainty(text: string, dimension: Dimension): Promise<number> {
  const [, beforeCoverage, k] = COVERAGE.exec(text.trim()) ?? [];
  const stated = beforeCoverage ?? text.trim();
  const limits = LIMITS.exec(stated)?.[1];
  if (beforeCoverage === undefined && limits === undefined) {
    const forms = `"±a" (limits), "a (k=2)" or "a (1 sigma)"`;
    throw new InputError(`"${text.trim()}": an uncertainty must say its kind: expected ${forms}`);
  }
  const half = await quantity(limits ?? stated, dimension);
  if (half < 0) throw new InputError(`"${text.trim()}": an uncertainty cannot be negative`);
  if (beforeCoverage === undefined) return half / Math.sqrt(3);
  const factor = k === undefined ? 1 : Number(k);
  if (!(factor > 0)) throw new InputError(`"${text.trim()}": the coverage factor must be above 0`);
  return half / factor;
}

const ENGINEERING = ["p", "n", "µ", "m", "", "k", "M", "G"] as const;
const UNPREFIXED = new Set(["", "%", "1", "ppm", "°C"]);

function prefixIndex(value: number, unit: string): number {
  if (UNPREFIXED.has(unit) || value === 0) return 4;
  const thousands = Math.floor(Math.log10(Math.abs(value)) / 3 + 1e-12);
  return Math.min(ENGINEERING.length - 1, Math.max(0, 4 + thousands));
}

/** For people: 0.0625, "V/A" → "62.5 mV/A"; `digits` significant, no exponent; NaN → "not known". */
export function formatQuantity(value: number, unit: string, digits = 4): string {
  if (!Number.isFinite(value)) return "not known";
  // Rounded first, so that 999.99 m becomes 1 and not 1000 m.
  const rounded = Number(value.toPrecision(digits));
  const prefix = prefixIndex(rounded, unit);
  const scaled = rounded / 1000 ** (prefix - 4);
  return join(String(Number(scaled.toPrecision(digits))), ENGINEERING[prefix]!, unit);
}

/** "2384.2 ± 7.1 J": the uncertainty to two significant digits, the value to the same decimal (GUM 7.2.6). */
export function formatMeasured(value: number, expandedU: number, unit: string): string {
  if (!Number.isFinite(value)) return "not known";
  const prefix = prefixIndex(value, unit);
  const [v, u] = [value, expandedU].map((x) => x / 1000 ** (prefix - 4)) as [number, number];
  if (!(u > 0) || !Number.isFinite(u)) return formatQuantity(value, unit);
  const decimals = Math.min(12, Math.max(0, 1 - Math.floor(Math.log10(u))));
  const figures = `${v.toFixed(decimals)} ± ${u.toFixed(decimals)}`;
  return join(figures, ENGINEERING[prefix]!, unit);
}

function join(figures: string, prefix: string, unit: string): string {
  return `${figures} ${prefix}${unit}`.trimEnd();
}
