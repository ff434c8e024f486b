// Means at a rate on made runs: how many there are, when, of what power, and that their Joules are those of all rows.

import { describe, expect, test } from "@jest/globals";
import type { AlignedRun } from "../../align/timeline.ts";
import { Decimator, type MeanRun } from "../../dataset/decimator.ts";
import { runsOf } from "../support/rows.ts";

const HZ = 1000;

interface Mean {
  readonly t: number;
  readonly w: number;
  readonly v: number | undefined;
  readonly e: number;
  readonly f: number;
}

function meansOf(factor: number, runs: Iterable<AlignedRun>, holdsNs = 0): Mean[] {
  const out: Mean[] = [];
  const take = ({ from, to, tNs, totalW, rails, flags, energyJ }: MeanRun): void => {
    for (let i = from; i < to; i++)
      out.push({
        t: tNs[i]! / 1e9,
        w: totalW[i]!,
        v: rails[0]!.voltageV?.[i],
        e: energyJ[i]!,
        f: flags[i]!,
      });
  };
  const decimator = new Decimator(factor, holdsNs, take);
  for (const run of runs) decimator.add(run);
  decimator.end();
  return out;
}

/** The same rows, the runs cut every so many rows, timed by their index or each by itself. */
function* cut(runs: readonly AlignedRun[], rows: number, isEven: boolean): Generator<AlignedRun> {
  for (const run of runs)
    for (let from = 0; from < run.to; from += rows)
      yield {
        ...run,
        from,
        to: Math.min(from + rows, run.to),
        gapBefore: run.gapBefore && from === 0,
        ...(isEven ? { periodNs: 1e9 / HZ } : {}),
      };
}

const ramp = (s: number) => [{ w: 100 + 20 * s, v: 12, i: (100 + 20 * s) / 12 }];
const whole = (n: number) => runsOf(HZ, [{ from: 0, to: n }], ramp);

describe.each([true, false])("rows timed by their index: %s", (isEven) => {
  test.each([1, 2, 7, 100, 999, 1000])(
    "of 1000 rows, %i at a time: ⌈1000/factor⌉ means, however runs are cut",
    (factor) => {
      for (const rows of [1000, 333, 10, 1]) {
        const means = meansOf(factor, cut(whole(1000), rows, isEven));
        expect(means).toHaveLength(Math.ceil(1000 / factor));
        const off = means.map((m, k) => {
          const [a, b] = [k * factor, Math.min((k + 1) * factor, 1000)];
          const [middle, end] = [(a + b - 1) / 2 / HZ, (b - 1) / HZ];
          // Joules from the first row to the last of this mean.
          const expected = [middle, 100 + 20 * middle, 12, 100 * end + 10 * end ** 2];
          return Math.max(...[m.t, m.w, m.v!, m.e].map((x, i) => Math.abs(x - expected[i]!)));
        });
        expect(Math.max(...off)).toBeLessThan(1e-9);
      }
    },
  );

  test("rows that are means over their time: the last one counts for a period more", () => {
    const means = meansOf(
      4,
      cut(
        runsOf(HZ, [{ from: 0, to: 10 }], (_, k) => [{ w: k }]),
        3,
        isEven,
      ),
      1e6,
    );
    // Rectangles: Σ k over the rows so far, a millisecond each.
    expect(means.map((m) => m.e * 1e3)).toEqual([6, 28, 45].map((x) => expect.closeTo(x, 9)));
  });

  test("a gap ends a mean early, and Joules stand still across it", () => {
    const runs = runsOf(
      HZ,
      [
        { from: 0, to: 10 },
        { from: 1000, to: 1006 },
      ],
      () => [{ w: 50 }],
    );
    const means = meansOf(4, cut(runs, 5, isEven));
    expect(means.map((m) => m.t * 1e3)).toEqual(
      [1.5, 5.5, 8.5, 1001.5, 1004.5].map((x) => expect.closeTo(x, 6)),
    );
    const ends = [3, 7, 9, 9 + 3, 9 + 5];
    expect(means.map((m) => m.e)).toEqual(ends.map((ms) => expect.closeTo(50e-3 * ms, 9)));
  });

  test("flags of any of its rows are a mean's flags, and no other's", () => {
    const runs = whole(40);
    const flags = runs[0]!.flags;
    [flags[9], flags[12], flags[13], flags[39]] = [1, 2, 4, 8];
    for (const rows of [40, 7, 1]) {
      const means = meansOf(4, cut(runs, rows, isEven));
      expect(means.map((m) => m.f)).toEqual([0, 0, 1, 6, 0, 0, 0, 0, 0, 8]);
    }
  });

  test("more means than are written at a time come all, in order", () => {
    const n = 2 * 8192 * 2 + 1;
    const means = meansOf(
      2,
      cut(
        runsOf(HZ, [{ from: 0, to: n }], () => [{ w: 10 }]),
        5000,
        isEven,
      ),
    );
    expect(means).toHaveLength(Math.ceil(n / 2));
    expect(means.every((m, k) => k === 0 || m.t > means[k - 1]!.t)).toBe(true);
    expect(means.at(-1)!.e).toBeCloseTo((10 * (n - 1)) / HZ, 6);
  });
});

test("what a rail does not measure has no mean", () => {
  const means = meansOf(
    2,
    runsOf(HZ, [{ from: 0, to: 4 }], () => [{ w: 5 }]),
  );
  expect(means.map((m) => m.v)).toEqual([undefined, undefined]);
});

test("without rows there is nothing", () => {
  expect(meansOf(4, [])).toEqual([]);
});
