// Aligned runs → fused.arrow: the physical trace, the running energy, every power channel as read last,
// the event a row lies in, and its flags. Rows are copied into batch columns and written when a batch is
// full; nothing else is kept.

import { firstAtOrAfter } from "../stats/search.ts";
import type { AlignedRun } from "../align/timeline.ts";
import type { TelemetrySeries } from "../align/scanned.ts";
import { fusedColumns } from "../schema/tables.ts";
import { ArrowFile, type ByteSink, type Values } from "./arrow-file.ts";
import type { MeanRun } from "./decimator.ts";
import { EventIndex, type Intervals } from "./event-index.ts";
import { RunningEnergy } from "./running-energy.ts";

export const BATCH_ROWS = 65_536;

/** Bits [from, to) of a bitmap. */
function setBits(bitmap: Uint8Array, from: number, to: number): void {
  for (let i = from; i < to;) {
    if ((i & 7) === 0 && to - i >= 8) {
      const bytes = (to - i) >> 3;
      bitmap.fill(255, i >> 3, (i >> 3) + bytes);
      i += bytes * 8;
    } else {
      bitmap[i >> 3]! |= 1 << (i & 7);
      i++;
    }
  }
}

/** Bitmap of a column that may hold nulls: bit set = value present. */
class Nullable {
  readonly values = new Float32Array(BATCH_ROWS);
  readonly valid = new Uint8Array(BATCH_ROWS / 8);
  #nulls = 0;

  fill(value: number, from: number, to: number): void {
    if (to <= from) return;
    this.values.fill(value, from, to);
    if (Number.isNaN(value)) {
      this.#nulls += to - from;
      return;
    }
    setBits(this.valid, from, to);
  }

  take(): Values {
    return { data: this.values, valid: this.valid, nulls: this.#nulls };
  }

  reset(): void {
    this.valid.fill(0);
    this.#nulls = 0;
  }
}

/** A channel's last read as time goes by. */
class LastRead {
  readonly column = new Nullable();
  readonly #series: TelemetrySeries;
  #next = 0;

  constructor(series: TelemetrySeries) {
    this.#series = series;
  }

  fill(t: Float64Array, from: number, to: number, at: number): void {
    const { tNs, value } = this.#series;
    let i = from;
    while (i < to) {
      while (this.#next < tNs.length && tNs.at(this.#next) <= t[i]!) this.#next++;
      const until = this.#next < tNs.length ? firstAtOrAfter(t, tNs.at(this.#next), i, to) : to;
      this.column.fill(
        this.#next > 0 ? value.at(this.#next - 1) : NaN,
        at + i - from,
        at + until - from,
      );
      i = until;
    }
  }
}

export class FusedTable {
  readonly #file: ArrowFile;
  readonly #t = new BigInt64Array(BATCH_ROWS);
  readonly #tWords = new Uint32Array(this.#t.buffer);
  readonly #rails: readonly {
    v: Nullable | Float32Array;
    a: Nullable | Float32Array;
    p: Float32Array;
  }[];
  readonly #total = new Float32Array(BATCH_ROWS);
  readonly #energy = new Float64Array(BATCH_ROWS);
  readonly #channels: readonly LastRead[];
  readonly #event = new Int32Array(BATCH_ROWS);
  readonly #eventValid = new Uint8Array(BATCH_ROWS / 8);
  #eventNulls = 0;
  readonly #flags = new Uint8Array(BATCH_ROWS);
  readonly #events: EventIndex;
  readonly #running: RunningEnergy;
  #rows = 0;
  rowsWritten = 0;

  /** @param holdsNs as {@link RunningEnergy} wants it. */
  constructor(
    to: string | ByteSink,
    rails: readonly {
      readonly name: string;
      readonly hasVoltage: boolean;
      readonly hasCurrent: boolean;
    }[],
    channels: readonly TelemetrySeries[],
    windows: Intervals,
    metadata: Readonly<Record<string, string>>,
    holdsNs = 0,
  ) {
    this.#running = new RunningEnergy(holdsNs);
    const columns = fusedColumns(
      rails.map((r) => r.name),
      channels.map((c) => c.channel.name),
    );
    this.#file = new ArrowFile(to, columns, metadata);
    const column = (has: boolean): Nullable | Float32Array =>
      has ? new Float32Array(BATCH_ROWS) : new Nullable();
    this.#rails = rails.map((r) => ({
      v: column(r.hasVoltage),
      a: column(r.hasCurrent),
      p: new Float32Array(BATCH_ROWS),
    }));
    this.#channels = channels.map((c) => new LastRead(c));
    this.#events = new EventIndex(windows);
  }

  /** Appends a run, cutting it where a batch is full. Means bring their own Joules. */
  add(run: AlignedRun | MeanRun): void {
    for (let from = run.from; from < run.to;) {
      const to = Math.min(run.to, from + BATCH_ROWS - this.#rows);
      this.#copy(run, from, to);
      this.#rows += to - from;
      from = to;
      if (this.#rows === BATCH_ROWS) this.#flush();
    }
  }

  /** @returns SHA-256 of the file, hex; null where the bytes went elsewhere. */
  close(): string | null {
    this.#flush();
    return this.#file.close();
  }

  abort(): void {
    this.#file.abort();
  }

  #copy(run: AlignedRun | MeanRun, from: number, to: number): void {
    const at = this.#rows;
    this.#times(run.tNs, from, to, at);
    run.rails.forEach((rail, r) => {
      const out = this.#rails[r]!;
      const { voltageV, currentA } = rail;
      if (voltageV && !(out.v instanceof Nullable)) narrow(run, voltageV, from, to, out.v, at);
      if (currentA && !(out.a instanceof Nullable)) narrow(run, currentA, from, to, out.a, at);
      narrow(run, rail.powerW, from, to, out.p, at);
    });
    narrow(run, run.totalW, from, to, this.#total, at);
    if ("energyJ" in run) this.#energy.set(run.energyJ.subarray(from, to), at);
    else this.#running.fill(run, from, to, this.#energy, at);
    for (const c of this.#channels) c.fill(run.tNs, from, to, at);
    this.#markEvents(run.tNs, from, to, at);
    this.#flags.set(run.flags.subarray(from, to), at);
  }

  /**
   * float64 ns → int64, as two words: a bigint per row would cost 17 times as much, and Math.round three
   * times as much as this floor.
   */
  #times(t: Float64Array, from: number, to: number, at: number): void {
    const words = this.#tWords;
    for (let i = from, w = 2 * at; i < to; i++, w += 2) {
      const ns = Math.floor(t[i]! + 0.5);
      const high = Math.floor(ns * 2 ** -32);
      words[w] = ns - high * 4294967296;
      words[w + 1] = high;
    }
  }

  #markEvents(t: Float64Array, from: number, to: number, at: number): void {
    for (let i = from; i < to;) {
      const { event, untilNs } = this.#events.at(t[i]!);
      const until = untilNs > t[to - 1]! ? to : firstAtOrAfter(t, untilNs, i, to);
      const [a, b] = [at + i - from, at + Math.max(until, i + 1) - from];
      this.#event.fill(Math.max(0, event), a, b);
      if (event < 0) this.#eventNulls += b - a;
      else setBits(this.#eventValid, a, b);
      i = Math.max(until, i + 1);
    }
  }

  #flush(): void {
    const rows = this.#rows;
    if (rows === 0) return;
    // A quantity that a rail does not measure is null over the whole batch.
    for (const r of this.#rails)
      for (const c of [r.v, r.a]) if (c instanceof Nullable) c.fill(NaN, 0, rows);
    this.#file.write(rows, [
      { data: this.#t },
      ...this.#rails.flatMap((r) => [take(r.v), take(r.a), { data: r.p }]),
      { data: this.#total },
      { data: this.#energy },
      ...this.#channels.map((c) => c.column.take()),
      { data: this.#event, valid: this.#eventValid, nulls: this.#eventNulls },
      { data: this.#flags },
    ]);
    this.rowsWritten += rows;
    this.#reset();
  }

  #reset(): void {
    this.#rows = 0;
    this.#eventNulls = 0;
    this.#eventValid.fill(0);
    for (const c of this.#channels) c.column.reset();
    for (const r of this.#rails) for (const c of [r.v, r.a]) if (c instanceof Nullable) c.reset();
  }
}

const take = (c: Nullable | Float32Array): Values =>
  c instanceof Nullable ? c.take() : { data: c };

/** Rows [from, to) of a column of the run as float32, to out[at …]. */
function narrow(
  { kernels }: AlignedRun,
  x: Float64Array,
  from: number,
  to: number,
  out: Float32Array,
  at: number,
): void {
  if (kernels) kernels.narrow(x, from, to, out, at);
  else out.set(x.subarray(from, to), at);
}
