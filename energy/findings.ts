// Everything about a run that its reader must know: losses and doubts first, then remarks.

import type { SessionClocks } from "../align/clocks/fit.ts";
import { isTraced, type Scan } from "../align/scanned.ts";
import type { TimelineCounts } from "../align/timeline.ts";
import {
  about,
  allAbout,
  counted,
  type Finding,
  finding,
  type FindingCode,
  limited,
  type Observation,
} from "../schema/findings.ts";
import type { Note } from "../schema/records.ts";
import type { Claimed } from "./claimed.ts";
import type { Doubts } from "./doubts.ts";
import {
  clockDoubts,
  edgesOutside,
  strangeRate,
  unplacedMarks,
  wallClockSteps,
} from "./findings/clocks.ts";
import { type Agreement, againstRails } from "./findings/agreement.ts";
import { cutOff, leftOut, oddLoads, zeroed } from "./findings/rows.ts";
import { outOfScope } from "./findings/scope.ts";
import {
  contradictsPublished,
  reversedRails,
  rigRemarks,
  tooShort,
  unresolved,
} from "./findings/rig.ts";
import {
  clockSets,
  implausible,
  impossibleLags,
  interrupted,
  silentChannels,
  strangers,
  thinTelemetry,
  unsteady,
} from "./findings/telemetry.ts";
import { restingOffZero } from "./findings/zeros.ts";
import type { RailMean } from "./physical.ts";
import type { WindowResult } from "./result.ts";
import type { WindowList } from "./windows.ts";

/** What findings are made from; what is absent was not looked at. */
export interface Known {
  readonly scan: Scan;
  readonly clocks: SessionClocks;
  readonly counts?: TimelineCounts | null;
  readonly railMeans?: readonly RailMean[];
  /** Marks that do not pair; kernels. */
  readonly pairing?: readonly Finding[];
  readonly results?: readonly WindowResult[];
  readonly claimed?: Pick<Claimed, "lags" | "misplaced" | "readings" | "channels" | "scope">;
  readonly list?: WindowList;
  readonly doubts?: Doubts;
  /** Claims that agree against the rails, and aliasing does not explain it. */
  readonly agreement?: Agreement | null;
}

export function findingsOf(known: Known): Finding[] {
  const { scan, clocks, pairing = [], results = [], list, doubts } = known;
  return [
    ...damagesOf(scan),
    ...notesOf(scan, "loss"),
    ...limited(pairing, MOST_LINES, (n) => ({
      subject: "marks",
      text: `${n} more remarks on marks that do not pair`,
    })),
    ...wallClockSteps(scan),
    ...losses(scan, known.counts ?? null),
    ...cutOff(scan),
    ...oddLoads(scan).filter((f) => f.level !== "remark"),
    ...(scan.rig ? reversedRails(scan.rig, known.railMeans ?? []) : []),
    ...edgesOutside(scan),
    ...strangeRate(scan, clocks),
    ...clockDoubts(clocks),
    ...scan.disciplines.flatMap((d) => d.findings),
    ...unplacedMarks(scan, clocks),
    ...scan.telemetry.flatMap(unsteady),
    ...(known.claimed?.readings ?? []).flatMap(implausible),
    ...(known.claimed ? interrupted(known.claimed.channels) : []),
    ...clockSets(known.claimed?.misplaced ?? []),
    ...allAbout("windows", doubts?.everywhere ?? [], "every window: "),
    ...(list && doubts ? doubtful(list, doubts) : []),
    ...(scan.stream ? [] : [VOID]),
    ...(known.claimed ? strangers(known.claimed.channels, results) : []),
    ...thinTelemetry(results),
    ...impossibleLags(known.claimed?.lags ?? []),
    ...contradictsPublished(scan, results, pairing),
    ...silentChannels(scan, "channel-silent"),
    ...(known.agreement ? againstRails(known.agreement) : []),
    ...(scan.stream && known.claimed ? outOfScope(known.claimed.scope) : []),
    ...silentChannels(scan, "channel-unsupported"),
    ...notesOf(scan, "warning"),
    ...scan.findings,
    ...(scan.rig ? [...rigRemarks(scan.rig), ...(list ? tooShort(scan.rig, list) : [])] : []),
    ...oddLoads(scan).filter((f) => f.level === "remark"),
    ...(isTraced(scan) ? restingOffZero(scan.rig, scan.stream, known.railMeans ?? []) : []),
    ...unresolved(results),
  ];
}

const VOID = finding(
  "no-physical-trace",
  "run",
  "this run holds no physical trace: no claim in it has been checked against a shunt",
);

const LOG = "capture log";
const NOTED = {
  loss: ["noted-loss", "losses noted in the log"],
  warning: ["noted-warning", "warnings noted in the log"],
} as const satisfies Partial<Record<Note["level"], readonly [FindingCode, string]>>;

function notesOf(scan: Scan, level: keyof typeof NOTED): Finding[] {
  const [code, what] = NOTED[level];
  const found = scan.notes.flatMap((n) =>
    n.level === level ? [finding(code, LOG, n.text, n.count)] : [],
  );
  return limited(found, MOST_LINES, (n) => ({ subject: LOG, text: `${n} more ${what}` }));
}

/** Findings about one window, mark or note each; of more, one says how many there are. */
const MOST_LINES = 100;

function doubtful(list: WindowList, doubts: Doubts): Finding[] {
  const out: Finding[] = [];
  let more = 0;
  for (const w of list) {
    const reasons = doubts.of(w);
    if (out.length < MOST_LINES)
      for (const r of reasons) out.push(about(w.name, r, `window ${w.name}: `));
    else if (reasons.length > 0) more++;
  }
  if (more === 0) return out;
  const text = `${more} more windows are in doubt: events.arrow says why`;
  return [...out, finding("windows-doubtful", "windows", text, more)];
}

/** One for each kind of damage, however often it occurs. */
function damagesOf(scan: Scan): Finding[] {
  const kinds = new Map<string, { count: number; offset: number; bytes: number }>();
  for (const d of scan.damages) {
    const same = kinds.get(d.text);
    if (same) kinds.set(d.text, { ...same, count: same.count + 1, bytes: same.bytes + d.bytes });
    else kinds.set(d.text, { count: 1, offset: d.offset, bytes: d.bytes });
  }
  return [...kinds].map(([text, { count, offset, bytes }]) =>
    finding(
      "log-damaged",
      LOG,
      `capture log: ${text} (${count > 1 ? `${count} times, first at ` : ""}offset ${offset}, ${bytes} bytes)`,
      count,
    ),
  );
}

const gapsOf = (n: number): string => (n === 1 ? "1 gap" : `${n} gaps`);

function losses({ stream }: Scan, counts: TimelineCounts | null): Finding[] {
  const { missingRows: missing = 0, gaps = 0 } = stream ?? {};
  return allAbout("DAQ stream", [
    ...counted(
      "rows-missing",
      missing,
      `${missing} rows of the DAQ stream are missing, in ${gapsOf(gaps)}`,
    ),
    ...(counts ? inTime(counts, gaps) : []),
  ]);
}

function inTime(counts: TimelineCounts, known: number): Observation[] {
  const { clipped, notNumbers, backwards, gaps, implausible, dropped } = counts;
  return [
    ...counted(
      "time-gaps",
      gaps - known,
      `${gapsOf(gaps - known)} in the times of the DAQ stream's rows, bridged by straight lines`,
    ),
    ...counted(
      "rows-clipped",
      clipped,
      `${clipped} rows have a clipped channel: their power is a lower bound`,
    ),
    ...counted(
      "rows-not-numbers",
      notNumbers,
      `${notNumbers} rows hold no number and were left out`,
    ),
    ...implausible.flatMap(leftOut),
    ...dropped.flatMap(zeroed),
    ...counted(
      "rows-backwards",
      backwards,
      `${backwards} rows do not advance in time and were left out`,
    ),
  ];
}
