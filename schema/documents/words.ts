// The words that document definitions are made of: valibot schemas whose message says what is expected.
// Holds: an object may have more keys than it names, so that a later version can add some; no word changes a value.

import * as v from "valibot";

export type Word = v.GenericSchema;

export const text = v.string("text");
export const flag = v.boolean("true or false");
const finite = (what: string) => v.pipe(v.number(what), v.finite(what));
const FROM_0 = "a whole number from 0";

export const number = finite("a number");
export const notNegative = v.pipe(finite("a number from 0"), v.minValue(0, "a number from 0"));
export const positive = v.pipe(finite("a number above 0"), v.gtValue(0, "a number above 0"));
export const notZero = v.pipe(
  finite("a number other than 0"),
  v.notValue(0, "a number other than 0"),
);
export const count = v.pipe(
  v.number(FROM_0),
  v.integer(FROM_0),
  v.safeInteger(FROM_0),
  v.minValue(0, FROM_0),
);
export const whole = v.pipe(v.number("a whole number"), v.safeInteger("a whole number"));
/** Where a figure is not known. */
export const numberOrNull = v.nullable(number);

/** Digits of a whole number that `bits` bits hold, with a sign: JSON has no 64 bits. */
export function wholeText(bits: 64 | 65) {
  const what = `a whole number of ${bits === 64 ? "64" : "64 unsigned"} bits, as text`;
  return v.pipe(
    v.string(what),
    v.regex(/^-?\d{1,20}$/, what),
    v.check((digits) => BigInt.asIntN(bits, BigInt(digits)) === BigInt(digits), what),
  );
}

export const oneOf = <const T extends readonly (string | number)[]>(...words: T) =>
  v.picklist(words, `one of ${words.join(", ")}`);

/** What a run is of. */
export const SOURCE = oneOf("hardware", "emulated", "virtual", "imported");

export const constant = <const T extends string>(value: T) =>
  v.literal(value, JSON.stringify(value));

export const pairOf = <const S extends Word>(word: S) => v.tuple([word, word], "a list of 2");

export const listOf = <const S extends Word>(word: S) => v.array(word, "a list");

/** A list that is not empty. */
export const someOf = <const S extends Word>(word: S) =>
  v.pipe(listOf(word), v.minLength(1, "a list of at least 1"));

/** A key that may be absent. */
export const maybe = v.exactOptional;
export const orNull = v.nullable;

interface Told {
  readonly message?: unknown;
  readonly wrapped?: Told;
}

/** What an entry expects, where its key is missing. */
function wordOf(entry: Told | undefined): string {
  if (typeof entry?.message === "string") return entry.message;
  return entry?.wrapped ? wordOf(entry.wrapped) : "an object";
}

/** Valibot takes a list for an object with keys 0, 1, …; here it is none. */
function noList<S extends Word>(schema: S): S {
  const run: Word["~run"] = (dataset, config) => {
    if (!Array.isArray(dataset.value)) return schema["~run"](dataset, config);
    v._addIssue(schema as never, "type", dataset, config);
    return dataset as never;
  };
  return { ...schema, "~run": run };
}

/** These keys; others are free. */
export const object = <const E extends v.ObjectEntries>(entries: E) =>
  noList(
    v.object(entries, ({ path, received }) =>
      received === "undefined" && path
        ? wordOf(entries[String(path.at(-1)?.key)] as Told | undefined)
        : "an object",
    ),
  );

/** Any keys, each value of one kind. */
export const mapOf = <const S extends Word>(word: S) =>
  noList(v.record(v.string(), word, "an object"));
