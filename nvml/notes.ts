// The sampler's report in words, as notes of the capture log: how each grid kept its schedule, what
// failed, what was missing. A loss note makes commands exit 3.

import type { Note } from "../schema/records.ts";
import type { SampledGrid, SamplerReport } from "./sampler.ts";

export function samplerNotes(report: SamplerReport): Note[] {
  return report.grids.flatMap(gridNotes);
}

function gridNotes(sampled: SampledGrid): Note[] {
  const prefix = `telemetry grid ${sampled.name} (${sampled.description})`;
  if (!sampled.poll) {
    const failure = `${prefix} failed: ${sampled.failure ?? "unknown"}; its figures are lost`;
    return [{ level: "loss", text: failure }];
  }
  const { grid, reads, failed } = sampled.poll;
  const { lateness, gaps, dropped } = grid;
  const kept =
    `${prefix}: ${grid.scheduling}, ${grid.continuity}, ${sampled.schedulerClass}; ` +
    `period ${ms(grid.periodNs)}, ${grid.ticks} ticks, median dt ${ms(grid.dt.medianNs)}; ` +
    `lateness median ${ms(lateness.medianNs)}, p99 ${ms(lateness.p99Ns)}, worst ${ms(lateness.worstNs)}`;
  const notes: Note[] = [{ level: "info", text: kept }];
  if (dropped > 0) {
    const { medianNs, worstNs } = grid.work;
    const reads = `a tick's reads took ${ms(medianNs)} in the median, ${ms(worstNs)} at most`;
    notes.push(warning(`${prefix}: ${dropped} ticks dropped; ${reads}`, dropped));
  }
  if (gaps.count > 0)
    notes.push(warning(`${prefix}: ${gaps.count} gaps, longest ${ms(gaps.longestNs)}`, gaps.count));
  failed.forEach((count, c) => {
    if (count > 0)
      notes.push(warning(`${sampled.channels[c]!}: ${count} of ${reads[c]!} reads failed`, count));
  });
  return notes;
}

function warning(text: string, count: number): Note {
  return { level: "warning", text, count };
}

function ms(ns: number): string {
  return `${(ns / 1e6).toPrecision(3)} ms`;
}
