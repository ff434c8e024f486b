// A YAML document ↔ typed reads with a place in the file. In: nodes of the `yaml` package, which keep
// their offsets. Out: strings, numbers, SI quantities, lists; or one InputError "file:line: what".
// Holds: every key is asked for by name; a key nobody asks for is an error with the nearest known one.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { InputError, inputError } from "../schema/errors.ts";
import { type Dimension, quantity, standardUncertainty } from "../schema/units.ts";

/** One parsed file: what turns a node into "file:line". */
export interface Source {
  readonly file: string;
  readonly document: Document;
  readonly lines: LineCounter;
}

/** @throws InputError at the first syntax error, duplicate keys included. */
export function parseYaml(file: string, text: string): { source: Source; root: Fields } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error)
    throw inputError(`bad YAML: ${error.message}`, `${file}:${lines.linePos(error.pos[0]).line}`);
  const source = { file, document: document as Document, lines };
  return { source, root: new Fields(source, document.contents, "the rig") };
}

/** The keys of one map, read by name. */
export class Fields {
  readonly #source: Source;
  readonly #map: YAMLMap;
  readonly #what: string;

  constructor(source: Source, node: Node | null, what: string) {
    const target = isAlias(node) ? node.resolve(source.document) : node;
    if (!isMap(target)) throw fail(source, node, `${what} must be a map of keys`);
    this.#source = source;
    this.#map = target;
    this.#what = what;
  }

  /** @throws InputError for a key outside `known`: a misspelt key must not silently be a default. */
  only(known: readonly string[]): this {
    for (const { key } of this.#map.items) {
      const name = isScalar(key) ? String(key.value) : "?";
      if (known.includes(name)) continue;
      const nearest = nearestWord(name, known);
      const hint = nearest ? `did you mean "${nearest}"?` : `known: ${known.join(", ")}`;
      throw fail(this.#source, key as Node, `unknown key "${name}" in ${this.#what}; ${hint}`);
    }
    return this;
  }

  has(key: string): boolean {
    return this.#map.has(key);
  }

  error(what: string, key?: string): InputError {
    return fail(this.#source, (key && this.#node(key)) || this.#map, what);
  }

  string(key: string): string {
    const value = this.#scalar(key);
    if (typeof value !== "string" || value.trim() === "")
      throw this.error(`${key} must be text`, key);
    return value;
  }

  oneOf<const T extends string>(key: string, choices: readonly T[]): T {
    const value = String(this.#scalar(key));
    const found = choices.find((c) => c === value);
    if (found === undefined)
      throw this.error(`${key}: expected ${choices.join(", ")}, found "${value}"`, key);
    return found;
  }

  number(key: string, fallback?: number): number {
    if (fallback !== undefined && !this.has(key)) return fallback;
    const value = this.#scalar(key);
    if (typeof value !== "number" || !Number.isFinite(value))
      throw this.error(`${key}: expected a number, found "${String(value)}"`, key);
    return value;
  }

  /** A number that is one of a few. */
  numberOf<const T extends number>(key: string, choices: readonly T[]): T {
    const value = this.number(key);
    const found = choices.find((c) => c === value);
    if (found === undefined)
      throw this.error(`${key}: expected ${choices.join(", ")}, found ${value}`, key);
    return found;
  }

  /** SI value of a text with a unit; see schema/units.ts. */
  quantity(key: string, dimension: Dimension): Promise<number> {
    return this.#inUnits(key, String(this.#scalar(key)), (text) => quantity(text, dimension));
  }

  /** A quantity that only makes sense above zero (a resistance, a rate). */
  async positive(key: string, dimension: Dimension): Promise<number> {
    const value = await this.quantity(key, dimension);
    if (!(value > 0)) throw this.error(`${key}: expected above 0, found ${value}`, key);
    return value;
  }

  /** Standard uncertainty of a text such as "±0.5 %". */
  uncertainty(key: string, dimension: Dimension): Promise<number> {
    return this.#inUnits(key, String(this.#scalar(key)), (text) =>
      standardUncertainty(text, dimension),
    );
  }

  /** Two quantities, the lower first. */
  async range(key: string, dimension: Dimension): Promise<readonly [number, number]> {
    const texts = this.strings(key);
    const ends = await Promise.all(
      texts.map((text) => this.#inUnits(key, text, (t) => quantity(t, dimension))),
    );
    const [low, high, more] = ends;
    if (low === undefined || high === undefined || more !== undefined || low >= high)
      throw this.error(`${key}: expected [low, high], each with its unit`, key);
    return [low, high];
  }

  map(key: string, what = key): Fields {
    return new Fields(this.#source, this.#required(key), what);
  }

  list(key: string): Fields[] {
    const node = this.#resolved(key);
    if (!isSeq(node)) throw this.error(`${key} must be a list`, key);
    return node.items.map((item, i) => new Fields(this.#source, item as Node, `${key}[${i}]`));
  }

  /** @param numbers whether a whole number is a name too, as an index is. */
  strings(key: string, numbers?: "numbers too"): readonly string[] {
    const node = this.#resolved(key);
    const items = isSeq(node) ? node.items.map((n) => (isScalar(n) ? n.value : n)) : [null];
    const values = items.map((v) => (numbers && Number.isInteger(v) ? String(v) : v));
    if (!values.every((v) => typeof v === "string" && v.trim() !== ""))
      throw this.error(`${key} must be a list of names`, key);
    return values as string[];
  }

  /** A list of [x, y]. */
  points(key: string): (readonly [number, number])[] {
    const node = this.#resolved(key);
    const items = isSeq(node) ? node.items : [null];
    return items.map((item) => {
      const [x, y, more] = isSeq(item) ? item.items.map((n) => (isScalar(n) ? n.value : n)) : [];
      if (typeof x !== "number" || typeof y !== "number" || more !== undefined)
        throw this.error(`${key} must be a list of [number, number]`, key);
      return [x, y] as const;
    });
  }

  pair(key: string): readonly [number, number] {
    const node = this.#resolved(key);
    const values = isSeq(node) ? node.items.map((n) => (isScalar(n) ? n.value : n)) : [];
    const [lo, hi] = values;
    if (values.length !== 2 || typeof lo !== "number" || typeof hi !== "number" || lo >= hi)
      throw this.error(`${key}: expected [low, high]`, key);
    return [lo, hi];
  }

  async #inUnits(
    key: string,
    text: string,
    parse: (text: string) => Promise<number>,
  ): Promise<number> {
    try {
      return await parse(text);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw this.error(`${key}: ${error.message}`, key);
    }
  }

  #scalar(key: string): unknown {
    const node = this.#resolved(key);
    if (!isScalar(node)) throw this.error(`${key} must be a single value`, key);
    return node.value;
  }

  #resolved(key: string): Node | undefined {
    const node = this.#required(key);
    return isAlias(node) ? node.resolve(this.#source.document) : node;
  }

  #required(key: string): Node {
    const node = this.#node(key);
    if (!node || (isScalar(node) && node.value === null))
      throw this.error(`${this.#what} lacks "${key}"`, key);
    return node;
  }

  #node(key: string): Node | undefined {
    return this.#map.get(key, true);
  }
}

function fail(source: Source, node: Node | null | undefined, what: string): InputError {
  const line = source.lines.linePos(node?.range?.[0] ?? 0).line;
  return inputError(what, `${source.file}:${Math.max(1, line)}`);
}

/** The known word within two edits, a third of its length at most; else undefined. */
function nearestWord(word: string, known: readonly string[]): string | undefined {
  const [best] = known.map((k) => [editDistance(word, k), k] as const).sort((a, b) => a[0] - b[0]);
  return best && best[0] <= Math.max(1, Math.min(3, best[1].length / 3)) ? best[1] : undefined;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
    row = next;
  }
  return row[b.length]!;
}
