// The trigger line: the host raises it at submit and lowers it when the work is done; the DAQ samples
// it with every row. In: spans, a seed, faults. Out: `sync` marks (what the host knows) and the edges as
// the DAQ sees them. Holds: a lost edge takes its partner along (a pulse that was never sampled), a
// bounce or a stray pulse adds two, so the line's level is always what its edges say.

import { append } from "../../schema/lists.ts";
import { type Random, random } from "../../stats/random.ts";
import type { Faults } from "./faults.ts";
import type { Span } from "./schedule.ts";

/** What the host stamped around one change of the line: it happened within ±halfNs of tNs. */
export interface SyncStamp {
  readonly tNs: number;
  readonly halfNs: number;
  readonly level: 0 | 1;
}

/** What the host program does: its spans, and how it drives the trigger line. */
export interface HostWork {
  readonly seed: number;
  readonly spans: readonly Span[];
  readonly stamps: readonly SyncStamp[];
}

export interface TriggerLine {
  readonly stamps: readonly SyncStamp[];
  /** Changes as they reach the DAQ, ascending session ns; the line is low before the first. */
  readonly edgesNs: Float64Array;
  readonly lost: number;
  readonly extra: number;
}

const US = 1e3;

export function triggerLine(spans: readonly Span[], seed: number, faults: Faults): TriggerLine {
  const r = random(seed, "trigger");
  const fault = random(seed, "trigger faults");
  const stamps: SyncStamp[] = [];
  const edges: number[] = [];
  let [lost, extra] = [0, 0];
  // Where between the host's two clock reads the line moves is much the same each time: no number of edges
  // averages it away.
  const place = 0.8 * (2 * random(seed, "trigger place").uniform() - 1);
  let earliest = -Infinity;
  for (const span of spans) {
    const pulse = [span.submitNs, span.doneNs].map((t, i) => {
      const wanted = t + (i === 0 ? -r.exponential(4 * US) : r.exponential(8 * US));
      // One host thread drives the line: a change waits for the one before it.
      const tNs = Math.max(wanted, earliest);
      earliest = tNs + 20 * US;
      const halfNs = bracket(r);
      const within = place + 0.2 * (2 * r.uniform() - 1);
      stamps.push({ tNs: tNs + halfNs * within, halfNs, level: i === 0 ? 1 : 0 });
      return tNs;
    });
    if (fault.uniform() < faults.lostEdges) lost += 2;
    else append(edges, pulse);
    if (fault.uniform() < faults.extraEdges) extra += disturb(edges, span, fault);
  }
  return { stamps, edgesNs: Float64Array.from(edges).sort(), lost, extra };
}

/** Half of an ioctl's duration: the two clock reads and the call between them. */
const bracket = (r: Random): number => (6 * US + r.exponential(4 * US)) / 2;

/** Adds a bounce after the rising edge, or a stray pulse in the gap after the span. Returns edges added. */
function disturb(edges: number[], span: Span, r: Random): number {
  const bounce = r.uniform() < 0.5;
  const at = bounce ? span.submitNs + 30 * US : span.doneNs + 200 * US + r.exponential(200 * US);
  edges.push(at, at + 25 * US + r.exponential(20 * US));
  return 2;
}
