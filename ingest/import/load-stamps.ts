// Stamps of one benchmark's load → marks. They alternate on, off, on, off; the last is the end of the recording,
// so there is an odd number of them. Where one is missing, on and off would be swapped from there on: if all
// other stretches are alike, the one that is an on and an off together says where it was.

import type { Mark, Note } from "../../schema/records.ts";
import type { Instant } from "../../schema/time.ts";

/** Stretches of one kind that differ by no more are one pattern; 10 % is the most in captures seen. */
const ALIKE = 0.25;
/** Fewer on or off stretches make no pattern. */
const LEAST_STRETCHES = 4;

/** @param stamps ascending, no two alike. */
export function loadMarks(stamps: readonly Instant<"host">[], path: string, notes: Note[]): Mark[] {
  const last = stamps.length - 1;
  const isEven = stamps.length > 0 && stamps.length % 2 === 0;
  const broken = isEven ? brokenStretch(stamps) : undefined;
  if (isEven) notes.push({ level: "warning", text: `${path}: ${told(stamps, broken)}` });
  // Before the break they count from the first, after it from the end.
  const swapped = (i: number): number => (broken !== undefined && i > broken ? 1 : 0);
  return stamps.map((t, i) =>
    i === last
      ? { name: "recording_end", phase: "instant", clock: "host", t }
      : { name: "load", phase: (i + swapped(i)) % 2 === 0 ? "begin" : "end", clock: "host", t },
  );
}

function told(stamps: readonly Instant<"host">[], broken: number | undefined): string {
  const many = `${stamps.length} distinct stamps, an even number: one is missing`;
  if (broken === undefined)
    return `${many}, and their pattern does not tell which, the last off or any other; on and off are swapped from there on`;
  const [from, to] = [broken, broken + 1].map((i) =>
    (Number(stamps[i]! - stamps[0]!) / 1e9).toFixed(3),
  );
  return `${many}, by the pattern of all others the ${broken % 2 === 0 ? "off" : "on"} between ${from} and ${to} s after the first: that load has no window`;
}

/** The stretch, by its first stamp, that is an on and an off in one, if all others are alike; else undefined. */
function brokenStretch(stamps: readonly Instant<"host">[]): number | undefined {
  const steps = stamps.slice(1).map((t, i) => Number(t - stamps[i]!));
  // From the last off to the end of the recording may be any time.
  steps.pop();
  const longest = steps.reduce((most, d, i) => (d > steps[most]! ? i : most), 0);
  const kinds: [number[], number[]] = [[], []];
  steps.forEach((d, i) => i !== longest && kinds[(i + (i > longest ? 1 : 0)) % 2]!.push(d));
  if (kinds.some((k) => k.length < LEAST_STRETCHES)) return undefined;
  const typical = kinds.map((k) => k.sort((a, b) => a - b)[k.length >> 1]!);
  const alike = (d: number, as: number): boolean => Math.abs(d - as) <= ALIKE * as;
  const isPattern = kinds.every((k, i) => k.every((d) => alike(d, typical[i]!)));
  const isBoth = alike(steps[longest]!, typical[0]! + typical[1]!);
  const standsOut = kinds.flat().every((d) => (1 + ALIKE) * d < steps[longest]!);
  return isPattern && isBoth && standsOut ? longest : undefined;
}
