// Text that anyone may have written (names of marks, notes, labels, paths) → text that is shown as it is and does
// nothing: no character of it moves a cursor, turns the direction of reading, hides, or begins a line.
// What is shown, `\x1b` for ESC and `\u202e` for an override, is for eyes; it is not read back.

/** Controls (C0, DEL, C1), format characters (bidirectional, zero-width), line separators, lone surrogates. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line, whatever `text` holds. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (c) => SHORT[c] ?? numbered(c));
}

/** The same of a text whose line ends are our own. */
export function visibleLines(text: string): string {
  return text.split("\n").map(visible).join("\n");
}

/** JSON of the same value, without one character that a terminal or an editor would not show. */
export function visibleJson(value: unknown, indent?: number): string {
  // Line ends outside of strings are JSON.stringify's own; inside it has escaped them.
  return JSON.stringify(value, null, indent).replace(UNSEEN, (c) => (c === "\n" ? c : units(c)));
}

function numbered(c: string): string {
  const code = c.codePointAt(0)!;
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\u{${hex}}`;
}

/** As JSON spells it: 16 bits at a time. */
function units(c: string): string {
  return [...Array(c.length).keys()]
    .map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`)
    .join("");
}
