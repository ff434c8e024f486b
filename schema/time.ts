// Time. Instants are bigint nanoseconds branded by the clock they were read on; durations are
// float64 nanoseconds. Inner loops use float64 nanoseconds from session start (exact to 1 ns for
// 104 days), so this file is the only crossing between bigint and number.

declare const clockBrand: unique symbol;

/** `host`: CLOCK_MONOTONIC, or the one time base of an imported file. `unix`: UTC. `session`: ns since session start. */
export type ClockName = "device" | "host" | "unix" | "session";

/** Nanoseconds on one clock. */
export type Instant<C extends ClockName> = bigint & { readonly [clockBrand]: C };

/** Float64 nanoseconds since session start: what inner loops and windows use. */
export type SessionNs = number;

export const NS_PER_S = 1e9;

/** Brands a raw nanosecond count; the one place where a plain bigint becomes an instant. */
export function instant<C extends ClockName>(ns: bigint): Instant<C> {
  return ns as Instant<C>;
}

/** a − b in float64 nanoseconds; NoInfer keeps two clocks from unifying into a union. */
export function elapsedNs<C extends ClockName>(a: Instant<C>, b: Instant<NoInfer<C>>): number {
  return Number(a - b);
}

/** Adds a duration, rounded to whole nanoseconds. */
export function later<C extends ClockName>(t: Instant<C>, ns: number): Instant<C> {
  return (t + BigInt(Math.round(ns))) as Instant<C>;
}

/** ISO 8601 text in UTC with milliseconds, for people. */
export function isoUtc(t: Instant<"unix">): string {
  return new Date(Number(t / 1_000_000n)).toISOString();
}
