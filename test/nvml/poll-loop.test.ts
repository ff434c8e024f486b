// The polling loop on a scripted clock: no threads, no waiting.

import { describe, expect, test } from "@jest/globals";
import { batchOver, NO_STAMP, type ReadBatch, readAt } from "../../nvml/batch.ts";
import { poll } from "../../nvml/poll-loop.ts";
import type { RowSink, TelemetryProvider } from "../../nvml/provider.ts";

const T0 = 5_000_000_000n;

/** A clock that only moves when it is waited on or when a read says how long it took. */
class ScriptedClock {
  t = T0 - 20_000_000n;
  #ticks: number;

  constructor(ticks: number) {
    this.#ticks = ticks;
  }

  now = (): bigint => this.t;

  waitUntil = (t: bigint): boolean => {
    if (t > this.t) this.t = t;
    return this.#ticks-- > 0;
  };
}

function provider(
  read: (channel: number, out: RowSink) => void,
  names: readonly string[],
  maxRows = 1,
): TelemetryProvider {
  const channels = names.map((name) => ({ name, quantity: "power", unit: "W" }) as const);
  return { description: "scripted", channels, missing: [], maxRows, read, close: () => undefined };
}

function gather(): { batches: ReadBatch[]; emit: (buffer: ArrayBuffer, count: number) => void } {
  const batches: ReadBatch[] = [];
  return { batches, emit: (buffer, count) => void batches.push(batchOver(buffer, count)) };
}

describe("poll", () => {
  test("every read is stamped before and after, in channel order", () => {
    const clock = new ScriptedClock(3);
    const p = provider(
      (channel, out) => {
        clock.t += 1_000_000n * BigInt(channel + 1);
        out.put(channel, 0, NaN);
      },
      ["a", "b"],
    );
    const { batches, emit } = gather();
    poll(p, T0, 10e6, clock, emit);
    const reads = batches.flatMap((b) =>
      Array.from({ length: b.count }, (_, i) => readAt(b, i, p.channels)),
    );
    expect(reads.map((r) => [r.channel, r.before - T0, r.after - T0])).toEqual([
      ["a", 0n, 1_000_000n],
      ["b", 1_000_000n, 3_000_000n],
      ["a", 10_000_000n, 11_000_000n],
      ["b", 11_000_000n, 13_000_000n],
      ["a", 20_000_000n, 21_000_000n],
      ["b", 21_000_000n, 23_000_000n],
    ]);
  });

  test("a failed read is a row with its code and NaN, even if the source put a number", () => {
    const { batches, emit } = gather();
    const report = poll(
      provider((_c, out) => out.put(0, 15, 1e15), ["a"]),
      T0,
      10e6,
      new ScriptedClock(4),
      emit,
    );
    expect([...batches[0]!.value]).toEqual([NaN, NaN, NaN, NaN]);
    expect([...batches[0]!.code]).toEqual([15, 15, 15, 15]);
    expect(report).toMatchObject({ reads: [4], failed: [4] });
  });

  test("a read may put several rows or none; they share its stamps", () => {
    const { batches, emit } = gather();
    let call = 0;
    const p = provider(
      (_c, out) => {
        for (let i = 0; i < [0, 3, 1][call]!; i++) out.put(i, 0, 1_700_000_000_000_000 + i);
        call++;
      },
      ["ring"],
      3,
    );
    const report = poll(p, T0, 10e6, new ScriptedClock(3), emit);
    const [batch] = batches;
    expect(report.reads).toEqual([4]);
    expect([...batch!.before].map((t) => t - T0)).toEqual([10e6, 10e6, 10e6, 20e6].map(BigInt));
    expect(batch!.stamp[1]).toBe(1_700_000_000_000_001_000n);
  });

  test("rows leave in batches about every 100 ms and none is left behind", () => {
    const { batches, emit } = gather();
    poll(
      provider((_c, out) => out.put(1, 0, NaN), ["a"]),
      T0,
      10e6,
      new ScriptedClock(101),
      emit,
    );
    expect(batches.map((b) => b.count)).toEqual([
      ...new Array<number>(10).fill(10).map((n, i) => (i === 0 ? n + 1 : n)),
    ]);
    expect(batches[0]!.stamp[0]).toBe(NO_STAMP);
  });

  test("a read that fills the batch flushes first", () => {
    const { batches, emit } = gather();
    const p = provider(
      (_c, out) => {
        for (let i = 0; i < 3000; i++) out.put(i, 0, NaN);
      },
      ["ring"],
      3000,
    );
    poll(p, T0, 1e6, new ScriptedClock(3), emit);
    const values = batches.flatMap((b) => [...b.value]);
    expect(values).toEqual(Array.from({ length: 9000 }, (_, i) => i % 3000));
  });
});
