import { describe, expect, test } from "@jest/globals";
import { DT_EDGES, Grid } from "../../nvml/grid.ts";
import { DurationHistogram } from "../../nvml/histogram.ts";

const MS = 1e6;

/** Runs a grid of 10 ms whose ticks start `late` ms after the due time that was waited for, and work `work` ms. */
function run(late: readonly number[], work = 0.05): Grid {
  const grid = new Grid(10 * MS);
  let clock = 0;
  for (const l of late) {
    const start = Math.max(clock, grid.dueNs + l * MS);
    clock = start + work * MS;
    grid.done(start, clock);
  }
  return grid;
}

describe("grid", () => {
  test("due times do not drift with lateness", () => {
    const grid = run(new Array<number>(1000).fill(3));
    expect(grid.dueNs).toBe(1000 * 10 * MS);
    const { dropped, lateness, dt, scheduling, continuity } = grid.report();
    expect({ dropped, scheduling, continuity }).toEqual({
      dropped: 0,
      scheduling: "strict",
      continuity: "continuous",
    });
    expect(dt.medianNs).toBe(10 * MS);
    expect(lateness.medianNs / (3 * MS)).toBeCloseTo(1, 2);
    expect(lateness.worstNs).toBe(3 * MS);
  });

  test("a stall drops the ticks it covers, shows in full, and is not made up for", () => {
    const grid = run([0, 0, 47, 0, 0]); // due at 20 ms, started at 67
    const { ticks, dropped, lateness, gaps, dt, continuity } = grid.report();
    expect({ ticks, dropped, continuity }).toEqual({
      ticks: 5,
      dropped: 4,
      continuity: "degraded",
    });
    expect(lateness.worstNs).toBe(47 * MS);
    expect(gaps).toEqual({ count: 1, longestNs: 57 * MS, totalNs: 57 * MS });
    expect(dt.histogram).toEqual([1, 0, 0, 2, 0, 0, 0, 0, 1]); // 67 to 70 ms is the short one
    expect(grid.dueNs).toBe(90 * MS);
  });

  test("gap and degradation thresholds are 2.5 and 5 periods", () => {
    const gapsOf = (stallMs: number): [number, string] => {
      const { gaps, continuity } = run([0, stallMs - 10]).report();
      return [gaps.count, continuity];
    };
    expect(gapsOf(25)).toEqual([0, "continuous"]);
    expect(gapsOf(25.1)).toEqual([1, "continuous"]);
    expect(gapsOf(50)).toEqual([1, "continuous"]);
    expect(gapsOf(50.1)).toEqual([1, "degraded"]);
  });

  test("a silence before the first tick or after the last is a gap as well", () => {
    const late = run([60, 0, 0]);
    expect(late.report()).toMatchObject({ gaps: { count: 1 }, continuity: "degraded" });
    const hung = run([0, 0, 0]);
    hung.stopped(20 * MS + 40 * MS);
    expect(hung.report()).toMatchObject({
      gaps: { count: 1, longestNs: 40 * MS },
      continuity: "continuous",
    });
    const ended = run([0, 0, 0]);
    ended.stopped(30 * MS);
    expect(ended.report().gaps.count).toBe(0);
  });

  test("reads slower than the period lose ticks and strictness", () => {
    const grid = run(new Array<number>(100).fill(0), 14);
    const report = grid.report();
    expect(report.scheduling).toBe("loose");
    expect(report.dropped).toBeGreaterThan(25);
    expect(report.work.medianNs / (14 * MS)).toBeCloseTo(1, 2);
  });

  test("strict ends at 1 % of the period", () => {
    const scheduling = (dtMs: number): string => {
      const grid = new Grid(10 * MS);
      for (let i = 0; i < 50; i++) grid.done(i * dtMs * MS, i * dtMs * MS);
      return grid.report().scheduling;
    };
    expect([scheduling(9.91), scheduling(10.09)]).toEqual(["strict", "strict"]);
    expect([scheduling(9.88), scheduling(10.12)]).toEqual(["loose", "loose"]);
  });

  test("no tick and one tick make no claim", () => {
    expect(new Grid(MS).report().scheduling).toBe("unknown");
    expect(run([0]).report().scheduling).toBe("unknown");
    expect(run([0]).report().dt.medianNs).toBeNaN();
  });

  test("the dt histogram counts every distance once", () => {
    const { dt, ticks } = run([0, 4, 0, 6, 0, 9, 0, 16, 0, 0]).report();
    expect(dt.histogram).toHaveLength(DT_EDGES.length + 1);
    expect(dt.histogram.reduce((a, b) => a + b)).toBe(ticks - 1);
  });
});

test("duration quantiles are within 0.6 %, whatever the scale", () => {
  for (const scale of [10, 1e3, 1e6, 1e9]) {
    const h = new DurationHistogram();
    for (let i = 1; i <= 1000; i++) h.add(i * scale);
    expect(Math.abs(h.quantileNs(0.5) / (500 * scale) - 1)).toBeLessThan(0.006);
    expect(Math.abs(h.quantileNs(0.99) / (990 * scale) - 1)).toBeLessThan(0.006);
    expect(h.maxNs).toBe(1000 * scale);
  }
  expect(new DurationHistogram().quantileNs(0.5)).toBeNaN();
});
