// A document in pieces reads letter for letter as JSON.stringify would have written it.

import { describe, expect, test } from "@jest/globals";
import { jsonPieces } from "../../capture/json-pieces.ts";

const window = (i: number): object => ({
  name: `load-${i}\n"x"`,
  budget: [{ u: i / 7 }],
  none: [],
  of: {},
});
const list = (n: number): object[] => Array.from({ length: n }, (_, i) => window(i));

describe("a document in pieces", () => {
  test.each<[string, object]>([
    ["nothing", {}],
    ["small", { a: 1, b: [1, [2]], c: { d: null } }],
    ["a list of just so many", { before: 1, windows: list(256), after: 2 }],
    ["a long list, whose last part is one", { before: 1, windows: list(513), after: "x" }],
    ["a long list alone", { windows: list(1000) }],
    [
      "a long list of numbers and of lists",
      { n: list(300).map((_, i) => i), l: list(300).map(() => [1, []]) },
    ],
    ["no values", { a: undefined, b: () => 1, c: Array(300).fill(undefined), d: NaN }],
    ["a list itself", list(300)],
  ])("%s", (_, document) => {
    expect([...jsonPieces(document)].join("")).toBe(JSON.stringify(document, null, 1));
  });

  test("pieces stay small, however long the list", () => {
    const longest = (n: number): number =>
      Math.max(...[...jsonPieces({ windows: list(n) })].map((p) => p.length));
    expect(longest(10_000)).toBeLessThan(1.1 * longest(1_000));
  });
});
