// The polling loop of one grid: waits for each tick, reads every channel of the provider, stamps each
// read before and after, hands batches on. A plain function over an injected clock; it blocks its thread.

import { BatchBuilder } from "./batch.ts";
import { Grid, type GridReport } from "./grid.ts";
import type { TelemetryProvider } from "./provider.ts";

export interface PollClock {
  /** CLOCK_MONOTONIC, nanoseconds. */
  now(): bigint;
  /** Blocks until `t`; false when the sampler is to stop, at once. */
  waitUntil(t: bigint): boolean;
}

export interface PollReport {
  readonly grid: GridReport;
  /** Per channel: reads and how many of them failed. */
  readonly reads: readonly number[];
  readonly failed: readonly number[];
}

/** Rows leave at least this often while there are any. */
export const FLUSH_NS = 100_000_000n;
const CAPACITY = 4096;

export function poll(
  provider: TelemetryProvider,
  t0: bigint,
  periodNs: number,
  clock: PollClock,
  emit: (buffer: ArrayBuffer, count: number) => void,
): PollReport {
  const grid = new Grid(periodNs);
  const batch = new BatchBuilder(Math.max(CAPACITY, 2 * provider.maxRows));
  const channels = provider.channels.length;
  const reads = new Array<number>(channels).fill(0);
  const failed = new Array<number>(channels).fill(0);
  let flushedAt = t0;

  const flush = (at: bigint): void => {
    const { buffer, count } = batch.take();
    if (count > 0) emit(buffer, count);
    flushedAt = at;
  };

  while (clock.waitUntil(t0 + BigInt(Math.round(grid.dueNs)))) {
    const start = clock.now();
    let after = start;
    for (let c = 0; c < channels; c++) {
      if (batch.room < provider.maxRows) flush(after);
      const rowsBefore = batch.count;
      const before = c === 0 ? start : clock.now();
      provider.read(c, batch);
      after = clock.now();
      failed[c]! += batch.stamp(c, before, after);
      reads[c]! += batch.count - rowsBefore;
    }
    grid.done(Number(start - t0), Number(after - t0));
    if (after - flushedAt >= FLUSH_NS) flush(after);
  }
  const stopped = clock.now();
  grid.stopped(Number(stopped - t0));
  flush(stopped);
  return { grid: grid.report(), reads, failed };
}
