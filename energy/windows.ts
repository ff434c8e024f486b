// Marks → windows. Begin and end of one name pair in time order; what does not pair is said, never
// guessed. `load-1`, `load-2`, … and, for a load, `load` from first on to last off; always `session`.

import type { ResolvedMark } from "../align/fit.ts";
import type { SessionNs } from "../schema/time.ts";

export interface Window {
  readonly name: string;
  readonly kind: "mark" | "kernel" | "step" | "session";
  readonly t0Ns: SessionNs;
  readonly t1Ns: SessionNs;
  /** Standard uncertainty of the marks themselves (not of the clock map), ns. */
  readonly u0Ns: number;
  readonly u1Ns: number;
  /** Fields of the begin and end marks. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
  /** Why the window is suspect, if it is. */
  readonly doubt?: string;
}

export interface PairedMarks {
  readonly windows: readonly Window[];
  readonly warnings: readonly string[];
}

/** Marks of these names bracket nothing: they serve the clocks. */
export const SERVICE = new Set(["sync", "lap"]);

export function pairMarks(marks: readonly ResolvedMark[]): PairedMarks {
  const windows: Window[] = [];
  const warnings: string[] = [];
  for (const [name, group] of byName(marks)) {
    const own = pairOne(name, group, warnings);
    windows.push(...own);
    if (name === "load" && own.length > 0) {
      const [first, last] = [own[0]!, own[own.length - 1]!];
      windows.push({ ...first, name: "load", t1Ns: last.t1Ns, u1Ns: last.u1Ns });
    }
  }
  return { windows: windows.sort((a, b) => a.t0Ns - b.t0Ns || b.t1Ns - a.t1Ns), warnings };
}

function byName(marks: readonly ResolvedMark[]): Map<string, ResolvedMark[]> {
  const groups = new Map<string, ResolvedMark[]>();
  for (const m of marks) {
    if (m.mark.phase === "instant" || SERVICE.has(m.mark.name)) continue;
    const g = groups.get(m.mark.name);
    if (g) g.push(m);
    else groups.set(m.mark.name, [m]);
  }
  return groups;
}

/**
 * A begin and an end that name the same span belong together, whatever ran beside them; the rest nests,
 * inner first. Ends without a begin and begins without an end are counted.
 */
function pairOne(name: string, group: readonly ResolvedMark[], warnings: string[]): Window[] {
  const open: ResolvedMark[] = [];
  const found: Window[] = [];
  let strayEnds = 0;
  for (const m of group) {
    if (m.mark.phase === "begin") {
      open.push(m);
      continue;
    }
    const span = m.mark.fields?.["span"];
    const at = open.findLastIndex((b) => b.mark.fields?.["span"] === span);
    const [begin] = at < 0 ? [] : open.splice(at, 1);
    if (begin) found.push(between(begin, m));
    else strayEnds++;
  }
  if (strayEnds > 0) warnings.push(`${strayEnds} ${name} end marks have no begin: ignored`);
  if (open.length > 0) warnings.push(`${open.length} ${name} begin marks have no end: ignored`);
  found.sort((a, b) => a.t0Ns - b.t0Ns);
  return found.map((w, i) => ({ ...w, name: `${name}-${i + 1}` }));
}

function between(begin: ResolvedMark, end: ResolvedMark): Window {
  const lost = [begin, end].filter((m) => m.mark.clock !== "host" && !m.fromEdge);
  return {
    name: "",
    kind: "mark",
    t0Ns: begin.tNs,
    t1Ns: end.tNs,
    u0Ns: begin.uNs,
    u1Ns: end.uNs,
    ...(begin.mark.fields || end.mark.fields
      ? { fields: { ...begin.mark.fields, ...end.mark.fields } }
      : {}),
    ...(lost.length > 0
      ? {
          doubt: `no hardware edge for its ${lost.map((m) => m.mark.phase).join(" and ")}: placed by the ${lost[0]!.mark.clock} clock`,
        }
      : {}),
  };
}
