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

/** In words, for an error; null where it fits. */
export function misfitText(value: unknown, schema: GenericSchema): string | null {
  const wrong = misfit(value, schema);
  return (
    wrong && `${wrong.at ? `${wrong.at}: ` : ""}expected ${wrong.expected}, found ${wrong.found}`
  );
}

/** A document, or in words why the text is none. */
export type Checked<T> =
  | { readonly document: T; readonly problem: null }
  | { readonly document: null; readonly problem: string };

/** For who goes on without it, or has words of its own for where the text is from. */
export function checked<S extends GenericSchema>(schema: S, text: string): Checked<DocumentOf<S>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { document: null, problem: "not JSON" };
  }
  const problem = misfitText(value, schema);
  return problem === null
    ? { document: value as DocumentOf<S>, problem }
    : { document: null, problem };
}

/**
 * @param path of the file that the text is from. @param remedy how to get one that fits.
 * @throws InputError naming the file and, where it is JSON, the place in it
 */
export function documentIn<S extends GenericSchema>(
  schema: S,
  text: string,
  path: string,
  remedy: string,
): DocumentOf<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw inputError(`not JSON; ${remedy}`, path);
  }
  const wrong = misfit(value, schema);
  if (wrong) {
    const { at, expected, found } = wrong;
    throw inputError(`${at === "" ? "" : `${at}: `}does not fit; ${remedy}`, path, expected, found);
  }
  return value as DocumentOf<S>;
}
