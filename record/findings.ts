// What went wrong beside the measurement: the live page, marks, the terminal, a telemetry worker. In: faults,
// by subject. Out: a note of the log at a subject's first, one with the count of the rest at the end. Holds: a
// fault is told and counted, never thrown; a subject keeps no more than its count, however often it fails.

import type { Note } from "../schema/records.ts";

export interface Finding {
  /** `live page`, `marks`, `terminal`, … */
  readonly subject: string;
  /** Of its first fault. */
  readonly text: string;
  readonly count: number;
}

export class Findings {
  readonly #tell: (level: Note["level"], text: string, count?: number) => void;
  readonly #bySubject = new Map<string, { text: string; count: number }>();

  constructor(tell: (level: Note["level"], text: string, count?: number) => void) {
    this.#tell = tell;
  }

  add(subject: string, text: string, level: Note["level"] = "warning"): void {
    const known = this.#bySubject.get(subject);
    if (known) return void known.count++;
    this.#bySubject.set(subject, { text, count: 1 });
    this.#tell(level, `${subject}: ${text}`);
  }

  /** Before the log is closed: how often it happened again. */
  close(): void {
    for (const [subject, { count }] of this.#bySubject)
      if (count > 1) this.#tell("warning", `${subject}: ${count - 1} more faults`, count - 1);
  }

  get list(): readonly Finding[] {
    return [...this.#bySubject].map(([subject, f]) => ({ subject, ...f }));
  }
}
