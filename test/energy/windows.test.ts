import { describe, expect, test } from "@jest/globals";
import type { ResolvedMark } from "../../align/fit.ts";
import { pairMarks } from "../../energy/windows.ts";

const mark = (
  name: string,
  phase: "begin" | "end" | "instant",
  tNs: number,
  span?: string,
): ResolvedMark => ({
  mark: { name, phase, clock: "host", t: BigInt(tNs), ...(span ? { fields: { span } } : {}) },
  tNs,
  uNs: 0,
  fromEdge: false,
});

const names = (marks: ResolvedMark[]): string[] =>
  pairMarks(marks).windows.map((w) => `${w.name} ${w.t0Ns}-${w.t1Ns}`);

describe("marks to windows", () => {
  test("repeats are numbered; a load also spans first on to last off", () => {
    expect(
      names([
        mark("load", "begin", 1),
        mark("load", "end", 2),
        mark("load", "begin", 5),
        mark("load", "end", 9),
      ]),
    ).toEqual(["load 1-9", "load-1 1-2", "load-2 5-9"]);
  });

  test("nested spans of one name close inner first", () => {
    expect(
      names([
        mark("f", "begin", 1),
        mark("f", "begin", 2),
        mark("f", "end", 3),
        mark("f", "end", 8),
      ]),
    ).toEqual(["f-1 1-8", "f-2 2-3"]);
  });

  test("overlapping requests are told apart by their span", () => {
    expect(
      names([
        mark("req", "begin", 1, "a"),
        mark("req", "begin", 2, "b"),
        mark("req", "end", 5, "a"),
        mark("req", "end", 7, "b"),
      ]),
    ).toEqual(["req-1 1-5", "req-2 2-7"]);
  });

  test("what does not pair is said, never guessed", () => {
    const { windows, warnings } = pairMarks([
      mark("x", "end", 1),
      mark("x", "begin", 2),
      mark("x", "end", 3),
      mark("x", "begin", 4),
      mark("sync", "begin", 5),
      mark("note", "instant", 6),
    ]);
    expect(windows.map((w) => w.name)).toEqual(["x-1"]);
    expect(warnings).toHaveLength(2);
  });
});
