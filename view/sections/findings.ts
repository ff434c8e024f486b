// Everything that is not as it should be, in words: gaps, clipping, missing edges, failed reads, warnings.

import {
  allAbout,
  counted,
  type Finding,
  finding,
  type FindingCode,
  type Level,
} from "../../schema/findings.ts";
import type { ClockFit } from "../documents.ts";
import { count, quantity, share } from "../format.ts";
import { type Html, html } from "../html.ts";
import { Flag, flagged } from "../notices.ts";
import type { ReportModel } from "../report-model.ts";
import type { Channel } from "../telemetry.ts";
import type { Trace } from "../trace.ts";

/** What the page says of a finding. A compare.json of an earlier truejoule has texts alone. */
type Shown = Pick<Finding, "level" | "text"> & {
  readonly code?: string;
  readonly subject?: string;
  readonly count?: number;
};

/** In the order of the data's way; what compare.json says of a clock is not said again for align.json. */
export function findings(m: ReportModel): Shown[] {
  const compared = saidIn(m.comparison, "");
  const said = new Set(compared.map(keyOf));
  const all: Shown[] = [
    ...m.logChanges.map((text) => finding("log-changed", "capture log", text)),
    ...m.missing,
    ...(m.trace ? traceFindings(m.trace) : []),
    ...m.clocks.flatMap(clockFindings).filter((f) => f.code === undefined || !said.has(keyOf(f))),
    ...m.channels.filter((c) => c.failed > 0).map(failedReads),
    ...compared,
  ];
  return [...new Map(all.map((f) => [f.text, f])).values()];
}

const keyOf = ({ code, subject }: Shown): string => `${code} ${subject}`;

interface Said {
  readonly findings?: readonly Shown[];
  readonly warnings?: readonly string[];
}

/** @param lead names the subject, where the texts do not. */
function saidIn(of: Said | null, lead: string): Shown[] {
  const said: readonly Shown[] =
    of?.findings ?? of?.warnings?.map((text) => ({ level: "doubt", text })) ?? [];
  return said.map((f) => ({ ...f, text: lead + f.text }));
}

const failedReads = ({ name, failed, reads }: Channel): Finding =>
  finding(
    "reads-failed",
    name,
    `${name}: ${count(failed)} of ${count(reads, "read")} failed; they count as no value, not as 0.`,
    failed,
  );

function traceFindings(t: Trace): Finding[] {
  const n = t.notices;
  const [gaps, clipped, clockOut, interpolated, edges] = [
    Flag.gap,
    Flag.clipped,
    Flag.clock,
    Flag.interpolated,
    Flag.edge,
  ].map((f) => flagged(n, f)) as [number, number, number, number, number];
  const spanS = (t.buckets.last.tNs - t.buckets.startNs) * 1e-9;
  const rows = (k: number): string => `${count(k, "row")} of ${count(t.buckets.total)}`;
  return allAbout("fused.arrow", [
    ...counted(
      "time-gaps",
      gaps,
      `${count(gaps, "gap")} in the trace, ${quantity(n.gapS, "s", 3)} in all (${share(n.gapS / spanS)} of the run), the longest ${quantity(n.longestGapS, "s", 3)}. The running energy does not grow across them.`,
    ),
    ...counted(
      "rows-clipped",
      clipped,
      `${rows(clipped)} clipped: the converter was at its limit, so true peaks are higher than drawn and the energy is a lower bound there.`,
    ),
    ...counted(
      "rows-outside-clock",
      clockOut,
      `${rows(clockOut)} lie outside the clock fit: their time is extrapolated.`,
    ),
    ...counted(
      "rows-interpolated",
      interpolated,
      `${rows(interpolated)} are interpolated onto the requested rate.`,
    ),
    ...counted(
      "rows-backwards",
      t.buckets.backwards,
      `${rows(t.buckets.backwards)} are earlier than the row before them; they are kept at its time.`,
    ),
    ...counted("edges-seen", edges, `${count(edges, "trigger edge")} in the trace.`),
  ]);
}

function clockFindings(c: ClockFit): Shown[] {
  const { clock: name } = c;
  const edges = (code: FindingCode, n: number, text: string) =>
    counted(code, n, `${count(n, "edge")} ${text}`);
  const seen = [
    ...edges(
      "edges-missing",
      c.edges_missing,
      "expected but not seen in the trace; nothing was paired in their place.",
    ),
    ...edges("edges-extra", c.edges_extra, "seen that no mark announces; left unpaired."),
  ];
  return [...allAbout(name, seen, `${name}: `), ...saidIn(c, `${name}: `)];
}

/** Its class in the page's style sheet, and its word. */
const SHOWN_AS: Readonly<Record<Level, readonly [string, string]>> = {
  loss: ["loss", "Loss"],
  doubt: ["warn", "Warning"],
  remark: ["note", "Note"],
};

function item({ level, code, text, count: n }: Shown): Html {
  const [kind, word] = SHOWN_AS[level];
  return html`<li class="${kind}" data-code="${code ?? ""}" data-count="${n ?? 1}">
    <b>${word}</b><span>${text}</span>
  </li>`;
}

export function findingsSection(m: ReportModel): Html {
  const list = findings(m);
  const body = list.length
    ? html`<ul class="findings">
        ${list.map(item)}
      </ul>`
    : html`<p class="empty good">
        No gaps, no clipped samples, no missing edges, no failed reads, no warnings.
      </p>`;
  return html`<section id="findings">
    <h2>Gaps, losses and warnings</h2>
    ${body}
  </section>`;
}
