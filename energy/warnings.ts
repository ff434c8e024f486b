// Everything about a run that its reader must know, in words, and whether it is degraded: a loss or a
// doubt about the figures, as against a remark on them.

import type { SessionClocks } from "../align/clocks/fit.ts";
import type { Misplaced } from "./claims/clock-sets.ts";
import type { Lag } from "./claims/lag.ts";
import type { Scan } from "../align/scanned.ts";
import type { TimelineCounts } from "../align/timeline.ts";
import type { Note } from "../schema/records.ts";
import type { WindowResult } from "./result.ts";
import type { Doubts } from "./doubts.ts";
import type { WindowList } from "./windows.ts";
import { append } from "../schema/lists.ts";
import {
  clockSets,
  implausible,
  impossibleLags,
  silentChannels,
  strangers,
  thinTelemetry,
  unsteady,
} from "./findings/telemetry.ts";
import {
  clockDoubts,
  edgesOutside,
  strangeRate,
  unplacedMarks,
  wallClockSteps,
} from "./findings/clocks.ts";
import { contradictsPublished, rigRemarks, tooShort, unresolved } from "./findings/rig.ts";

export interface Told {
  readonly warnings: readonly string[];
  readonly degraded: boolean;
}

export function warningsOf(
  scan: Scan,
  clocks: SessionClocks,
  counts: TimelineCounts | null,
  pairing: readonly string[],
  results: readonly WindowResult[],
  lags: readonly Lag[],
  misplaced: readonly Misplaced[],
  all?: { readonly list: WindowList; readonly doubts: Doubts },
): Told {
  const serious = [
    ...damagesOf(scan),
    ...some(notesOf(scan, "loss"), "losses noted in the log"),
    ...some(pairing, "remarks on marks that do not pair"),
    ...wallClockSteps(scan),
    ...losses(scan, counts),
    ...edgesOutside(scan),
    ...strangeRate(scan, clocks),
    ...clockDoubts(clocks),
    ...scan.disciplines.flatMap((d) => d.warnings),
    ...unplacedMarks(scan, clocks),
    ...scan.telemetry.flatMap(unsteady),
    ...scan.telemetry.flatMap(implausible),
    ...clockSets(misplaced),
    ...(all ? doubtful(all) : []),
  ];
  if (!scan.stream)
    serious.push(
      "this run holds no physical trace: every claim from it is void until a shunt has seen it",
    );
  append(serious, [
    ...strangers(scan, results),
    ...thinTelemetry(results),
    ...impossibleLags(lags),
    ...contradictsPublished(scan, results),
    ...silentChannels(scan, false),
  ]);
  const remarks = [
    ...silentChannels(scan, true),
    ...some(notesOf(scan, "warning"), "warnings noted in the log"),
    ...scan.remarks,
    ...(scan.rig ? [...rigRemarks(scan.rig), ...(all ? tooShort(scan.rig, all.list) : [])] : []),
    ...unresolved(results),
  ];
  return { warnings: [...serious, ...remarks], degraded: serious.length > 0 };
}

const notesOf = (scan: Scan, level: Note["level"]): string[] =>
  scan.notes.flatMap((n) => (n.level === level ? [n.text] : []));

/** @param what the rest is, in words. */
function some(lines: readonly string[], what: string): string[] {
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...lines.slice(0, MOST_LINES), `${more} more ${what}`] : [...lines];
}

/** Lines about one window each; of more, a sentence says how many there are. */
const MOST_LINES = 100;

function doubtful({ list, doubts }: { list: WindowList; doubts: Doubts }): string[] {
  const out: string[] = [];
  let more = 0;
  for (const w of list) {
    const doubt = doubts.of(w);
    if (doubt === undefined) continue;
    if (out.length < MOST_LINES) out.push(`window ${w.name}: ${doubt}`);
    else more++;
  }
  return more > 0 ? [...out, `${more} more windows are in doubt: events.arrow says why`] : out;
}

/** One line for each kind of damage, however often it occurs. */
function damagesOf(scan: Scan): string[] {
  const kinds = new Map<string, { count: number; offset: number; bytes: number }>();
  for (const d of scan.damages) {
    const same = kinds.get(d.text);
    if (same) kinds.set(d.text, { ...same, count: same.count + 1, bytes: same.bytes + d.bytes });
    else kinds.set(d.text, { count: 1, offset: d.offset, bytes: d.bytes });
  }
  return [...kinds].map(
    ([text, { count, offset, bytes }]) =>
      `capture log: ${text} (${count > 1 ? `${count} times, first at ` : ""}offset ${offset}, ${bytes} bytes)`,
  );
}

function losses(scan: Scan, counts: TimelineCounts | null): string[] {
  const out: string[] = [];
  if (scan.stream && scan.stream.missingRows > 0)
    out.push(
      `${scan.stream.missingRows} rows of the DAQ stream are missing, in ${scan.stream.gaps} gaps`,
    );
  if (!counts) return out;
  const invisible = counts.gaps - (scan.stream?.gaps ?? 0);
  if (invisible > 0) out.push(`${invisible} gaps in the DAQ stream's own time`);
  if (counts.clipped > 0)
    out.push(`${counts.clipped} rows have a clipped channel: their power is a lower bound`);
  if (counts.notNumbers > 0) out.push(`${counts.notNumbers} rows hold no number and were left out`);
  if (counts.backwards > 0)
    out.push(`${counts.backwards} rows do not advance in time and were left out`);
  return out;
}
