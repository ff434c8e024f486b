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
    else yield within("[\n ", [value], "\n]");
    before = ",\n ";
  }
  yield "\n}";
}

function* list(values: readonly unknown[]): Generator<string> {
  let before = "[\n  ";
  for (let i = 0; i < values.length; i += TOGETHER) {
    yield before;
    yield within("[\n [\n  ", [values.slice(i, i + TOGETHER)], "\n ]\n]");
    before = ",\n  ";
  }
  yield "\n ]";
}

/** What stands as deep in another value as it does in the document: it is indented as there. */
const within = (before: string, outer: unknown, after: string): string =>
  JSON.stringify(outer, null, 1).slice(before.length, -after.length);

const isWritten = (value: unknown): boolean =>
  value !== undefined && typeof value !== "function" && typeof value !== "symbol";
