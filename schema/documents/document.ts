// A document's definition and a value that JSON gave → the value, typed, or the first place where it does not fit:
// what is expected, what was found. Holds: a value that fits is given back as it is, further keys included.

import { safeParse, type GenericSchema, type InferOutput } from "valibot";
import { inputError } from "../errors.ts";
import { type Misfit, shown } from "../shape.ts";

type Deep<T> = T extends object ? { readonly [K in keyof T]: Deep<T[K]> } : T;

/** What a definition describes; read, not written. */
export type DocumentOf<S extends GenericSchema> = Deep<InferOutput<S>>;

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Of a type that stands elsewhere: compiles where definition and type name the same keys, of the same kinds. */
export const definitionOf =
  <T>() =>
  <S extends GenericSchema>(
    schema: S & (Same<DocumentOf<S>, T> extends true ? unknown : never),
  ): S =>
    schema;

export function misfit(value: unknown, schema: GenericSchema): Misfit | null {
  const { issues } = safeParse(schema, value, { abortEarly: true });
  if (!issues) return null;
  const [{ path, message, input }] = issues;
  return { at: (path ?? []).reduce(joined, ""), expected: message, found: shown(input) };
}

const joined = (at: string, { key }: { readonly key: unknown }): string =>
  typeof key === "number" ? `${at}[${key}]` : at === "" ? String(key) : `${at}.${String(key)}`;

export const fits = <S extends GenericSchema>(value: unknown, schema: S): value is DocumentOf<S> =>
  misfit(value, schema) === null;

/** In words, for an error; null where it fits. */
export function misfitText(value: unknown, schema: GenericSchema): string | null {
  const wrong = misfit(value, schema);
  return (
    wrong && `${wrong.at ? `${wrong.at}: ` : ""}expected ${wrong.expected}, found ${wrong.found}`
  );
}

/**
 * @param path of the file that the text is from. @param remedy how to get one that is.
 * @throws InputError where it is no JSON
 */
export function jsonIn(text: string, path: string, remedy: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw inputError(`not JSON; ${remedy}`, path);
  }
}

/** The document, or undefined where the text is none: for who can do without it, and where another says why. */
export function documentOrNone<S extends GenericSchema>(
  schema: S,
  text: string,
): DocumentOf<S> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return fits(value, schema) ? value : undefined;
}

/**
 * @param path of the file that the text is from. @param remedy how to get one that fits.
 * @throws InputError naming the file and the place in it
 */
export function documentIn<S extends GenericSchema>(
  schema: S,
  text: string,
  path: string,
  remedy: string,
): DocumentOf<S> {
  const value = jsonIn(text, path, remedy);
  const wrong = misfit(value, schema);
  if (wrong) {
    const { at, expected, found } = wrong;
    throw inputError(`${at === "" ? "" : `${at}: `}does not fit; ${remedy}`, path, expected, found);
  }
  return value as DocumentOf<S>;
}
