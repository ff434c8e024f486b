// The host's readings of wall and monotonic clock, one by one: what is a step, and where a Unix stamp then belongs.

import { describe, expect, test } from "@jest/globals";
import { WallClock } from "../../align/clocks/wall-clock.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "../support/evidence.ts";

const UNIX = 1_790_000_000n * 10n ** 9n;
const S = 10n ** 9n;
/** The wall clock read `ahead` ns more than at the session's start, `at` ns after it. */
const reading = (at: bigint, ahead = 0n) => ({
  mono: instant<"host">(SESSION.hostEpoch + at),
  unix: instant<"unix">(UNIX + at + ahead),
  boot: 0n,
});
const clockOf = (...readings: readonly (readonly [at: bigint, ahead?: bigint])[]): WallClock => {
  const clock = new WallClock({ ...SESSION, startUnix: instant<"unix">(UNIX) });
  for (const [at, ahead] of readings) clock.read(reading(at, ahead));
  return clock;
};
const stamp = (at: bigint) => instant<"unix">(UNIX + at);

describe("a step", () => {
  const by = (ahead: bigint): number[] =>
    clockOf([0n], [10n * S, ahead]).steps.map(({ byNs }) => byNs);

  test("is more than a millisecond and 500 ppm of the time between two readings, either way", () => {
    // 10 s apart: 1 ms and 5 ms.
    expect([by(6_000_000n), by(-6_000_000n)]).toEqual([[], []]);
    expect([by(6_000_001n), by(-6_000_001n)]).toEqual([[6_000_001], [-6_000_001]]);
  });

  test("is told with the reading after it; many slews are none", () => {
    const slewed = [1n, 2n, 3n, 4n].map((k) => [k * 10n * S, k * 5_000_000n] as const);
    expect(clockOf([0n], ...slewed).steps).toEqual([]);
    expect(clockOf([0n], [S, 3n * S], [2n * S, 3n * S]).steps).toEqual([
      { mono: reading(S).mono, byNs: 3e9 },
    ]);
  });

  test("between the session's start and the first reading there is none", () => {
    const clock = clockOf([S, 50_000_000n], [2n * S, 50_000_000n]);
    expect(clock.steps).toEqual([]);
    expect(clock.first).toEqual(reading(S, 50_000_000n));
  });
});

describe("the place of a stamp", () => {
  test("is that by the last reading before the clock was set, or by an earlier stretch's", () => {
    // Set back by 200 s at 2 s.
    const clock = clockOf([0n], [S], [2n * S, -200n * S], [3n * S, -200n * S]);
    expect(clock.place(stamp(500_000_000n), 1e9)).toBe(0.5e9);
    expect(clock.place(stamp(2_500_000_000n - 200n * S), 3e9)).toBe(2.5e9);
  });

  test("of two that allow it the newer reading has the word", () => {
    const clock = clockOf([0n], [2n * S, -S]);
    expect(clock.place(stamp(S), 2e9)).toBe(2e9);
  });

  test("is up to a minute before it was fetched and less than a second after", () => {
    const clock = clockOf([0n]);
    expect(clock.place(stamp(0n), 60e9 - 1)).toBe(0);
    expect(clock.place(stamp(0n), 60e9)).toBeUndefined();
    expect(clock.place(stamp(5n * S), 4e9 + 1)).toBe(5e9);
    expect(clock.place(stamp(5n * S), 4e9)).toBeUndefined();
  });

  test("is not known without any reading; the first one tells it", () => {
    const clock = new WallClock({ ...SESSION, startUnix: null });
    expect(clock.place(stamp(S), 1e9)).toBeUndefined();
    clock.read(reading(S));
    expect(clock.place(stamp(2n * S), 2e9)).toBe(2e9);
    expect([clock.first, clock.steps]).toEqual([reading(S), []]);
    clock.read(reading(2n * S, S));
    expect(clock.steps).toHaveLength(1);
  });
});
