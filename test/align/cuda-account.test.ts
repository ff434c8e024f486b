// What the injection library says of itself, process by process, against what the log has: each loss under its code.

import { describe, expect, test } from "@jest/globals";
import { CudaAccount, type InLog, processOf } from "../../align/clocks/cuda-account.ts";
import type { Mark } from "../../schema/records.ts";

type Fields = NonNullable<Mark["fields"]>;
const mark = (name: string, fields?: Fields): Mark => ({
  ...{ name, phase: "instant", clock: "host", t: 0n },
  ...(fields ? { fields } : {}),
});
const begin = (fields: Fields): Mark => mark("cuda_trace_begin", fields);
const end = (fields: Fields): Mark => mark("cuda_trace_end", fields);
const account = (...marks: readonly Mark[]): CudaAccount => {
  const made = new CudaAccount();
  for (const m of marks) made.see(m);
  return made;
};
/** Codes with their counts. */
const told = (a: CudaAccount, inLog?: Record<string, InLog>): (readonly [string, number])[] =>
  a
    .findings(inLog && new Map(Object.entries(inLog)))
    .map(({ code, count }) => [code, count] as const);
const texts = (a: CudaAccount): string => a.findings().map((f) => f.text).join("; "); // prettier-ignore

test("a process is its id, and the number that it drew where it says one", () => {
  expect(processOf({ pid: 7 })).toBe("7");
  expect(processOf({ pid: 7, process: 3 })).toBe("7.3");
  expect(account(begin({ pid: 7 }), begin({ pid: 7, process: 3 }), end({ pid: 7 })).processes).toBe(
    2,
  );
});

test("a trace that was begun and ended without a loss is not told; other marks are not seen", () => {
  const none = { launches: 3, kernels: 3, untimed: 0, misdated: 0, dropped: 0, ranges_lost: 0 };
  expect(told(account(begin({ pid: 7 }), end({ pid: 7, ...none })))).toEqual([]);
  const others = account(
    mark("cuda_trace_begin"),
    mark("load", { pid: 7 }),
    mark("cuda_trace_end"),
  );
  expect([others.processes, told(others)]).toEqual([0, []]);
});

test("what each process counted is added up, each under its code", () => {
  const a = account(
    ...[begin({ pid: 1 }), begin({ pid: 2 })],
    end({ pid: 1, dropped: 2, untimed: 3, misdated: 5, ranges_lost: 7 }),
    end({ pid: 2, dropped: 10, untimed: 20, misdated: 40, ranges_lost: 80 }),
  );
  expect(told(a)).toEqual([
    ["cuda-dropped", 12],
    ["cuda-untimed", 23],
    ["cuda-misdated", 45],
    ["cuda-ranges-open", 87],
  ]);
  expect(texts(a)).toMatch(/dropped 12 records.*gave 23 kernels.*45 records.*87 NVTX ranges/);
});

describe("a trace without an end", () => {
  test("is told of whoever began one and was not refused CUPTI", () => {
    const a = account(begin({ pid: 1 }), begin({ pid: 2, refused: true }), begin({ pid: 3 }), end({ pid: 3 })); // prettier-ignore
    expect(told(a)).toEqual([
      ["cuda-refused", 1],
      ["cuda-unfinished", 1],
    ]);
    expect(texts(a)).toMatch(/had CUPTI in process 2: .*no end of the trace from process 1 \(/);
  });

  test("an end alone is none, for old logs say no begin", () => {
    expect(told(account(end({ pid: 1 })))).toEqual([]);
  });

  test("of many processes three are named", () => {
    const named = (n: number): string =>
      texts(account(...Array.from({ length: n }, (_, i) => begin({ pid: 10 + i, process: i }))));
    expect(named(3)).toContain("from 3 processes: 10, 11, 12 (");
    expect(named(4)).toContain("from 4 processes: 10, 11, 12 and others (");
  });
});

describe("beside what the log has", () => {
  const log = (launches: number, kernels: number, alone = 0): InLog => ({
    launches,
    kernels,
    alone,
  });

  test("what the library wrote and the log lacks is missing; more is no loss", () => {
    const a = account(
      end({ pid: 1, launches: 10, kernels: 8 }),
      end({ pid: 2, launches: 5, kernels: 5 }),
    );
    expect(told(a, { 1: log(9, 5), 2: log(6, 7) })).toEqual([["cuda-not-in-log", 1 + 3]]);
    expect(told(a, { 1: log(10, 8), 2: log(5, 5) })).toEqual([]);
    // Of a process that the log does not know at all everything.
    expect(told(a, { 1: log(10, 8) })).toEqual([["cuda-not-in-log", 10]]);
    expect(told(a)).toEqual([]);
  });

  test("launches alone are a loss where the library says which of them a graph captured", () => {
    const [old, now] = [{ pid: 1 }, { pid: 2, process: 4 }];
    const a = account(begin(old), end({ ...old, launches: 9 }), begin(now), end({ ...now, launches: 9 })); // prettier-ignore
    expect(told(a, { 1: log(9, 0, 6), 2.4: log(9, 0, 5) })).toEqual([["cuda-launches-alone", 5]]);
  });

  test("without an end nothing is compared but launches alone", () => {
    const a = account(begin({ pid: 2, process: 4 }));
    expect(told(a, { 2.4: log(0, 0, 5) })).toEqual([
      ["cuda-unfinished", 1],
      ["cuda-launches-alone", 5],
    ]);
  });
});
