// Kernels beside a GPU's clock that runs with the host's: bounds by the bursts around them, launches and gates, in
// closed form.

import { beforeAll, describe, expect, test } from "@jest/globals";
import { KernelCollector } from "../../align/clocks/cuda-kernels.ts";
import { type KernelTimes, kernelTimes, timeAt } from "../../align/clocks/cuda-times.ts";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { session as SESSION } from "./gpu-bench.ts";

const S = 1e9;
const GPU = "gpu:0";
const host = (ns: number) => instant<"host">(SESSION.hostEpoch + BigInt(ns));
const exchange = (stream: string, sent: number, gpu: number, received: number): ClockExchange => ({
  ...{ stream, sent: host(sent), received: host(received) },
  ...{ deviceReceived: BigInt(gpu), deviceSent: BigInt(gpu) },
});
/**
 * A burst at an instant: the GPU reads the host's time, known to −1 and +1001 ns. CUPTI dates its first reading so
 * late, and its last so early (below zero: late).
 */
function burst(at: number, first: number, last: number, of = `${GPU} cupti:1`): ClockExchange[] {
  const gpu = [0, 1001, 2001].map((d) => exchange(GPU, at + d, at + d, at + d + 1000));
  const [sent, received] = [at + first, at + 2001 - last];
  return [...gpu, exchange(of, sent, at, received), exchange(of, sent, at + 2001, received)];
}
const kernel = (id: number, start: number, end: number, of: object = {}): Mark[] => {
  const launch = { pid: 1, tid: 1, kind: "kernel", correlation: id, span: `0#${id}` };
  const where = { gpu: GPU, stream: 0, grid: "1x1x1", block: "1x1x1" };
  return [
    {
      name: "k",
      phase: "begin",
      clock: "host",
      t: host(start),
      fields: { ...launch, ...where, ...of },
    },
    { name: "k", phase: "end", clock: "host", t: host(end), fields: { ...launch, ...of } },
  ];
};
const launch = (id: number, t: number): Mark => ({
  ...{ name: "k", phase: "instant", clock: "host", t: host(t) },
  fields: { pid: 1, tid: 1, kind: "submit", correlation: id },
});
const gate = (id: number, opened: number, flag: number, done: number): Mark => ({
  ...{ name: "cuda_gate", phase: "instant", clock: "host", t: host(opened) },
  fields: {
    ...{ pid: 1, tid: 1, launch: id, opening_ns: Number(SESSION.hostEpoch) + opened },
    ...{ flag_ns: flag - opened, done_ns: done - opened },
  },
});
function times(marks: readonly Mark[], exchanges: readonly ClockExchange[]): KernelTimes {
  const collector = new KernelCollector();
  for (const m of marks) collector.add(m, SESSION);
  return kernelTimes(collector.finish(), exchanges, SESSION)!;
}
const near = (x: number): unknown => expect.closeTo(x, 0);

/** CUPTI comes late at 1 s by 300 to 400 ns, at 3 s by 600 to 700. */
const BURSTS = [...burst(1 * S, 400, -300), ...burst(3 * S, 700, -600)];
/** Of a kernel's start. */
const boundsAt = (k: KernelTimes, row = 0): [lo: number, hi: number] => {
  const { loNs, hiNs } = timeAt(k, row);
  return [loNs, hiNs];
};

test("CUPTI's error is bounded at each burst by the first and the last instruction", () => {
  const k = times(kernel(1, 2 * S, 2 * S + 10_000), BURSTS);
  const [error] = k.cupti;
  expect(error!.name).toBe("gpu:0 cupti:1");
  expect([...error!.atNs]).toEqual([S + 400, 3 * S + 700]);
  // At its first reading true time is known to 0 … 1000 and a step; CUPTI said 400.
  // At a reading true time lies −1 … 1001 ns from it, whichever of three the line is fitted to.
  const [lo, hi] = [[...error!.loNs], [...error!.hiNs]];
  for (const [i, late] of [400, 700].entries()) {
    expect(hi[i]!).toBeLessThanOrEqual(1001 - late + 1);
    expect(hi[i]!).toBeGreaterThanOrEqual(-late);
  }
  // Its last reading came 300 and 600 ns before the end that CUPTI gives.
  for (const [i, early] of [300, 600].entries()) {
    expect(lo[i]!).toBeGreaterThanOrEqual(-1 - early - 1);
    expect(lo[i]!).toBeLessThanOrEqual(-early);
  }
  error!.loNs.forEach((lo, i) => expect(lo).toBeLessThanOrEqual(error!.hiNs[i]!));
});

describe("a kernel's start", () => {
  const start = 2 * S;
  const bound = (at: number): [number, number] => {
    const k = times(kernel(1, at, at + 10_000), BURSTS);
    const [lo, hi] = boundsAt(k);
    expect(timeAt(k, 0).startNs).toBe((lo + hi) / 2);
    expect(timeAt(k, 0).endNs - timeAt(k, 0).startNs).toBeCloseTo(10_000, 3);
    return [lo - at, hi - at];
  };

  test("lies within what the bursts on both sides allow together, outside them within the nearer one's", () => {
    const [error] = times(kernel(1, start, start + 1), BURSTS).cupti;
    const { loNs: lo, hiNs: hi } = error!;
    expect(hi[0]).toBeGreaterThan(hi[1]!);
    expect(lo[0]).toBeGreaterThan(lo[1]!);
    const both = [lo[1], hi[0]].map((x) => near(x!));
    const [first, last] = [0, 1].map((i) => [near(lo[i]!), near(hi[i]!)]);
    expect(bound(start)).toEqual(both);
    expect(bound(0.5 * S)).toEqual(first);
    expect(bound(S + 399)).toEqual(first);
    expect(bound(S + 400)).toEqual(both);
    expect(bound(3 * S + 699)).toEqual(both);
    expect(bound(3 * S + 700)).toEqual(last);
    expect(bound(9 * S)).toEqual(last);
  });

  test("its launch bounds it where it lies within; one beyond says that a clock is wrong", () => {
    const [lo, hi] = boundsAt(times(kernel(1, start, start + 10_000), BURSTS));
    const with_ = (at: number) => {
      const k = times([launch(1, at), ...kernel(1, start, start + 10_000)], BURSTS);
      return [boundsAt(k), k.early, k.findings.map((f) => f.code)];
    };
    const inside = Math.round((lo + hi) / 2);
    expect(with_(inside)).toEqual([[inside, hi], 0, []]);
    expect(with_(Math.floor(lo) - 5)).toEqual([[lo, hi], 0, []]);
    expect(with_(Math.ceil(hi) + 5)).toEqual([[lo, hi], 1, ["kernels-early"]]);
  });

  test("of another process or another GPU is not bounded by these bursts", () => {
    for (const other of [{ pid: 2 }, { process: 9 }, { gpu: "gpu:1" }]) {
      const k = times(kernel(1, start, start + 10_000, other), BURSTS);
      expect([k.unbounded, k.findings.map((f) => f.code)]).toEqual([1, ["kernels-unbounded"]]);
      expect([timeAt(k, 0).startNs, timeAt(k, 0).endNs]).toEqual([start, start + 10_000]);
      expect(boundsAt(k)).toEqual([NaN, NaN]);
    }
  });
});

test("a burst at which CUPTI and the GPU cannot both be right is left out, counted and told", () => {
  // CUPTI dates its first instruction 5 µs late.
  const k = times(kernel(1, 2 * S, 2 * S + 10_000), [...BURSTS, ...burst(2 * S, 5000, -300)]);
  expect([k.cupti[0]!.atNs.length, k.cupti[0]!.contradictions]).toEqual([2, 1]);
  expect(k.findings.map(({ code, subject, count }) => [code, subject, count])).toEqual([
    ["cupti-clock-contradicts", "gpu:0 cupti:1", 1],
  ]);
  expect(k.findings[0]!.text).toContain("at 1 of 3 bursts");
});

describe("which exchanges are whose", () => {
  const k1 = kernel(1, 2 * S, 2 * S + 10_000);
  let wide: KernelTimes;
  beforeAll(() => {
    wide = times(k1, BURSTS);
  });

  test("bursts in any order of the log bound the same", () => {
    const turned = times(k1, [...burst(3 * S, 700, -600), ...burst(1 * S, 400, -300)]);
    expect([...turned.cupti[0]!.atNs]).toEqual([S + 400, 3 * S + 700]);
    expect(boundsAt(turned)).toEqual(boundsAt(wide).map((x) => expect.closeTo(x, 3)));
    expect(turned.clocks.map((c) => c.clock)).toEqual([GPU]);
  });

  test("a process that drew a number has its own; a GPU without an address is one too", () => {
    const numbered = `${GPU} cupti:1.23`;
    const own = [...burst(1 * S, 400, -300, numbered), ...burst(3 * S, 700, -600, numbered)];
    expect(times(kernel(1, 2 * S, 2 * S + 10_000, { process: 23 }), own).unbounded).toBe(0);
    expect(times(k1, own).unbounded).toBe(1);
    const only = BURSTS.map((e) => ({ ...e, stream: e.stream.replace("gpu:0", "gpu") }));
    expect(times(kernel(1, 2 * S, 2 * S + 10_000, { gpu: "gpu" }), only).unbounded).toBe(0);
  });

  test("those of other streams are nobody's, whatever they say", () => {
    // No clock fits them: 1 ms within a microsecond of the host's.
    const strange = ["main", "egpu:0", "a gpu:0 cupti:1", "gpu:0 cupti:1 x"].flatMap((stream) =>
      [0, 1_000_000, 7].map((gpu) => exchange(stream, 1.5 * S, gpu, 1.5 * S + 1000)),
    );
    const k = times(k1, [...BURSTS, ...strange]);
    expect(boundsAt(k)).toEqual(boundsAt(wide));
    expect([k.clocks.length, k.cupti.length]).toEqual([1, 1]);
  });

  test("where all bursts of a process contradict the GPU its kernels are as their records say", () => {
    const k = times(k1, burst(2 * S, 5000, -300));
    expect([k.unbounded, k.cupti[0]!.contradictions]).toEqual([1, 1]);
    expect(k.findings.map((f) => f.code)).toEqual([
      ...["kernels-unbounded", "cupti-clock-contradicts"],
    ]);
  });

  test("a burst of the GPU that contradicts itself is told of its clock", () => {
    const wrong = [0, 5000, 7].map((d) => exchange(GPU, 2.5 * S, 2.5 * S + d, 2.5 * S + 1000));
    const { findings } = times(k1, [...BURSTS, ...wrong]);
    expect(findings.map(({ code, subject, count }) => [code, subject, count])).toEqual([
      ["gpu-clock-contradicts", GPU, 1],
    ]);
  });
});

test("what is told of kernels is about kernels, counted", () => {
  const at = 2 * S;
  const marks = [
    ...[launch(1, at), gate(1, at + 90_000, at + 90_001, at + 95_000)],
    ...kernel(1, at + 20_000, at + 30_000),
  ];
  const told = (list: readonly Mark[]) =>
    times(list, BURSTS).findings.map(({ code, subject, count }) => [code, subject, count]);
  expect(told(marks)).toEqual([["kernels-gate-contradicts", "kernels", 1]]);
  expect(told([launch(3, 4 * S), launch(4, 5 * S)])).toEqual([
    ["kernels-without-end", "kernels", 2],
  ]);
});

describe("a kernel behind a gate", () => {
  const at = 2 * S;
  const record = kernel(1, at + 20_000, at + 30_000);

  test("without bursts starts between the gate's opening and a kernel's length before its end was seen", () => {
    const of = (opened: number, done: number) => {
      const k = times(
        [launch(1, at), gate(1, at + opened, at + opened + 1, at + done), ...record],
        [],
      );
      const t = timeAt(k, 0);
      return [t.loNs - at, t.hiNs - at, t.startNs - at, t.endNs - at, k.gateContradictions];
    };
    expect(of(10_000, 50_000)).toEqual([10_000, 40_000, 20_000, 30_000, 0]);
    // The record is moved into them, whole.
    expect(of(22_000, 50_000)).toEqual([22_000, 40_000, 22_000, 32_000, 0]);
    expect(of(5000, 28_000)).toEqual([5000, 18_000, 18_000, 28_000, 0]);
    expect(of(30_000, 40_000)[4]).toBe(0);
    expect(of(30_001, 40_000)[4]).toBe(1);
  });

  test("with bursts starts where both allow it; where none does the record stands", () => {
    const [lo, hi] = boundsAt(times(record, BURSTS)).map((x) => x - at) as [number, number];
    const of = (opened: number, done: number) => {
      const marks = [launch(1, at), gate(1, at + opened, at + opened + 1, at + done), ...record];
      const k = times(marks, BURSTS);
      return [...boundsAt(k).map((x) => x - at), k.gateContradictions];
    };
    const inside = Math.round((lo + hi) / 2);
    expect(of(inside, 90_000)).toEqual([near(inside), near(hi), 0]);
    expect(of(1, inside + 10_000)).toEqual([near(lo), near(inside), 0]);
    expect(of(Math.ceil(hi) + 9, 90_000)).toEqual([near(lo), near(hi), 1]);
    expect(of(1, Math.floor(lo) + 10_000 - 9)).toEqual([near(lo), near(hi), 1]);
  });
});
