// A message that JSON gave → whether it has the shape that its reader relies on, and if not, the first place where it
// has not: what stands there, what was expected. A log's JSON may be another tool's, or nobody's. Messages are
// millions, so nothing is copied; documents are defined in documents/.

export interface Misfit {
  /** `rails[0].current.perCount`; empty: the value itself. */
  readonly at: string;
  readonly expected: string;
  readonly found: string;
}

export type Shape = (value: unknown, at: string) => Misfit | null;

/** In words, for an error; null where it fits. */
export function misfit(value: unknown, shape: Shape): string | null {
  const wrong = shape(value, "");
  return (
    wrong && `${wrong.at ? `${wrong.at}: ` : ""}expected ${wrong.expected}, found ${wrong.found}`
  );
}

const plain =
  (expected: string, fits: (value: unknown) => boolean): Shape =>
  (value, at) =>
    fits(value) ? null : { at, expected, found: shown(value) };

const isNumber = (v: unknown): v is number => typeof v === "number" && Number.isFinite(v);

export const text = plain("text", (v) => typeof v === "string");
export const finite = plain("a number", isNumber);
export const primitive = plain("text, a number or true or false", (v) =>
  ["string", "number", "boolean"].includes(typeof v),
);
/** Digits of a whole number that `bits` bits hold, with a sign: JSON has no 64 bits. */
export const wholeText = (bits: 64 | 65): Shape =>
  plain(`a whole number of ${bits === 64 ? "64" : "64 unsigned"} bits, as text`, (v) => {
    if (typeof v !== "string" || !/^-?\d{1,20}$/.test(v)) return false;
    return BigInt.asIntN(bits, BigInt(v)) === BigInt(v);
  });

export const oneOf = (...words: readonly (string | number | null)[]): Shape =>
  plain(`one of ${words.join(", ")}`, (v) => words.includes(v as string));

export const optional =
  (shape: Shape): Shape =>
  (value, at) =>
    value === undefined ? null : shape(value, at);

export const nullable =
  (shape: Shape): Shape =>
  (value, at) =>
    value === null ? null : shape(value, at);

/** Any keys, each value of one shape. */
export const mapOf =
  (shape: Shape): Shape =>
  (value, at) => {
    const problem = noObject(value, at);
    if (problem) return problem;
    return first(Object.entries(value as object).map(([key, v]) => [v, shape, join(at, key)]));
  };

/** These keys; others are free, so that a later version may add some. */
export const object =
  (shapes: Readonly<Record<string, Shape>>): Shape =>
  (value, at) => {
    const problem = noObject(value, at);
    if (problem) return problem;
    const own = value as Record<string, unknown>;
    const read = (key: string): unknown => (Object.hasOwn(own, key) ? own[key] : undefined);
    return first(Object.entries(shapes).map(([key, shape]) => [read(key), shape, join(at, key)]));
  };

function first(parts: readonly (readonly [unknown, Shape, string])[]): Misfit | null {
  for (const [value, shape, at] of parts) {
    const wrong = shape(value, at);
    if (wrong) return wrong;
  }
  return null;
}

const join = (at: string, key: string): string => (at === "" ? key : `${at}.${key}`);

const noObject = (value: unknown, at: string): Misfit | null =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? null
    : { at, expected: "an object", found: shown(value) };

export function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  const json = JSON.stringify(value);
  return json.length > 60 ? `${json.slice(0, 60)}… (${json.length} characters)` : json;
}
