// Marks that a log writes as words → marks with a phase. "start" and "end" alone are begin and end of
// `mark`. "X start" and "X_end" are begin and end of X, provided the log has both: a stage such as
// `infer_start` that nothing ends keeps its name as an instant.

import type { Mark } from "../../../schema/records.ts";

export interface TextMark {
  /** Nanoseconds on the host clock. */
  readonly t: bigint;
  readonly text: string;
  readonly fields?: NonNullable<Mark["fields"]>;
}

const WORD = /^(?:(.*?)[\s_:-]+)?(start|begin|end|stop|done)$/i;

export function marksOf(list: readonly TextMark[]): Mark[] {
  const parts = list.map(({ text }) => {
    const [, name, word] = WORD.exec(text.trim()) ?? [];
    return {
      name: name || "mark",
      begins: word === undefined ? null : /^(start|begin)$/i.test(word),
    };
  });
  const has = (name: string, begins: boolean): boolean =>
    parts.some((p) => p.begins === begins && p.name === name);
  return list.map(({ t, text, fields }, i) => {
    const { name, begins } = parts[i]!;
    const rest = { clock: "host", t, ...(fields ? { fields } : {}) };
    const paired = begins !== null && (name === "mark" || has(name, !begins));
    if (!paired) return { name: text.trim() || "mark", phase: "instant", ...rest };
    return { name, phase: begins ? "begin" : "end", ...rest };
  });
}
