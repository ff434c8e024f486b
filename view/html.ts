// Enters: template text that we wrote and values that anyone may have written. Leaves: HTML in which every
// value is text. Nothing in a report bypasses this: a run label is a stranger's string.

import { visibleLines } from "../schema/visible.ts";

export interface Html {
  readonly html: string;
}

type Value = string | number | Html | null | undefined | false | readonly Value[];

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Also shows what cannot be seen (schema/visible.ts); a line end is a blank to HTML. */
export function escape(text: string): string {
  return visibleLines(text).replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

/** Tagged template: literal parts are HTML, interpolated values are escaped; attributes must be quoted. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { html: parts.reduce((text, part, i) => text + render(values[i - 1]) + part) };
}

function render(value: Value): string {
  if (value === null || value === undefined || value === false) return "";
  if (typeof value === "string") return escape(value);
  if (typeof value === "number") return String(value);
  return "html" in value ? value.html : value.map(render).join("");
}

/** A dotted or underscored name that may break after its joints. */
export function breakable(name: string): Html {
  return { html: escape(name).replace(/[._]/g, "$&<wbr>") };
}

/** JSON for a `<script type="application/json">`: no byte of it can end the element or start a comment. */
export function jsonForScript(value: unknown): Html {
  return { html: JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, unicodeEscape) };
}

function unicodeEscape(c: string): string {
  return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
