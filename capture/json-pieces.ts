// A document → its JSON text in pieces of bounded size, letter for letter as JSON.stringify(document, null, 1) gives
// it: in one piece the text of ten thousand windows is twice in memory, beside the windows themselves.

/** Elements of a long list at a time. */
const TOGETHER = 256;

/** @param document its members may hold lists of any length. */
export function* jsonPieces(document: object): Generator<string> {
  const members = Object.entries(document).filter(([, value]) => isWritten(value));
  if (members.length === 0 || Array.isArray(document) || "toJSON" in document) {
    yield JSON.stringify(document, null, 1);
    return;
  }
  let before = "{\n ";
  for (const [name, value] of members) {
    yield `${before}${JSON.stringify(name)}: `;
    if (Array.isArray(value) && value.length > TOGETHER) yield* list(value);
    else yield indented(value, " ");
    before = ",\n ";
  }
  yield "\n}";
}

function* list(values: readonly unknown[]): Generator<string> {
  let before = "[\n  ";
  for (let i = 0; i < values.length; i += TOGETHER) {
    const part = values
      .slice(i, i + TOGETHER)
      .map((v) => (isWritten(v) ? indented(v, "  ") : "null"));
    yield before + part.join(",\n  ");
    before = ",\n  ";
  }
  yield "\n ]";
}

/** Within a JSON text a line ends only between its parts: in strings they are escaped. */
const indented = (value: unknown, by: string): string =>
  JSON.stringify(value, null, 1).replaceAll("\n", `\n${by}`);

const isWritten = (value: unknown): boolean =>
  value !== undefined && typeof value !== "function" && typeof value !== "symbol";
