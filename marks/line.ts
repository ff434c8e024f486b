// One line of text → one mark: `[@NS] [begin|end|mark] NAME [KEY=VALUE]…` (docs/marks.md, "Lines").

import type { Mark } from "../schema/records.ts";
import type { FieldValue } from "./slot.ts";

/** PIPE_BUF on Linux: writes up to this are atomic on a FIFO, pipe(7). */
export const MAX_LINE_BYTES = 4096;

/** A parsed line; `t` is null where the reader must stamp it. */
export interface LineMark {
  readonly name: string;
  readonly phase: Mark["phase"];
  readonly t: bigint | null;
  readonly fields: Readonly<Record<string, FieldValue>>;
}

const PHASES: Readonly<Record<string, Mark["phase"]>> = {
  begin: "begin",
  end: "end",
  mark: "instant",
};
/** A JSON string, or a run of anything that is neither space, quote nor equals sign; after an equals sign likewise. */
const TOKEN = /\s*("(?:[^"\\]|\\.)*"|[^\s"=]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?(?=\s|$)/y;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** @returns the mark, null for an empty line, or in words what is wrong. */
export function parseLine(line: string): LineMark | null | string {
  if (line.includes("\0")) return "holds a NUL byte"; // a hole, where a file was cut under its writer
  const tokens = tokenise(line);
  if (typeof tokens === "string") return tokens;
  let t: bigint | null = null;
  if (tokens[0]?.word.startsWith("@")) {
    const stamp = tokens.shift()!;
    if (!/^@\d{1,19}$/.test(stamp.word) || stamp.value !== undefined)
      return `expected @ and nanoseconds, found ${stamp.word}`;
    t = BigInt(stamp.word.slice(1));
  }
  if (tokens.length === 0) return t === null ? null : "a stamp without a name";
  const phase = tokens[0]!.value === undefined ? PHASES[tokens[0]!.word] : undefined;
  if (phase) tokens.shift();
  const name = tokens.shift();
  if (!name) return "a phase without a name";
  if (name.value !== undefined) return `expected a name before ${name.word}=`;
  const fields = readFields(tokens);
  if (typeof fields === "string") return fields;
  const text = unquote(name.word);
  return text === undefined || text === ""
    ? "bad name"
    : { name: text, phase: phase ?? "instant", t, fields };
}

interface Token {
  readonly word: string;
  readonly value: string | undefined;
}

function tokenise(line: string): Token[] | string {
  const tokens: Token[] = [];
  const end = line.trimEnd().length;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < end;) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(line);
    if (!m) return `cannot read from column ${at + 1}`;
    tokens.push({ word: m[1]!, value: m[2] });
  }
  return tokens;
}

function readFields(tokens: readonly Token[]): Record<string, FieldValue> | string {
  const fields: [string, FieldValue][] = [];
  for (const { word, value } of tokens) {
    const key = unquote(word);
    if (value === undefined || !key) return `expected key=value, found ${word}`;
    const parsed = readValue(value);
    if (parsed === undefined) return `bad string for ${key}`;
    fields.push([key, parsed]);
  }
  return Object.fromEntries(fields);
}

function readValue(text: string): FieldValue | undefined {
  if (text === "true" || text === "false") return text === "true";
  // Number() would round a long integer and overflow a large one: such a value stays the text that it is.
  const number = JSON_NUMBER.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(number) || (/[.eE]/.test(text) && Number.isFinite(number)))
    return number;
  return unquote(text);
}

function unquote(text: string): string | undefined {
  if (!text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as string;
  } catch {
    return undefined;
  }
}
