// What went wrong beside the measurement: the live page, marks, the terminal, a telemetry worker. In: findings,
// as they happen. Out: a note of the log at the first of a code and subject, one with the count of the rest at the
// end. Holds: a fault is reported and counted, never thrown; of each no more is kept than its first and a count.

import { type Finding, finding, type FindingCode, type Level } from "../schema/findings.ts";
import type { Note } from "../schema/records.ts";

/** How the log notes a finding. */
const NOTED: Readonly<Record<Level, Note["level"]>> = {
  loss: "loss",
  doubt: "warning",
  remark: "info",
};

const FAULTS: Readonly<Record<string, FindingCode>> = {
  marks: "marks-failed",
  "live page": "live-page-failed",
  log: "log-refused",
};

/** Of work that threw. @param subject `live page`, `marks`, `telemetry`, … */
export const faultOf = (subject: string, error: unknown): Finding =>
  finding(FAULTS[subject] ?? "recorder-fault", subject, (error as Error).message);

export class Findings {
  readonly #tell: (level: Note["level"], text: string, count?: number) => void;
  readonly #first = new Map<string, { readonly first: Finding; count: number }>();

  constructor(tell: (level: Note["level"], text: string, count?: number) => void) {
    this.#tell = tell;
  }

  /** @param noted the note's level, where compare will say the same by itself. */
  add(first: Finding, noted = NOTED[first.level]): void {
    const key = `${first.code} ${first.subject}`;
    const known = this.#first.get(key);
    if (known) return void (known.count += first.count);
    this.#first.set(key, { first, count: first.count });
    this.#tell(noted, `${first.subject}: ${first.text}`);
  }

  /** Before the log is closed: how often it happened again. */
  close(): void {
    for (const { first, count } of this.#first.values()) {
      const more = count - first.count;
      if (more > 0) this.#tell("warning", `${first.subject}: ${more} more faults`, more);
    }
  }

  get list(): readonly Finding[] {
    return [...this.#first.values()].map(({ first, count }) => ({ ...first, count }));
  }
}
