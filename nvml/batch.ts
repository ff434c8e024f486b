// Reads in columns: filled by the polling thread, transferred as one buffer, read by the main thread.
// No object per read until someone asks for one with readAt.

import type { TelemetryChannel, TelemetryRead } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import type { RowSink } from "./provider.ts";
import { valueAt } from "../stats/places.ts";

/** Stands in `stamp` where the source gave no time: "not known" of docs/capture.md. */
export const NO_STAMP = -(2n ** 63n);

/** Columns of `count` reads. Times are nanoseconds: `before`, `after` CLOCK_MONOTONIC, `stamp` Unix. */
export interface ReadBatch {
  readonly count: number;
  readonly before: BigInt64Array;
  readonly after: BigInt64Array;
  readonly stamp: BigInt64Array;
  /** In the channel's unit; NaN where `code` is not 0. */
  readonly value: Float64Array;
  readonly code: Int32Array;
  /** Index into the sampler's channels. */
  readonly channel: Uint16Array;
}

const ROW_BYTES = 4 * 8 + 4 + 2;

/** Views over one buffer, widest columns first so that each is aligned. */
export function batchOver(buffer: ArrayBuffer, count: number): ReadBatch {
  return {
    count,
    before: new BigInt64Array(buffer, 0, count),
    after: new BigInt64Array(buffer, 8 * count, count),
    stamp: new BigInt64Array(buffer, 16 * count, count),
    value: new Float64Array(buffer, 24 * count, count),
    code: new Int32Array(buffer, 32 * count, count),
    channel: new Uint16Array(buffer, 36 * count, count),
  };
}

/** Row `i` as a record of the capture log. */
export function readAt(
  batch: ReadBatch,
  i: number,
  channels: readonly TelemetryChannel[],
): TelemetryRead {
  const stamp = valueAt(batch.stamp, i);
  return {
    channel: valueAt(channels, valueAt(batch.channel, i)).name,
    before: instant(valueAt(batch.before, i)),
    after: instant(valueAt(batch.after, i)),
    stamp: stamp === NO_STAMP ? null : instant(stamp),
    value: valueAt(batch.value, i),
    code: valueAt(batch.code, i),
  };
}

/** Collects rows; a provider puts them, the loop then stamps those of the read that just ended. */
export class BatchBuilder implements RowSink {
  readonly #rows: ReadBatch;
  #count = 0;
  #stamped = 0;

  constructor(capacity: number) {
    this.#rows = batchOver(new ArrayBuffer(capacity * ROW_BYTES), capacity);
  }

  get count(): number {
    return this.#count;
  }

  get room(): number {
    return this.#rows.count - this.#count;
  }

  put(value: number, code: number, stampUs: number): void {
    const i = this.#count++;
    this.#rows.value[i] = code === 0 ? value : NaN;
    this.#rows.code[i] = code;
    this.#rows.stamp[i] = Number.isNaN(stampUs) ? NO_STAMP : BigInt(Math.round(stampUs)) * 1000n;
  }

  /** Completes the rows put since the last call. Returns how many of them failed. */
  stamp(channel: number, before: bigint, after: bigint): number {
    let failed = 0;
    for (let i = this.#stamped; i < this.#count; i++) {
      this.#rows.channel[i] = channel;
      this.#rows.before[i] = before;
      this.#rows.after[i] = after;
      if (this.#rows.code[i] !== 0) failed++;
    }
    this.#stamped = this.#count;
    return failed;
  }

  /** Hands the rows out in a buffer of their own, fit for transfer, and starts again. */
  take(): { buffer: ArrayBuffer; count: number } {
    const count = this.#count;
    const buffer = new ArrayBuffer(count * ROW_BYTES);
    const out = batchOver(buffer, count);
    const rows = this.#rows;
    out.before.set(rows.before.subarray(0, count));
    out.after.set(rows.after.subarray(0, count));
    out.stamp.set(rows.stamp.subarray(0, count));
    out.value.set(rows.value.subarray(0, count));
    out.code.set(rows.code.subarray(0, count));
    out.channel.set(rows.channel.subarray(0, count));
    this.#count = this.#stamped = 0;
    return { buffer, count };
  }
}
