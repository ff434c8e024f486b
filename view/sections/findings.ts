// Everything that is not as it should be, in words: gaps, clipping, missing edges, failed reads, warnings.

import type { ClockFit } from "../documents.ts";
import { count, quantity, share } from "../format.ts";
import { type Html, html } from "../html.ts";
import { Flag, flagged } from "../notices.ts";
import type { ReportModel } from "../report-model.ts";
import type { Trace } from "../trace.ts";

export interface Finding {
  readonly grade: "loss" | "warn" | "note";
  readonly text: string;
}

/** In the order of the data's way; what two files say in the same words is said once. */
export function findings(m: ReportModel): Finding[] {
  const all: Finding[] = [
    ...m.logChanges.map((text) => ({ grade: "loss", text }) as const),
    ...m.missing.map((text) => ({ grade: "warn", text }) as const),
    ...(m.trace ? traceFindings(m.trace) : []),
    ...m.clocks.flatMap(clockFindings),
    ...m.channels
      .filter((c) => c.failed > 0)
      .map(
        (c) =>
          ({
            grade: "warn",
            text: `${c.name}: ${count(c.failed)} of ${count(c.reads, "read")} failed; they count as no value, not as 0.`,
          }) as const,
      ),
    ...(m.comparison?.warnings ?? []).map(
      (text) => ({ grade: "warn", text: String(text) }) as const,
    ),
  ];
  return [...new Map(all.map((f) => [f.text, f])).values()];
}

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
  const all: (Finding | false)[] = [
    gaps > 0 && {
      grade: "loss",
      text: `${count(gaps, "gap")} in the trace, ${quantity(n.gapS, "s", 3)} in all (${share(n.gapS / spanS)} of the run), the longest ${quantity(n.longestGapS, "s", 3)}. The running energy does not grow across them.`,
    },
    clipped > 0 && {
      grade: "loss",
      text: `${rows(clipped)} clipped: the converter was at its limit, so true peaks are higher than drawn and the energy is a lower bound there.`,
    },
    clockOut > 0 && {
      grade: "warn",
      text: `${rows(clockOut)} lie outside the clock fit: their time is extrapolated.`,
    },
    interpolated > 0 && {
      grade: "note",
      text: `${rows(interpolated)} are interpolated onto the requested rate.`,
    },
    t.buckets.backwards > 0 && {
      grade: "warn",
      text: `${rows(t.buckets.backwards)} stand earlier than the row before them; they were held at its time.`,
    },
    edges > 0 && { grade: "note", text: `${count(edges, "trigger edge")} in the trace.` },
  ];
  return all.filter((f): f is Finding => f !== false);
}

function clockFindings(c: ClockFit): Finding[] {
  const name = c.clock ?? "clock";
  const missing = c.edges_missing ?? 0;
  const extra = c.edges_extra ?? 0;
  const all: (Finding | false)[] = [
    missing > 0 && {
      grade: "warn",
      text: `${name}: ${count(missing, "edge")} expected but not seen in the trace; nothing was paired in their place.`,
    },
    extra > 0 && {
      grade: "warn",
      text: `${name}: ${count(extra, "edge")} seen that nobody announced; left unpaired.`,
    },
    ...(c.warnings ?? []).map((text) => ({ grade: "warn", text: `${name}: ${text}` }) as const),
  ];
  return all.filter((f): f is Finding => f !== false);
}

export function findingsSection(m: ReportModel): Html {
  const list = findings(m);
  const body = list.length
    ? html`<ul class="findings">
        ${list.map((f) => html`<li class="${f.grade}"><b>${{ loss: "Loss", warn: "Warning", note: "Note" }[f.grade]}</b><span>${f.text}</span></li>`)}
      </ul>`
    : html`<p class="empty good">
        No gaps, no clipped samples, no missing edges, no failed reads, no warnings.
      </p>`;
  return html`<section id="findings">
    <h2>Gaps, losses and warnings</h2>
    ${body}
  </section>`;
}
