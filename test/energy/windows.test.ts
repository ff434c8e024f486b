import { describe, expect, test } from "@jest/globals";
import { MarkTable } from "../../align/mark-table.ts";
import { doubtText } from "../../energy/window.ts";
import { byBegin, pairMarks, WindowList } from "../../energy/windows.ts";
import type { Mark } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "../../bench/log.ts";
import { textsOf } from "../../schema/findings.ts";

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
  return { list: new WindowList(session, found), warnings: textsOf(found.findings) };
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

  test("a run without loads has no sum, and no window of that name alone", () => {
    expect(names([mark("f", "begin", 1), mark("f", "end", 2)])).toEqual(["f-1 1-2"]);
    expect(names([mark("load", "begin", 1), mark("f", "begin", 2), mark("f", "end", 3)])).toEqual([
      "f-1 2-3",
    ]);
  });

  test("the sum of the loads stands at the first of them, and ends with the last to begin", () => {
    expect(
      names([
        mark("f", "begin", 1),
        mark("load", "begin", 2),
        mark("load", "begin", 4, "b"),
        mark("load", "end", 5, "b"),
        mark("g", "begin", 6),
        mark("g", "end", 7),
        mark("load", "end", 8),
        mark("load", "begin", 8),
        mark("f", "end", 9),
      ]),
    ).toEqual(["f-1 1-9", "load-1 2-8", "load 2-5", "load-2 4-5", "g-1 6-7"]);
  });

  test("of loads that begin together last, the one that ends last ends the sum", () => {
    const loads = [
      mark("load", "begin", 0),
      mark("load", "end", 1),
      ...["a", "b"].map((s) => mark("load", "begin", 3, s)),
      mark("load", "end", 8, "a"),
      mark("load", "end", 6, "b"),
    ];
    expect(names(loads)).toContain("load 0-8");
  });

  test("marks of one time pair in the order of the log", () => {
    expect(
      names([
        mark("a", "begin", 5),
        mark("a", "end", 5),
        mark("a", "begin", 5),
        mark("a", "end", 7),
        mark("b", "begin", 1),
        mark("b", "end", 1),
      ]),
    ).toEqual(["b-1 1-1", "a-2 5-7", "a-1 5-5"]);
  });

  test("every begin and end that does not pair is counted, under its name", () => {
    const { warnings } = paired([
      ...[1, 2, 3].map((t) => mark("x", "end", t)),
      ...[4, 5].map((t) => mark("y", "begin", t)),
      mark("z", "begin", 6),
      mark("z", "end", 7),
      mark("lap", "end", 8),
      mark("sync", "end", 9),
    ]);
    expect(warnings).toEqual([
      "3 x end marks have no begin: ignored",
      "2 y begin marks have no end: ignored",
    ]);
  });

  test("one open twice under one span closes inner first, and then can be opened again", () => {
    const ofA = (phase: Mark["phase"], t: number) => mark("r", phase, t, "a");
    const { list, warnings } = paired([
      ofA("begin", 1),
      ofA("begin", 2),
      ofA("end", 3),
      ofA("end", 4),
      ofA("end", 5),
      ofA("begin", 6),
      ofA("end", 7),
    ]);
    expect([...list].slice(1).map((w) => [w.t0Ns, w.t1Ns])).toEqual([
      [1, 4],
      [2, 3],
      [6, 7],
    ]);
    expect(warnings).toEqual(["1 r end marks have no begin: ignored"]);
  });
});

describe("marks that are not on the host's clock", () => {
  function placed(byEdge: readonly boolean[], uNs = 0): WindowList {
    const table = new MarkTable({ ...SESSION, hostEpoch: instant<"host">(0n) });
    const own = { ...mark("k", "begin", 1000), clock: "gpu" } as Mark;
    table.add(own, 70);
    table.add({ ...own, phase: "end", fields: { note: "x" } }, 90);
    byEdge.forEach((edge, i) => table.put(i, 10 * i, edge));
    table.clocks[0]!.uNs = uNs;
    return new WindowList(session, pairMarks(table));
  }

  test("what has no place makes no window", () => {
    expect([...placed([])].map((w) => w.name)).toEqual(["session"]);
    expect([...placed([true])].map((w) => w.name)).toEqual(["session"]);
  });

  test("placed by hardware edges they are beyond doubt", () => {
    expect(placed([true, true], 5).at(1)).toEqual({
      name: "k-1",
      kind: "mark",
      ...{ t0Ns: 0, t1Ns: 10, u0Ns: 0, u1Ns: 0 },
      fieldsAt: [0, 90],
    });
  });

  test.each<[byEdge: boolean[], which: string, u: number[]]>([
    [[false, true], "begin", [5, 0]],
    [[true, false], "end", [0, 5]],
    [[false, false], "begin and end", [5, 5]],
  ])("by edges %j: in doubt is the %s", (byEdge, which, u) => {
    const w = placed(byEdge, 5).at(1);
    expect(doubtText(w.doubts)).toBe(`no hardware edge for its ${which}: placed by the gpu clock`);
    expect([w.u0Ns, w.u1Ns]).toEqual(u);
  });

  test("marks of the host have no doubt, and no fields where none were given", () => {
    const { list } = paired([mark("f", "begin", 1), mark("f", "end", 2)]);
    expect(list.at(1)).toEqual({
      ...{ name: "f-1", kind: "mark", t0Ns: 1, t1Ns: 2, u0Ns: 0, u1Ns: 0 },
    });
  });
});

describe("the list of windows", () => {
  const marks = [
    mark("load", "begin", 1),
    mark("load", "end", 3),
    mark("lo", "begin", 4),
    mark("lo", "end", 6),
    mark("load", "begin", 5),
    mark("load", "end", 8),
  ];
  const kernels = {
    table: {
      ...{ names: { list: ["gemm"] }, name: { at: () => 0 } },
      submitNs: new Float64Array(3).fill(NaN),
    },
    startNs: Float64Array.of(0, 2, 7),
    endNs: Float64Array.of(0, 2.5, 7.5),
    loNs: new Float64Array(3).fill(NaN),
    hiNs: new Float64Array(3).fill(NaN),
    source: new Uint32Array(3),
  };
  const listOf = (): WindowList => {
    const table = new MarkTable({ ...SESSION, hostEpoch: instant<"host">(0n) });
    for (const m of marks) table.add(m, 1);
    return new WindowList(session, pairMarks(table), { times: kernels as never, rows: [1, 2] });
  };
  const all = (list: WindowList): number[] => [...list.rows(() => true)];

  test("session first, then marks by their begin, then kernels; each row's times are its window's", () => {
    const list = listOf();
    expect(list.count).toBe(7);
    expect(all(list).map((i) => list.t0Ns(i))).toEqual([0, 1, 1, 4, 5, 2, 7]);
    expect(all(list).map((i) => list.t1Ns(i))).toEqual([9, 8, 3, 6, 8, 2.5, 7.5]);
    expect([0, 1, 2, 3, 4].map((i) => list.at(i).name)).toEqual([
      ...["session", "load", "load-1", "lo-1", "load-2"],
    ]);
    for (const i of [0, 1, 2, 3, 4])
      expect([list.t0Ns(i), list.t1Ns(i)]).toEqual([list.at(i).t0Ns, list.at(i).t1Ns]);
  });

  test("session and the sum of all loads hold others; kernels are known", () => {
    const list = listOf();
    expect(all(list).filter((i) => list.isSum(i))).toEqual([0, 1]);
    expect(all(list).filter((i) => list.isKernel(i))).toEqual([5, 6]);
  });

  test("by name: one window, or all that a name numbers", () => {
    const table = new MarkTable({ ...SESSION, hostEpoch: instant<"host">(0n) });
    for (const m of marks) table.add(m, 1);
    const list = new WindowList(session, pairMarks(table));
    expect(all(list).map((i) => list.family(i))).toEqual([
      ...["session", "load", "load", "lo", "load"],
    ]);
    expect([...list.named("load")]).toEqual([1, 2, 4]);
    expect([...list.named("load-2")]).toEqual([4]);
    expect([...list.named("lo")]).toEqual([3]);
    expect([...list.named("lo-1")]).toEqual([3]);
    expect([...list.named("ad-2")]).toEqual([]);
    expect([...list.named("load-3")]).toEqual([]);
    expect(list.find("load-2")).toEqual(list.at(4));
    expect(list.find("load")).toEqual(list.at(1));
    expect(list.find("lo")).toBeUndefined();
    expect(list.someNames()).toBe("session, load, load-1, lo-1, load-2");
  });

  test("of many names the first twelve are told", () => {
    const many = (n: number) =>
      paired(
        Array.from({ length: 2 * n }, (_, k) => mark("f", k % 2 ? "end" : "begin", k)),
      ).list.someNames();
    const told = ["session", ...Array.from({ length: 11 }, (_, k) => `f-${k + 1}`)].join(", ");
    expect(many(11)).toBe(told);
    expect(many(12)).toBe(`${told}, …`);
  });

  test("rows by their begin, at one time by their number", () => {
    const starts = [5, 3, 5, 1, 3];
    const windows = { t0Ns: (i: number) => starts[i]! };
    expect([...byBegin(Uint32Array.of(4, 2, 0, 3, 1), windows)]).toEqual([3, 1, 4, 0, 2]);
    // What ascends already stays as it is, equal ones too.
    expect([...byBegin(Uint32Array.of(3, 4, 1, 2, 0), windows)]).toEqual([3, 4, 1, 2, 0]);
    expect([...byBegin(Uint32Array.of(), windows)]).toEqual([]);
  });
});
