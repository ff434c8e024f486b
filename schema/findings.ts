// What the reader of a run must know, as values: made where it is known, carried as they are, turned into words by
// whoever prints. docs/reference.md ("Findings") says what each code means and what to do.
// Holds: a code has one level, whatever its text; a text is for people, and nobody reads it to know what it means.

/**
 * `loss`: something that was, or should have been, recorded is not in the figures. `doubt`: figures may be wrong by
 * more than they state. Both: exit 3. `remark`: worth knowing.
 */
export const LEVELS = ["loss", "doubt", "remark"] as const;
export type Level = (typeof LEVELS)[number];

/** Every code, and its level. Codes are part of the outside: added, never renamed. */
export const FINDINGS = {
  // the log
  "log-damaged": "loss",
  "noted-loss": "loss",
  "noted-warning": "remark",
  "log-changed": "loss",
  "file-missing": "doubt",
  "file-spoiled": "doubt",
  "result-not-kept": "doubt",
  // the physical trace
  "no-physical-trace": "doubt",
  "rows-missing": "loss",
  "time-gaps": "loss",
  "rows-clipped": "loss",
  "rows-not-numbers": "loss",
  "rows-implausible": "loss",
  "rows-zeroed": "loss",
  "rows-reversed": "loss",
  "rows-backwards": "loss",
  "rows-outside-clock": "doubt",
  "rows-interpolated": "remark",
  "row-rate-off": "doubt",
  // marks, edges and windows
  "marks-unpaired": "loss",
  "marks-unplaced": "loss",
  "marks-without-edge": "doubt",
  "edges-without-mark": "doubt",
  "edges-missing": "doubt",
  "edges-extra": "doubt",
  "edges-outside": "doubt",
  "edges-seen": "remark",
  "window-edge-missing": "doubt",
  "window-clipped": "doubt",
  "window-across-restart": "doubt",
  "window-unobserved": "doubt",
  "window-undersampled": "doubt",
  "windows-doubtful": "doubt",
  "windows-too-short": "remark",
  "published-differs": "doubt",
  // clocks
  "wall-clock-stepped": "doubt",
  "machine-slept": "loss",
  "device-restarted": "doubt",
  "clock-by-stamp": "doubt",
  "clock-by-arrival": "doubt",
  "clock-rate-off-rig": "doubt",
  "clock-start-off-rig": "doubt",
  "edges-ambiguous": "doubt",
  "edges-unmatched": "doubt",
  "edges-uncertain": "doubt",
  "edges-contradict": "doubt",
  "load-unmatched": "doubt",
  // the rig and its references
  "calibration-assumed": "remark",
  "sensor-oversampled": "remark",
  "rows-undersampled": "remark",
  "rail-unmeasured": "remark",
  "rail-reversed": "doubt",
  "rail-cut-off": "doubt",
  "rail-stuck": "doubt",
  "rail-silent": "remark",
  "rail-burst": "remark",
  "rail-spike": "doubt",
  "zero-off": "remark",
  "skew-differs": "remark",
  "reference-too-few": "doubt",
  "reference-contradicts": "doubt",
  "reference-drift": "doubt",
  // telemetry
  "reads-failed": "doubt",
  "reads-backwards": "doubt",
  "reads-implausible": "doubt",
  "reads-misplaced": "loss",
  "counter-fell": "loss",
  "counter-leapt": "loss",
  "counter-stood-still": "doubt",
  "counter-turns-unseen": "doubt",
  "channel-silent": "loss",
  "channel-unsupported": "remark",
  "channel-gappy": "doubt",
  "channel-ended": "loss",
  "channel-elsewhere": "doubt",
  "lag-impossible": "doubt",
  "rails-unassigned": "doubt",
  "claims-elsewhere": "remark",
  "claims-agree": "remark",
  "rails-contradicted": "doubt",
  // CUDA kernels
  "cuda-not-loaded": "doubt",
  "cuda-refused": "loss",
  "cuda-unfinished": "loss",
  "cuda-dropped": "loss",
  "cuda-untimed": "loss",
  "cuda-misdated": "loss",
  "cuda-ranges-open": "loss",
  "cuda-launches-alone": "loss",
  "cuda-not-in-log": "loss",
  "kernels-unbounded": "doubt",
  "kernels-early": "doubt",
  "kernels-gate-contradicts": "doubt",
  "kernels-without-end": "loss",
  "kernels-unresolved": "remark",
  "gpu-clock-contradicts": "doubt",
  "cupti-clock-contradicts": "doubt",
  // folded waveforms
  "fold-below-response": "remark",
  "fold-steps-empty": "remark",
  "fold-crowded": "remark",
  "fold-smeared": "remark",
  // exports
  "export-stale": "doubt",
  "export-rows-thinned": "loss",
  "export-streams-left-out": "loss",
  // a recording
  "telemetry-grid-failed": "loss",
  "marks-failed": "loss",
  "mark-ring-unopened": "remark",
  "trigger-failed": "doubt",
  "live-page-failed": "doubt",
  "terminal-gone": "doubt",
  "output-unread": "doubt",
  "log-moved": "doubt",
  "log-refused": "doubt",
  "recorder-fault": "doubt",
} as const satisfies Readonly<Record<string, Level>>;

export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
  readonly code: FindingCode;
  readonly level: Level;
  /** What it is about: a channel, a clock, a window, a rig, `capture log`, … */
  readonly subject: string;
  /** One line, complete without the other fields. */
  readonly text: string;
  /** How often: rows, reads, edges, windows, … as the code says; 1 where it is not counted. */
  readonly count: number;
}

/** A finding whose subject its maker does not know: a fit knows no clock's name. */
export type Observation = Omit<Finding, "subject">;

export const observed = (code: FindingCode, text: string, count = 1): Observation => ({
  code,
  level: FINDINGS[code],
  text,
  count,
});

export const finding = (
  code: FindingCode,
  subject: string,
  text: string,
  count?: number,
): Finding => about(subject, observed(code, text, count));

/** What happened `n` times, if it happened at all. */
export const counted = (code: FindingCode, n: number, text: string): Observation[] =>
  n > 0 ? [observed(code, text, n)] : [];

/** @param lead goes before the text. */
export const about = (subject: string, { code, level, text, count }: Observation, lead = "") => ({
  ...{ code, level, subject },
  text: lead + text,
  count,
});

/** Observations of one subject. @param lead goes before each text. */
export const allAbout = (subject: string, seen: readonly Observation[], lead?: string): Finding[] =>
  seen.map((o) => about(subject, o, lead));

/** Something was lost or is doubtful: exit 3. */
export const degrades = (findings: readonly Pick<Finding, "level">[]): boolean =>
  findings.some((f) => f.level !== "remark");

export const textsOf = (findings: readonly Pick<Finding, "text">[]): string[] =>
  findings.map((f) => f.text);

/** At most so many of one kind; of more, one finding of the last one's code counts the rest. */
export function limited(
  findings: readonly Finding[],
  most: number,
  rest: (more: number) => Pick<Finding, "subject" | "text">,
): Finding[] {
  const more = findings.slice(most);
  const last = more.at(-1);
  if (!last) return [...findings];
  const { subject, text } = rest(more.length);
  const count = more.reduce((n, f) => n + f.count, 0);
  return [...findings.slice(0, most), finding(last.code, subject, text, count)];
}
