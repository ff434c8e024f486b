// Stamps of one benchmark's load → marks. They alternate on, off, on, off; the last is the end of the recording,
// so there is an odd number of them. Where one is missing, on and off would be swapped from there on: if all
// other stretches are alike, the ones that are an on and an off together say where stamps are missing. Two that
// are missing leave the number odd, so the pattern is asked whatever the number.

import type { Mark, Note } from "../../../schema/records.ts";
import type { Instant } from "../../../schema/time.ts";
import { neighbours, valueAt } from "../../../stats/places.ts";
import { leastOf, upperMedian } from "../../../stats/summary.ts";

/** Stretches of one kind that differ by no more are one pattern; 10 % is the most in captures seen. */
const ALIKE = 0.25;
/** Fewer on or off stretches make no pattern. */
const LEAST_STRETCHES = 4;

/** More stamps missing than this, and the stretches are no pattern. */
const MOST_MISSING = 4;

/** @param stamps ascending, no two alike. */
export function loadMarks(stamps: readonly Instant<"host">[], path: string, notes: Note[]): Mark[] {
  const last = stamps.length - 1;
  const broken = brokenStretches(stamps);
  const isEven = stamps.length > 0 && stamps.length % 2 === 0;
  if (isEven || broken.length > 0)
    notes.push({ level: "warning", text: `${path}: ${told(stamps, broken)}` });
  // One missing stamp swaps on and off after it, two at one place do not.
  const swapped = (i: number): number =>
    broken.reduce((n, b) => n + (i > b.stretch ? b.missing : 0), 0);
  return stamps.map((t, i) =>
    i === last
      ? { name: "recording_end", phase: "instant", clock: "host", t }
      : { name: "load", phase: (i + swapped(i)) % 2 === 0 ? "begin" : "end", clock: "host", t },
  );
}

/** A stretch, by its first stamp, inside which stamps are missing. */
interface Broken {
  readonly stretch: number;
  readonly missing: 1 | 2;
  /** What the stretch would be if it were whole. */
  readonly kind: "on" | "off";
}

function told(stamps: readonly Instant<"host">[], broken: readonly Broken[]): string {
  const isEven = stamps.length % 2 === 0;
  const many = `${stamps.length} distinct stamps${isEven ? ", an even number: one is missing" : ""}`;
  if (broken.length === 0)
    return `${many}, and their pattern does not tell which, the last off or any other; on and off are swapped from there on`;
  const places = broken.map(({ stretch, missing, kind }) => {
    const [from, to] = [stretch, stretch + 1].map((i) =>
      (Number(valueAt(stamps, i) - valueAt(stamps, 0)) / 1e9).toFixed(3),
    );
    const between = `between ${from} and ${to} s after the first`;
    if (missing === 1) return `the ${kind === "on" ? "off" : "on"} ${between}`;
    return `an ${kind === "on" ? "off and the next on" : "on and its off"} ${between}`;
  });
  const spans = broken.some((b) => b.missing === 2 && b.kind === "on");
  return `${many}, by the pattern of all others ${isEven ? "" : "there are missing "}${places.join(", ")}: ${
    spans
      ? "a window there spans two loads and the pause between"
      : broken.length === 1
        ? "that load has no window"
        : "those loads have no window"
  }`;
}

/** Where stamps are missing, if all other stretches are alike; else none. */
function brokenStretches(stamps: readonly Instant<"host">[]): Broken[] {
  const steps = [...neighbours(stamps)].map(([from, to], at) => ({ at, ns: Number(to - from) }));
  // From the last off to the end of the recording may be any time.
  steps.pop();
  const longest = steps.toSorted((a, b) => b.ns - a.ns);
  for (let n = 2 - (stamps.length % 2 === 0 ? 1 : 0); n <= MOST_MISSING; n += 2) {
    const apart = asBroken(steps, longest.slice(0, n), 1);
    if (apart) return apart;
    const together = n % 2 === 0 ? asBroken(steps, longest.slice(0, n / 2), 2) : undefined;
    if (together) return together;
  }
  return [];
}

/** From one stamp to the next, the `at`th of all. */
interface Step {
  readonly at: number;
  readonly ns: number;
}

/** The steps `merged` as broken ones, `missing` stamps each, if all others then make a pattern that says so. */
function asBroken(
  steps: readonly Step[],
  merged: readonly Step[],
  missing: 1 | 2,
): Broken[] | undefined {
  const kindOf = ({ at }: Step): "on" | "off" =>
    (at + missing * merged.filter((b) => b.at < at).length) % 2 === 0 ? "on" : "off";
  const whole = steps.filter((s) => !merged.includes(s));
  const lengths = (kind: "on" | "off"): number[] =>
    whole.filter((s) => kindOf(s) === kind).map((s) => s.ns);
  const [on, off] = [lengths("on"), lengths("off")];
  if (on.length < LEAST_STRETCHES || off.length < LEAST_STRETCHES) return undefined;
  const typical = { on: upperMedian(on) ?? NaN, off: upperMedian(off) ?? NaN };
  const alike = (ns: number, as: number): boolean => Math.abs(ns - as) <= ALIKE * as;
  const isPattern = whole.every((s) => alike(s.ns, typical[kindOf(s)]));
  const once = typical.on + typical.off;
  const isMerged = merged.every((b) =>
    alike(b.ns, missing === 1 ? once : once + typical[kindOf(b)]),
  );
  const shortest = leastOf(merged.map((b) => b.ns));
  const standOut = whole.every((s) => (1 + ALIKE) * s.ns < shortest);
  if (!isPattern || !isMerged || !standOut) return undefined;
  return merged
    .map((b): Broken => ({ stretch: b.at, missing, kind: kindOf(b) }))
    .sort((a, b) => a.stretch - b.stretch);
}
