// Kernels dated by a CUPTI that errs in a known way: their bounds hold, and what cannot be bounded says so.

import { describe, expect, test } from "@jest/globals";
import { KernelCollector, type KernelTable, SOURCES } from "../../align/clocks/cuda-kernels.ts";
import { kernelTimes } from "../../align/clocks/cuda-times.ts";
import type { ClockExchange, Mark } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import {
  burst,
  GPU,
  HOST_EPOCH,
  kernelMarks,
  PID,
  pingRecord,
  session,
  submitMark,
  truth,
} from "./gpu-bench.ts";
import { textsOf } from "../../schema/findings.ts";

function collect(marks: readonly Mark[]): KernelTable | undefined {
  const collector = new KernelCollector();
  for (const m of marks) collector.add(m, session);
  return collector.finish();
}

/** 6 s: bursts every half second at which CUPTI errs by up to 2 µs, straight lines between; kernels throughout. */
function bench(seed: number): { marks: Mark[]; exchanges: ClockExchange[]; startsNs: number[] } {
  const t = truth(seed);
  const exchanges: ClockExchange[] = [];
  const nodes = Array.from({ length: 13 }, (_, i) => ({
    at: 0.5e9 * i,
    error: 2000 * (2 * t.r.uniform() - 1),
  }));
  for (const { at, error } of nodes) {
    const pings = burst(t, GPU, at + 2e9, 40);
    exchanges.push(...pings, ...pingRecord(t, pings, error));
  }
  const errorAt = (ns: number): number => {
    const i = Math.min(11, Math.floor((ns - 2e9) / 0.5e9));
    const share = (ns - 2e9 - nodes[i]!.at) / 0.5e9;
    return nodes[i]!.error + share * (nodes[i + 1]!.error - nodes[i]!.error);
  };
  const startsNs: number[] = [];
  const marks: Mark[] = [];
  for (let id = 1, at = 2.001e9; at < 7.9e9; id++, at += t.r.exponential(30e6)) {
    const submit = at - 3000 - t.r.exponential(5000);
    const length = 2000 + t.r.exponential(50_000);
    marks.push(submitMark(id, "gemm", submit));
    marks.push(...kernelMarks(id, "gemm", at + errorAt(at), at + length + errorAt(at)));
    startsNs.push(at);
  }
  return { marks, exchanges, startsNs };
}

describe("kernels on the session clock", () => {
  test("50 seeded runs: every start lies in its bounds, which are narrower than ±5 µs", () => {
    let widest = 0;
    for (let seed = 1; seed <= 50; seed++) {
      const { marks, exchanges, startsNs } = bench(seed);
      const k = kernelTimes(collect(marks), exchanges, session)!;
      expect([k.table.count, k.unbounded, k.early, textsOf(k.findings)]).toEqual([
        startsNs.length,
        0,
        0,
        [],
      ]);
      // Marks are whole nanoseconds.
      const wrong = startsNs.filter((at, i) => k.loNs[i]! - 1 > at || k.hiNs[i]! + 1 < at);
      expect([seed, wrong]).toEqual([seed, []]);
      k.startNs.forEach((start, i) => {
        const kept = k.endNs[i]! - start - (k.table.endNs[i]! - k.table.startNs[i]!);
        widest = Math.max(widest, (k.hiNs[i]! - k.loNs[i]!) / 2, 1e6 * Math.abs(kept));
      });
    }
    expect(widest).toBeLessThan(5000);
  });

  test("a kernel cannot start before its launch: the launch bounds it too", () => {
    const { exchanges } = bench(1);
    const at = 4e9;
    const free = kernelTimes(collect(kernelMarks(1, "k", at, at + 5000)), exchanges, session)!;
    const middle = Math.round((free.loNs[0]! + free.hiNs[0]!) / 2);
    const late = [submitMark(1, "k", middle), ...kernelMarks(1, "k", at, at + 5000)];
    const k = kernelTimes(collect(late), exchanges, session)!;
    expect([k.loNs[0], k.hiNs[0], k.early]).toEqual([middle, free.hiNs[0], 0]);
    const impossible = [submitMark(1, "k", at + 50_000), ...kernelMarks(1, "k", at, at + 5000)];
    const early = kernelTimes(collect(impossible), exchanges, session)!;
    expect(early.early).toBe(1);
    expect(textsOf(early.findings).join()).toMatch(/1 of 1 kernels begin before their launch/);
  });

  test("without exchanges, or of another process, CUPTI's word stands, unbounded and said", () => {
    const { marks, exchanges, startsNs } = bench(2);
    const others = exchanges.map((e) => ({ ...e, stream: e.stream.replace(`:${PID}`, ":7") }));
    for (const list of [[], others]) {
      const k = kernelTimes(collect(marks), list, session)!;
      expect(k.unbounded).toBe(startsNs.length);
      expect(k.loNs.every(Number.isNaN)).toBe(true);
      expect(k.startNs[3]).toBe(k.table.startNs[3]);
      expect(textsOf(k.findings).join()).toMatch(/have times from CUPTI alone/);
    }
  });

  /** Kernel `id` behind a gate that was opened at `opened`; the host saw its flag and its end. */
  const gateMark = (id: number, opened: number, flag: number, done: number): Mark => ({
    name: "cuda_gate",
    phase: "instant",
    clock: "host",
    t: HOST_EPOCH,
    fields: {
      ...{ pid: PID, tid: PID, launch: id, opening_ns: Number(HOST_EPOCH) + opened },
      ...{ flag_ns: flag - opened, done_ns: done - opened },
    },
  });
  const gated = [submitMark(1, "k", 4e9), gateMark(1, 4e9 + 50_000, 4e9 + 60_000, 4e9 + 70_000)];

  test("a gate brackets a start by the host's clock alone: source gate, or both where both are known", () => {
    const record = kernelMarks(1, "k", 4e9 + 61_000, 4e9 + 66_000);
    const alone = kernelTimes(collect([...gated, ...record]), [], session)!;
    expect([...alone.source]).toEqual([SOURCES.indexOf("gate")]);
    expect([alone.loNs[0], alone.hiNs[0], alone.unbounded]).toEqual([
      4e9 + 50_000,
      4e9 + 65_000,
      0,
    ]);
    const { exchanges } = bench(1);
    const both = kernelTimes(collect([...gated, ...record]), exchanges, session)!;
    expect([...both.source, both.gateContradictions]).toEqual([SOURCES.indexOf("cupti"), 0]);
    expect(both.hiNs[0]! - both.loNs[0]!).toBeLessThan(10_000);
    const far = kernelMarks(1, "k", 4e9 + 161_000, 4e9 + 166_000);
    const wrong = kernelTimes(collect([...gated, ...far]), exchanges, session)!;
    expect(wrong.gateContradictions).toBe(1);
    expect(textsOf(wrong.findings).join()).toMatch(
      /1 of 1 kernels: the gate before them and their record/,
    );
  });

  test("without kernel records: gates give start and end, launches alone a lower bound and no end", () => {
    const k = kernelTimes(collect([...gated, submitMark(2, "other", 5e9)]), [], session)!;
    expect([...k.source].map((s) => SOURCES[s])).toEqual(["gate", "submit"]);
    expect([k.startNs[0], k.endNs[0]]).toEqual([4e9 + 60_000, 4e9 + 70_000]);
    expect([k.loNs[1], k.hiNs[1], k.endNs[1]]).toEqual([5e9, NaN, NaN]);
    expect([k.table.launches, k.table.launchesAlone]).toEqual([2, 0]);
    expect(textsOf(k.findings).join()).toMatch(/1 of 2 kernels have a launch and no recorded end/);
  });

  test("exchanges that no map fits are an error, not a warning", () => {
    const { marks, exchanges } = bench(4);
    const broken = exchanges.map((e, i) => ({
      ...e,
      ...(e.stream === GPU && i % 2 === 0
        ? { deviceReceived: e.deviceReceived + 10_000_000n }
        : {}),
    }));
    expect(() => kernelTimes(collect(marks), broken, session)).toThrow(/no map .* fits its \d+/);
  });

  test("bursts where CUPTI and the GPU contradict each other are counted and left out", () => {
    const { marks, exchanges } = bench(3);
    const t = truth(3);
    const pings = burst(t, GPU, 5.25e9, 40);
    // CUPTI says the ping began 20 µs after it answered, and ended when it did.
    const wrong = pingRecord(t, pings, 0).map((e) => ({
      ...e,
      sent: instant<"host">(e.sent + 40_000n),
    }));
    const k = kernelTimes(collect(marks), [...exchanges, ...pings, ...wrong], session)!;
    expect(k.cupti[0]!.contradictions).toBe(1);
    expect(textsOf(k.findings)).toHaveLength(1);
  });

  test("launches and kernels are joined: graphs launch many, captures none", () => {
    const marks = [
      submitMark(1, "captured", 1e9),
      submitMark(2, "cuGraphLaunch", 2e9),
      ...[0, 1, 2].flatMap((i) =>
        kernelMarks(2, `node ${i}`, 2.1e9 + 1e6 * i, 2.1005e9 + 1e6 * i).map((m) => ({
          ...m,
          fields: { ...m.fields, span: `0#g${i}` },
        })),
      ),
    ];
    const table = collect(marks)!;
    expect([table.count, table.launches, table.launchesAlone]).toEqual([3, 2, 1]);
    expect([...table.submitNs.slice(0, 3)]).toEqual([2e9, 2e9, 2e9]);
    expect(table.names).toEqual(["node 0", "node 1", "node 2"]);
  });

  test("other marks are left to others; many kernels keep their rows", () => {
    const collector = new KernelCollector();
    expect(collector.add({ name: "load", phase: "begin", clock: "host", t: 1n }, session)).toBe(
      false,
    );
    for (let i = 0; i < 5000; i++)
      for (const m of kernelMarks(i, `k${i % 7}`, 1e6 * i, 1e6 * i + 100 + i))
        collector.add(m, session);
    const table = collector.finish()!;
    expect([table.count, table.names.length, table.shapes.length]).toEqual([5000, 7, 2]);
    expect([table.startNs[4999], table.endNs[4999]]).toEqual([4999e6, 4999e6 + 5099]);
  });
});
