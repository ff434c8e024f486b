// Series at the edges of their rules: clocks set back, equal stamps, wraps, gaps just as long as one may be, windows
// that hold no read or one.

import { describe, expect, test } from "@jest/globals";
import { Series } from "../../energy/claims/series.ts";
import { readsOf } from "../support/telemetry.ts";

const S = 1e9;
type Read = readonly [s: number, value: number];

const series = (reads: readonly Read[], channel = {}): Series => {
  let k = 0;
  // In the order of the log, whatever their stamps.
  const of = readsOf(
    reads.map(([s]) => s * S),
    () => reads[k++ % reads.length]![1],
    channel,
  );
  return new Series(of);
};
const stamps = (s: Series): number[] => [...s.tNs].map((t) => t / S);
const steady = (atS: readonly number[], value = 1): Read[] => atS.map((s) => [s, value]);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const COUNTER = { quantity: "energy", unit: "J" } as const;

describe("stamps that go back", () => {
  test("what two stretches claim is left out, both ends with it; beside it everything stays", () => {
    const s = series(steady([...range(0, 20), ...range(10, 30).map((t) => t + 0.5)]));
    // Set back by 10.5 s at 20 s: from 10.5 to 20 nobody knows.
    expect(stamps(s)).toEqual([...range(0, 10), ...range(20, 30).map((t) => t + 0.5)]);
  });

  test("set back again and further: the later stretch covers the earlier", () => {
    const s = series(
      steady([
        ...range(0, 20),
        ...range(15, 25).map((t) => t + 0.25),
        ...range(5, 30).map((t) => t + 0.5),
      ]),
    );
    expect(stamps(s)).toEqual([...range(0, 5), ...range(25, 30).map((t) => t + 0.5)]);
  });

  test("set back twice, apart: two stretches are left out, and what lies between stays", () => {
    const s = series(
      steady([
        ...range(0, 10),
        ...range(6, 30).map((t) => t + 0.5),
        ...range(26, 40).map((t) => t + 0.75),
      ]),
    );
    expect(stamps(s)).toEqual([
      ...range(0, 6),
      ...range(10, 26).map((t) => t + 0.5),
      ...range(30, 40).map((t) => t + 0.75),
    ]);
  });

  test("by two periods it is jitter, beyond them a setting", () => {
    const late = (byS: number): number[] => [...range(0, 8), 9, 9 - byS, ...range(10, 20)];
    expect(series(steady(late(1.75))).tNs.length).toBe(22);
    expect(stamps(series(steady(late(2.5))))).toEqual([...range(0, 6), ...range(10, 20)]);
  });

  test("of reads of one instant the last stands", () => {
    const s = series([
      [0, 1],
      [1, 2],
      [1, 3],
      [2, 4],
      [2, 5],
    ]);
    expect(stamps(s)).toEqual([0, 1, 2]);
    expect([...s.value]).toEqual([1, 3, 5]);
  });

  test("failed reads are counted by their stamps, in whatever order they came", () => {
    const s = series([
      [0, 1],
      [3, NaN],
      [1, 1],
      [2, NaN],
      [4, 1],
      [5, NaN],
    ]);
    const failed = (a: number, b: number): number => s.claim(a * S, b * S).failedReads;
    expect([failed(0, 5), failed(2, 3), failed(2.5, 5), failed(3.5, 4.5)]).toEqual([3, 2, 2, 0]);
  });
});

describe("a counter", () => {
  test("goes round where it falls, and only there", () => {
    const raw: Read[] = [5, 5, 9, 2, 2, 8, 8, 1].map((v, i) => [i, v]);
    expect([...series(raw, { ...COUNTER, wrapsAt: 10 }).value]).toEqual([
      ...[5, 5, 9, 12, 12, 18, 18, 21],
    ]);
    // Without a width it was reset: nothing is added.
    expect([...series(raw, COUNTER).value]).toEqual([5, 5, 9, 9, 9, 15, 15, 15]);
  });

  test("that never falls stays as it is", () => {
    const raw: Read[] = [0, 0, 3, 3, 7].map((v, i) => [i, v]);
    expect([...series(raw, { ...COUNTER, wrapsAt: 1 }).value]).toEqual([0, 0, 3, 3, 7]);
  });

  /** 100 J at every third read. */
  const steps = (last = 12): Series =>
    series(
      range(0, last).map((t) => [t, 100 * Math.floor(t / 3)]),
      COUNTER,
    );

  test("claims what its line says between the ends, between what the neighbouring updates allow", () => {
    // Reads 2 … 8: at 2 it shows 0 and next 100, at 8 200, before it 100 and after it 300.
    const c = steps().claim(2 * S, 8 * S);
    expect(c.energyJ).toBe(200);
    expect(c.intervalJ).toEqual([0, 300]);
    // Reads 4 … 10: 100, before 0, next 200; 300, before 200, after 400.
    expect(steps().claim(4 * S, 10 * S).intervalJ).toEqual([0, 400]);
    // Reads 1 … 11 see three updates and may have missed one at either end.
    expect(steps(15).claim(S, 11 * S).intervalJ).toEqual([100, 400]);
  });

  test("needs one read inside; without any it claims nothing", () => {
    const one = steps().claim(3.5 * S, 4.5 * S);
    expect(one).toMatchObject({ samples: 1, energyJ: 0 });
    expect(one.intervalJ).toEqual([0, 200]);
    const none = steps().claim(4.2 * S, 4.6 * S);
    expect(none.energyJ).toBeNaN();
    expect(none.intervalJ).toEqual([NaN, NaN]);
    expect(none.samples).toBe(0);
  });

  test("that never moves says nothing", () => {
    const flat = series(steady(range(0, 9), 40), COUNTER);
    expect(flat.claim(2 * S, 7 * S).energyJ).toBeNaN();
    expect(flat.count).toMatchObject({ stoodNs: 9 * S, open: [] });
    // For less than a second it may.
    const brief = series(steady([0, 0.25, 0.5, 0.75], 40), COUNTER);
    expect(brief.claim(0, 0.75 * S)).toMatchObject({ energyJ: 0, intervalJ: [0, 0] });
  });
});

describe("gaps", () => {
  const at = (...s: number[]): Series => series(steady([...range(0, 10), ...s]));
  const share = (s: Series, a: number, b: number): number => s.claim(a * S, b * S).gapFraction;

  test("2.5 periods are none, more are one", () => {
    expect(share(at(12.5, 13.5), 0, 13.5)).toBe(0);
    expect(share(at(12.6, 13.6), 0, 13.6)).toBeCloseTo(2.6 / 13.6, 12);
  });

  test("count at both ends of a window, between its reads, and not outside it", () => {
    const s = at(15, 16, 21, 22, 23);
    expect(share(s, 0, 23)).toBeCloseTo(10 / 23, 12);
    expect(share(s, 12, 22)).toBeCloseTo(8 / 10, 12);
    expect(share(s, 3, 14)).toBeCloseTo(4 / 11, 12);
    expect(share(s, 14.5, 18)).toBe(0);
    expect(share(s, 16, 19)).toBeCloseTo(3 / 3, 12);
    expect(share(s, 17, 20)).toBe(1);
    // However short it is: the reads around it are 5 periods apart.
    expect(share(s, 17, 19)).toBe(1);
    expect(share(s, 5, 5)).toBe(0);
    expect(share(s, 6, 4)).toBe(0);
  });

  test("a window that is all gap claims nothing where it has no read, and by its line where it has one", () => {
    const s = at(20, 30, 31, 32, 33, 34);
    const none = s.claim(12 * S, 18 * S);
    expect(none).toMatchObject({ samples: 0, gapFraction: 1 });
    expect(none.energyJ).toBeNaN();
    expect(none.intervalJ).toEqual([NaN, NaN]);
    const one = s.claim(15 * S, 25 * S);
    expect(one).toMatchObject({ samples: 1, gapFraction: 1 });
    expect(one.energyJ).toBeCloseTo(10, 12);
  });

  test("a read exactly 1.5 periods late leaves nothing open", () => {
    const rising = (...s: number[]): Series =>
      series([...range(0, 10), ...s].map((t) => [t, 20 * t]));
    const width = (s: Series): number => {
      const { energyJ, intervalJ } = s.claim(9 * S, 14 * S);
      return intervalJ[1] - energyJ;
    };
    expect(width(rising(11.5, 12.5, 13.5, 14.5))).toBeCloseTo(25, 9);
    expect(width(rising(11.75, 12.75, 13.75, 14.75))).toBeCloseTo(25 + (35 * 1.75) / 2, 9);
  });
});

test("a channel without a good read claims nothing", () => {
  for (const channel of [{}, COUNTER])
    for (const s of [series([], channel), series([[1, NaN]], channel)]) {
      const c = s.claim(0, S / 10);
      expect(c.energyJ).toBeNaN();
      expect(c.intervalJ).toEqual([NaN, NaN]);
      expect(c.samples).toBe(0);
    }
});

test("the first read of those that show one value, asked in any order", () => {
  const values = [4, 4, 4, 7, 7, 4, 4, 4, 4, 9];
  const first = (i: number): number => {
    let k = i;
    while (k > 0 && values[k - 1] === values[i]) k--;
    return k;
  };
  const orders = [range(0, 9), range(0, 9).reverse(), [8, 6, 7, 2, 0, 4, 1, 9, 5, 3, 8, 8, 2]];
  for (const order of orders) {
    const s = series(values.map((v, t) => [t, v]));
    expect(order.map((i) => s.firstAlike(i))).toEqual(order.map(first));
  }
});
