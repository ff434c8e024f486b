// Marks of inferences, and the edges around each of them → the marks that the log lost. Inferences follow each other,
// and each has two edges: where there are as many pairs of edges as inferences that left a mark, the pair of one that
// lost the other mark says how long it took. Where they are not as many nobody knows which is whose: nothing is added.

import type { Mark } from "../../../schema/records.ts";

const NS_PER_S = 1e9;

/** @param edgesS ascending. @returns the marks with those that were lost, in their places; and how many. */
export function withLost(
  marks: readonly Mark[],
  edgesS: readonly number[],
): { marks: readonly Mark[]; found: number } {
  const events = eventsOf(marks);
  // One more edge, the first, is the monitor's own when it starts.
  const inPairs = edgesS.slice(edgesS.length % 2);
  if (2 * events.length !== inPairs.length) return { marks, found: 0 };
  const before = new Map<Mark, Mark>();
  const behind = new Map<Mark, Mark>();
  events.forEach(({ begin, end }, k) => {
    const took = BigInt(Math.round((inPairs[2 * k + 1]! - inPairs[2 * k]!) * NS_PER_S));
    if (begin && !end) behind.set(begin, { ...bare(begin), phase: "end", t: begin.t + took });
    if (end && !begin) before.set(end, { ...bare(end), phase: "begin", t: end.t - took });
  });
  const all = marks.flatMap((m) => [before.get(m) ?? [], m, behind.get(m) ?? []].flat());
  return { marks: all, found: before.size + behind.size };
}

const bare = ({ name, clock }: Mark): Pick<Mark, "name" | "clock"> => ({ name, clock });

interface Event {
  readonly begin?: Mark;
  end?: Mark;
}

/** What was begun or ended, in the order of the log. */
function eventsOf(marks: readonly Mark[]): readonly Event[] {
  const events: Event[] = [];
  for (const m of marks) {
    const open = events.at(-1);
    if (m.phase === "begin") events.push({ begin: m });
    else if (m.phase === "end" && open?.begin && !open.end) open.end = m;
    else if (m.phase === "end") events.push({ end: m });
  }
  return events;
}
