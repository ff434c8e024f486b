// Readings of one reference for one quantity, from the log's rows to pairs with the fast path. A reading's end
// is stamped by the device; it began where the one before ended, since the chip converts without a pause
// (by its own clock, which may be 10 % off: SBOS547B, electrical characteristics).

import {
  endBoundTicks,
  readingPlan,
  type ReadingPlan,
  ReadingStatus,
  slotsOf,
} from "../../schema/wire/ina226.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { Sensor } from "../../schema/rig.ts";
import { columnReader, type ColumnReader } from "../rows/decode.ts";
import type { Pairing } from "./discipline-fit.ts";
import type { FastColumns } from "./fast-columns.ts";
import { upperMedian } from "../../stats/summary.ts";

/** The chip's clock. */
const CLOCK_LIMIT = 0.1;
/** The value is not the chip's. */
const UNUSABLE = ReadingStatus.notRead | ReadingStatus.overflow;

interface Pending {
  readonly start: Stamp;
  readonly end: Stamp;
  readonly plan: ReadingPlan;
  readonly value: number;
}

/** An end of the interval, and how far the device says it may lie from the true one, either way, ticks. */
interface Stamp {
  readonly tick: bigint;
  readonly bound: number;
}

/** A pair before the stamps' own scatter is known. */
interface Placed {
  readonly at: number;
  readonly fast: number;
  readonly noise2: number;
  /** How much the mean moves when the stretch does, unit a row. */
  readonly perRow: number;
  /** Variance by what the device does not know of the two ends. */
  readonly ends2: number;
  readonly reference: number;
}

export class ReadingList {
  refused = 0;
  unplaced = 0;
  readonly #sensor: Sensor;
  readonly #input: "shunt" | "bus";
  readonly #pending: Pending[] = [];
  readonly #placed: Placed[] = [];
  /** Rows between consecutive ends, over nominal rows. */
  readonly #lengths: { readonly rows: number; readonly plan: string }[] = [];
  #read: Readonly<Record<"value" | "config" | "status" | "duration", ColumnReader>> | undefined;
  #last: { readonly index: number; readonly end: Stamp } | null = null;

  /** @param sensor of the reference: it reads a field of its stream. */
  constructor(sensor: Sensor) {
    this.#sensor = sensor;
    this.#input = sensor.field === "bus" ? "bus" : "shunt";
  }

  declare(layout: RowLayout): void {
    const { field, perCount: scale, zeroCount: zero } = this.#sensor;
    const reader = (name: string, linear?: { scale: number; zero: number }): ColumnReader => {
      const found = layout.fields.find((f) => f.name === name);
      if (!found) throw new Error(`${layout.stream}: no field ${name} in a stream of readings`);
      return columnReader(layout, found, linear);
    };
    this.#read = {
      value: reader(field, { scale, zero }),
      config: reader("config"),
      status: reader("status"),
      duration: reader("duration_ticks"),
    };
  }

  /** Blocks of one reading, as the decoder makes them; a block of more has no end for each. */
  add(block: SampleBlock): void {
    const { firstIndex: index, deviceTick: tick } = block;
    const last = this.#last;
    this.#last = null;
    if (tick === null || block.rows !== 1 || !this.#read) return this.#refuse(block.rows);
    const one = (reader: ColumnReader): number => {
      reader(block.bytes, 1, scratch);
      return scratch[0]!;
    };
    const plan = readingPlan(one(this.#read.config));
    const status = one(this.#read.status);
    // A stamp of its own alert is as good as the scatter of all of them says.
    const bound = status & ReadingStatus.uncertainEnd ? endBoundTicks(status) : 0;
    const end = { tick, bound };
    this.#last = { index, end };
    if (status & UNUSABLE || !plan) return this.#refuse(1);
    const nominal = one(this.#read.duration);
    const since = last && last.index === index - 1 ? Number(tick - last.end.tick) : NaN;
    const limit = CLOCK_LIMIT * nominal + bound + (last?.end.bound ?? 0);
    // Not the next one, or not of this length: its beginning is not known well enough.
    if (!(Math.abs(since - nominal) <= limit)) return this.#refuse(last ? 1 : 0);
    this.#pending.push({ start: last!.end, end, plan, value: one(this.#read.value) });
  }

  /** Pairs every reading whose rows have come. @param column of the fast path. */
  settle(fast: FastColumns, column: number): void {
    let done = 0;
    for (const p of this.#pending) {
      const [from, to] = [fast.rowAt(p.start.tick), fast.rowAt(p.end.tick)];
      // Stamps of rows say when they began to be sampled: half a row reaches beyond.
      if (!(to + 1 < fast.sums.reach)) break;
      done++;
      if (fast.sums.whole(from - 1, to + 1))
        this.#placed.push(this.#pair(p, fast, column, from, to));
      else this.unplaced++;
    }
    this.#pending.splice(0, done);
  }

  /** Nothing more comes. */
  end(): void {
    this.unplaced += this.#pending.length;
    this.#pending.length = 0;
  }

  /** With the scatter of the stamps themselves, told by how unevenly the chip seems to convert. */
  pairs(): Pairing[] {
    const uEdge = Math.hypot(stampScatter(this.#lengths), 1 / Math.sqrt(12));
    const uReference = Math.abs(this.#sensor.perCount) / Math.sqrt(12);
    return this.#placed.map(({ at, fast, noise2, perRow, ends2, reference }) => ({
      at,
      fast,
      uFast: Math.sqrt(noise2 + (perRow * uEdge) ** 2 + ends2),
      reference,
      uReference,
      code: Math.round(reference / this.#sensor.perCount),
    }));
  }

  #pair(p: Pending, { sums }: FastColumns, column: number, from: number, to: number): Placed {
    const slots = slotsOf(p.plan, this.#input, from, to);
    if (p.start.bound === 0 && p.end.bound === 0)
      this.#lengths.push({ rows: to - from, plan: JSON.stringify(p.plan) });
    let [mean, move, rows] = [0, 0, 0];
    let [byStart, byEnd] = [0, 0]; // change of the mean a row that either end moves
    for (const [a, b] of slots) {
      mean += sums.mean(column, a, b) / slots.length;
      const [left, right] = [a, b].map((at) => sums.mean(column, at - 0.5, at + 0.5));
      move += (right! - left!) ** 2;
      rows += b - a;
      // A slot's ends move by their share of what the interval's ends do, and its mean with them.
      const whole = sums.mean(column, a, b);
      const [atA, atB] = [(whole - left!) / (b - a), (right! - whole) / (b - a)];
      const [shareA, shareB] = [(a - from) / (to - from), (b - from) / (to - from)];
      byEnd += (atA * shareA + atB * shareB) / slots.length;
      byStart += (atA * (1 - shareA) + atB * (1 - shareB)) / slots.length;
    }
    const rowsATick = (to - from) / Number(p.end.tick - p.start.tick);
    const moved = (by: number, bound: number): number => (by * bound * rowsATick) ** 2 / 3;
    return {
      at: (from + to) / 2,
      fast: mean,
      noise2: sums.noiseVariance(column, from, to) / rows,
      perRow: Math.sqrt(move) / rows,
      ends2: moved(byStart, p.start.bound) + moved(byEnd, p.end.bound),
      reference: p.value,
    };
  }

  #refuse(n: number): void {
    this.refused += n;
  }
}

const scratch = new Float64Array(1);

/** Standard deviation of one stamp, rows: of the distance of two, over √2, about the median of its plan. */
function stampScatter(
  lengths: readonly { readonly rows: number; readonly plan: string }[],
): number {
  const plans = new Map<string, number[]>();
  for (const { rows, plan } of lengths) {
    const list = plans.get(plan);
    if (list) list.push(rows);
    else plans.set(plan, [rows]);
  }
  let square = 0;
  for (const list of plans.values()) {
    const median = upperMedian(list)!;
    for (const rows of list) square += (rows - median) ** 2;
  }
  return lengths.length > 0 ? Math.sqrt(square / lengths.length / 2) : 0;
}
