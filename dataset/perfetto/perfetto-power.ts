// fused.arrow → counters of a Perfetto trace: of each rail the mean, least and most of every cell of a
// millisecond or so, and the rows themselves near events. A counter holds its last value, so what was not
// observed is a slice beside it.

import type { RecordBatch } from "apache-arrow";
import { RowFlag } from "../../align/rows/row-flags.ts";
import type { ArrowReader } from "../arrow-reader.ts";
import type { PerfettoTrace, Track } from "./perfetto-trace.ts";

const CELL_NS = 1e6;
/** A longer run gets wider cells: a viewer in a browser must still open it. */
const MAX_CELLS = 600_000;
/** Rows shown one by one, at most. */
const MAX_RAW_ROWS = 250_000;

const GAP = { name: "gap", args: {}, repeats: true };

type Spans = readonly (readonly [number, number])[];

/** Beside the power of each rail. */
export const POWER_NEEDS = { t_ns: "int64", flags: "uint8", power_w: "float32" } as const;

/** One counter: the rows' values, and what of the cell at hand is gathered. */
interface Counter {
  readonly column: string;
  readonly name: string;
  readonly mean: Track;
  /** Made when a cell first holds more than one row. */
  least?: Track;
  most?: Track;
  sum: number;
  min: number;
  max: number;
}

export class PowerCounters {
  rawRows = 0;
  /** Rows near events that were left out. */
  rawLeftOut = 0;
  readonly #trace: PerfettoTrace;
  readonly #parent: Track;
  readonly #counters: readonly Counter[];
  readonly #near: Spans;
  readonly #cellNs: number;
  #span = 0;
  #cell = -Infinity;
  #cellFromNs = 0;
  #cellStartsRaw = false;
  #rows = 0;
  #lastNs = NaN;
  readonly #asides = new Map<string, Track>();

  /** @param near stretches in which rows are shown one by one, ascending and apart. */
  constructor(
    trace: PerfettoTrace,
    parent: Track,
    { schema, spanNs }: Pick<ArrowReader, "schema" | "spanNs">,
    near: Spans,
  ) {
    this.#trace = trace;
    this.#parent = parent;
    this.#near = near;
    const [t0, t1] = spanNs ?? [0, 0];
    this.#cellNs = Math.max(CELL_NS, (t1 - t0) / MAX_CELLS);
    // Every rail has a voltage column, measured or not (schema/tables.ts).
    const names = new Set(schema.fields.map((f) => f.name));
    const rails = schema.fields
      .flatMap((f) => /^voltage_(.+)_v$/.exec(f.name)?.[1] ?? [])
      .filter((rail) => names.has(`power_${rail}_w`));
    const columns = rails.map((r) => [`power_${r}_w`, `${r} power`] as const);
    const all = rails.length > 1 ? [...columns, ["power_w", "all rails power"] as const] : columns;
    this.#counters = all.map(([column, name]) => ({
      column,
      name,
      mean: trace.counter(parent, name, "W"),
      sum: 0,
      min: Infinity,
      max: -Infinity,
    }));
  }

  get cellNs(): number {
    return this.#cellNs;
  }

  add(batch: RecordBatch): void {
    const t = batch.getChild("t_ns")!.toArray() as BigInt64Array;
    const flags = batch.getChild("flags")!.toArray() as Uint8Array;
    const values = this.#counters.map((c) => batch.getChild(c.column)!.toArray() as Float32Array);
    for (let i = 0; i < batch.numRows; i++) {
      const tNs = Number(t[i]);
      this.#told(flags[i]!, tNs);
      const raw = this.#isNear(tNs);
      const cell = Math.floor(tNs / this.#cellNs);
      if (cell !== this.#cell || flags[i]! & RowFlag.gapBefore) this.#begin(cell, tNs, raw);
      this.#rows++;
      this.#counters.forEach((c, k) => {
        const w = values[k]![i]!;
        c.sum += w;
        if (w < c.min) c.min = w;
        if (w > c.max) c.max = w;
        if (raw) this.#trace.value(c.mean, tNs, w);
      });
      this.#lastNs = tNs;
    }
  }

  finish(): void {
    this.#endCell();
  }

  #begin(cell: number, tNs: number, raw: boolean): void {
    this.#endCell();
    this.#cell = cell;
    this.#cellFromNs = tNs;
    this.#cellStartsRaw = raw;
  }

  #endCell(): void {
    if (this.#rows === 0) return;
    for (const c of this.#counters) {
      // A cell that begins with rows shown one by one needs no mean before them.
      if (!this.#cellStartsRaw) this.#trace.value(c.mean, this.#cellFromNs, c.sum / this.#rows);
      if (this.#rows > 1) this.#extremes(c);
      c.sum = 0;
      c.min = Infinity;
      c.max = -Infinity;
    }
    this.#rows = 0;
  }

  #extremes(c: Counter): void {
    c.least ??= this.#trace.counter(this.#parent, `${c.name}, least of a cell`, "W");
    c.most ??= this.#trace.counter(this.#parent, `${c.name}, most of a cell`, "W");
    this.#trace.value(c.least, this.#cellFromNs, c.min);
    this.#trace.value(c.most, this.#cellFromNs, c.max);
  }

  /** Rows come in order of time, and so do the stretches. */
  #isNear(tNs: number): boolean {
    const near = this.#near;
    while (this.#span < near.length && near[this.#span]![1] < tNs) this.#span++;
    if (this.#span === near.length || near[this.#span]![0] > tNs) return false;
    if (this.rawRows === MAX_RAW_ROWS) this.rawLeftOut++;
    else this.rawRows++;
    return this.rawLeftOut === 0;
  }

  /** Gaps, clipping and trigger edges, each on a track of its own that exists once it is needed. */
  #told(flags: number, tNs: number): void {
    if (flags & RowFlag.gapBefore && !Number.isNaN(this.#lastNs))
      this.#trace.slice(this.#aside("not observed"), [this.#lastNs, tNs], GAP);
    if (flags & RowFlag.clipped) this.#trace.instant(this.#aside("clipped rows"), tNs, "clipped");
    if (flags & RowFlag.trigger) this.#trace.instant(this.#aside("trigger edges"), tNs, "edge");
  }

  #aside(name: string): Track {
    const known = this.#asides.get(name) ?? this.#trace.track(this.#parent, name);
    this.#asides.set(name, known);
    return known;
  }
}
