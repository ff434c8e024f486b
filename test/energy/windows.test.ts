import { describe, expect, test } from "@jest/globals";
import { MarkTable } from "../../align/mark-table.ts";
import { pairMarks, WindowList } from "../../energy/windows.ts";
import type { Mark } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "../../bench/log.ts";

const mark = (name: string, phase: Mark["phase"], tNs: number, span?: string): Mark => ({
  name,
  phase,
  clock: "host",
  t: BigInt(tNs),
  ...(span ? { fields: { span } } : {}),
});

const session = { name: "session", kind: "session", t0Ns: 0, t1Ns: 9, u0Ns: 0, u1Ns: 0 } as const;

function paired(marks: readonly Mark[]): { list: WindowList; warnings: readonly string[] } {
  const table = new MarkTable({ ...SESSION, hostEpoch: instant<"host">(0n) });
  for (const m of marks) table.add(m, 1);
  const found = pairMarks(table);
  return { list: new WindowList(session, table, found), warnings: found.warnings };
}

const names = (marks: Mark[]): string[] =>
  [...paired(marks).list].slice(1).map((w) => `${w.name} ${w.t0Ns}-${w.t1Ns}`);

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
    const { list, warnings } = paired([
      mark("x", "end", 1),
      mark("x", "begin", 2),
      mark("x", "end", 3),
      mark("x", "begin", 4),
      mark("sync", "begin", 5),
      mark("note", "instant", 6),
    ]);
    expect([...list].map((w) => w.name)).toEqual(["session", "x-1"]);
    expect(warnings).toHaveLength(2);
  });

  test("of those that begin together the outer comes first, the one that ends first has the lower number", () => {
    expect(
      names([
        mark("a", "begin", 5),
        mark("a", "begin", 5),
        mark("b", "begin", 1),
        mark("a", "end", 6),
        mark("a", "end", 8),
        mark("b", "end", 9),
      ]),
    ).toEqual(["b-1 1-9", "a-2 5-8", "a-1 5-6"]);
  });

  test("a span that is logged whole at its end, out of order, pairs by time", () => {
    expect(
      names([
        mark("in", "begin", 3, "2"),
        mark("in", "end", 4, "2"),
        mark("out", "begin", 1, "1"),
        mark("out", "end", 6, "1"),
      ]),
    ).toEqual(["out-1 1-6", "in-1 3-4"]);
  });
});
