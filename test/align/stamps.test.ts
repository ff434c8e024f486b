// Unix stamps on the session's clock, by readings of both clocks.

import { describe, expect, test } from "@jest/globals";
import { WallClock } from "../../align/clocks/wall-clock.ts";
import { instant } from "../../schema/time.ts";
import { SESSION } from "../support/evidence.ts";

const UNIX = 1_790_000_000_000_000_000n;
const S = 1_000_000_000n;
/** The two clocks read together, session ns and how far the wall clock is ahead. */
const reading = (ns: bigint, ahead = 0n) => ({
  mono: instant<"host">(SESSION.hostEpoch + ns),
  unix: instant<"unix">(UNIX + ns + ahead),
  boot: 0n,
});
const stamp = (ns: bigint) => instant<"unix">(UNIX + ns);

describe("a wall clock was set", () => {
  test("beyond a millisecond and 500 ppm of the time between two readings", () => {
    const steps = (ahead: bigint) => {
      const wall = new WallClock({ ...SESSION, startUnix: null });
      wall.read(reading(0n));
      wall.read(reading(10n * S, ahead));
      return wall.steps.map((s) => s.byNs);
    };
    expect(steps(6_000_000n)).toEqual([]);
    expect(steps(6_000_001n)).toEqual([6_000_001]);
    expect(steps(-6_000_000n)).toEqual([]);
    expect(steps(-6_000_001n)).toEqual([-6_000_001]);
  });

  test("against another reading only: the session's start is not known that well", () => {
    const wall = new WallClock({ ...SESSION, startUnix: stamp(2_000_000n) });
    for (const at of [1n, 2n, 3n]) wall.read(reading(at * S));
    expect(wall.steps).toEqual([]);
    wall.read(reading(4n * S, 5n * S));
    expect(wall.steps).toEqual([{ mono: reading(4n * S).mono, byNs: 5e9, sleptNs: 0 }]);
  });
});

test("the machine slept where boot time went on as UTC did", () => {
  const wall = new WallClock({ ...SESSION, startUnix: null });
  wall.read({ ...reading(0n), boot: 7n * S });
  wall.read({ ...reading(S), boot: 8n * S + 10_000_000n });
  wall.read({ ...reading(2n * S, 60n * S), boot: 69n * S });
  expect(wall.steps).toEqual([
    { mono: reading(2n * S).mono, byNs: 60e9, sleptNs: expect.closeTo(60e9, -8) },
  ]);
});

describe("a stamp is placed by the readings", () => {
  const clock = (...pairs: ReturnType<typeof reading>[]): WallClock => {
    const wall = new WallClock({ ...SESSION, startUnix: stamp(0n) });
    for (const p of pairs) wall.read(p);
    return wall;
  };

  test("where it lies before it was fetched, a driver's buffer long, and not after", () => {
    const wall = clock();
    expect(wall.place(stamp(5n * S), 6e9)).toBe(5e9);
    expect(wall.place(stamp(5n * S), 65e9 - 1)).toBe(5e9);
    expect(wall.place(stamp(5n * S), 65e9)).toBeUndefined();
    expect(wall.place(stamp(5n * S), 4e9 + 1)).toBe(5e9);
    expect(wall.place(stamp(5n * S), 4e9)).toBeUndefined();
  });

  test("a clock that was slewed is followed", () => {
    // 400 ppm for 100 s.
    const wall = clock(reading(100n * S, 40_000_000n));
    expect(wall.place(stamp(100n * S + 40_000_000n), 100e9)).toBe(100e9);
  });

  test("stamps from before and after a step each find their own reading", () => {
    const hour = 3600n * S;
    const wall = clock(reading(10n * S), reading(20n * S, hour), reading(30n * S, hour));
    expect(wall.place(stamp(9n * S), 9.5e9)).toBe(9e9);
    expect(wall.place(stamp(25n * S + hour), 26e9)).toBe(25e9);
    expect(wall.place(stamp(25n * S + 2n * hour), 26e9)).toBeUndefined();
  });

  test("of two that allow it the newer reading has the word", () => {
    const wall = clock(reading(0n), reading(2n * S, -S));
    expect(wall.place(stamp(S), 2e9)).toBe(2e9);
  });

  test("a session without a wall clock waits for its first reading", () => {
    const wall = new WallClock(SESSION);
    expect(wall.place(stamp(5n * S), 6e9)).toBeUndefined();
    wall.read(reading(4n * S));
    expect(wall.place(stamp(5n * S), 6e9)).toBe(5e9);
  });
});
