// Enters: template text that we wrote and values that anyone may have written. Leaves: HTML in which every
// value is text. Nothing in a report bypasses this: a run label is a stranger's string.

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

// Controls but tab and newline, and the bidirectional overrides that make text read as other text.
const INVISIBLE = /[\0-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]/g;

export function escape(text: string): string {
  return text.replace(INVISIBLE, "\ufffd").replace(/[&<>"']/g, (c) => ENTITIES[c]!);
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
