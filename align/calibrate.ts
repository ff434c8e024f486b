// Rows + rig → volts, amperes and watts per rail, and their total. Columns are reused from block to
// block: read them before asking for the next. Bit flags: see RowFlag.

import { inputError } from "../schema/errors.ts";
import type { RowField, RowLayout, SampleBlock } from "../schema/records.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";
import { plus, product, RAIL_SUMS, sumOf } from "./columns.ts";
import { columnReader, type ColumnReader } from "./decode.ts";

/** `flags` of fused.arrow. */
export const RowFlag = {
  gapBefore: 1,
  clipped: 2,
  trigger: 4,
  outsideFit: 8,
  interpolated: 16,
} as const;

/** One rail's columns; what the rail does not measure is null. */
export interface RailColumns {
  readonly name: string;
  readonly voltageV: Float64Array | null;
  readonly currentA: Float64Array | null;
  readonly powerW: Float64Array;
}

interface Input {
  readonly read: ColumnReader;
  readonly out: Float64Array;
  readonly lo: number;
  readonly hi: number;
  /** A count is always a number; a float need not be. */
  readonly isCount: boolean;
}

export class Calibrator {
  readonly rails: readonly RailColumns[];
  readonly totalW: Float64Array;
  /** Sums of the columns over the block: P, I, V of each rail; 0 for what is not measured. */
  readonly sums: Float64Array;
  /** No value can be NaN or infinite: all fields are counts. */
  readonly alwaysNumbers: boolean;
  readonly #inputs: readonly Input[];
  readonly #hasPower: readonly boolean[];
  readonly #trigger: ColumnReader | undefined;
  readonly #triggerColumn: Float64Array;
  #lastLevel = 0;
  #nextIndex = -1;
  #clippedRows = 0;

  /** @throws InputError when the rig names a field that the stream does not have. */
  constructor(layout: RowLayout, rig: Rig, maxRows: number) {
    const inputs: Input[] = [];
    const column = (rail: Rail, sensor: Sensor | undefined): Float64Array | null => {
      if (!sensor) return null;
      const out = new Float64Array(maxRows);
      inputs.push(input(layout, rig, rail, sensor, out));
      return out;
    };
    const rails: RailColumns[] = [];
    for (const rail of rig.rails) {
      const measured = column(rail, rail.voltage);
      const assumed =
        rail.assumedVoltage && new Float64Array(maxRows).fill(rail.assumedVoltage.valueV);
      const currentA = column(rail, rail.current);
      const power = column(rail, rail.power);
      rails.push({
        name: rail.name,
        voltageV: measured ?? assumed ?? null,
        currentA,
        powerW: power ?? new Float64Array(maxRows),
      });
    }
    this.rails = rails;
    this.totalW = rails.length === 1 ? rails[0]!.powerW : new Float64Array(maxRows);
    this.sums = new Float64Array(RAIL_SUMS * rails.length);
    this.alwaysNumbers = inputs.every((c) => c.isCount);
    this.#inputs = inputs;
    this.#hasPower = rig.rails.map((r) => r.power !== undefined);
    this.#trigger = layout.trigger && columnReader(layout, layout.trigger);
    this.#triggerColumn = new Float64Array(layout.trigger ? maxRows : 0);
  }

  /** Rows with at least one saturated channel so far. */
  get clippedRows(): number {
    return this.#clippedRows;
  }

  /** Decodes a block into the columns and ORs clip and trigger flags into `flags`. */
  read(block: SampleBlock, flags: Uint8Array): void {
    const { rows, bytes } = block;
    for (const c of this.#inputs) if (c.read(bytes, rows, c.out)) this.#markClipped(c, rows, flags);
    for (let r = 0; r < this.rails.length; r++) this.#power(r, rows);
    if (this.rails.length > 1) this.#total(rows);
    if (this.#trigger) this.#markTrigger(block, flags);
  }

  #power(r: number, rows: number): void {
    const { voltageV, currentA, powerW } = this.rails[r]!;
    const at = RAIL_SUMS * r;
    if (this.#hasPower[r])
      [powerW, currentA, voltageV].forEach((column, k) => {
        this.sums[at + k] = column ? sumOf(column, 0, rows) : 0;
      });
    else product(voltageV!, currentA!, powerW, rows, this.sums, at);
  }

  #total(rows: number): void {
    const { rails, totalW } = this;
    plus(rails[0]!.powerW, rails[1]!.powerW, totalW, rows);
    for (let r = 2; r < rails.length; r++) plus(totalW, rails[r]!.powerW, totalW, rows);
  }

  #markClipped(c: Input, rows: number, flags: Uint8Array): void {
    for (let i = 0; i < rows; i++) {
      const x = c.out[i]!;
      if (x > c.lo && x < c.hi) continue;
      if ((flags[i]! & RowFlag.clipped) === 0) this.#clippedRows++;
      flags[i]! |= RowFlag.clipped;
    }
  }

  #markTrigger(block: SampleBlock, flags: Uint8Array): void {
    const level = this.#triggerColumn;
    this.#trigger!(block.bytes, block.rows, level);
    // An edge hidden by a gap is not shown as one.
    let last = block.firstIndex === this.#nextIndex ? this.#lastLevel : level[0]!;
    for (let i = 0; i < block.rows; i++) {
      if (level[i] === last) continue;
      flags[i]! |= RowFlag.trigger;
      last = level[i]!;
    }
    this.#lastLevel = last;
    this.#nextIndex = block.firstIndex + block.rows;
  }
}

function input(layout: RowLayout, rig: Rig, rail: Rail, sensor: Sensor, out: Float64Array): Input {
  const field: RowField | undefined = layout.fields.find((f) => f.name === sensor.field);
  if (!field)
    throw inputError(
      `rail ${rail.name} reads channel ${sensor.field}, which the stream does not have`,
      `rig ${rig.name}`,
      `one of ${layout.fields.map((f) => f.name).join(", ")}`,
    );
  const [scale, zero] = [sensor.perCount, sensor.zeroCount];
  const ends = (sensor.clip ?? [-Infinity, Infinity]).map((n) => (n - zero) * scale);
  const [lo, hi] = [Math.min(...ends), Math.max(...ends)];
  return {
    read: columnReader(layout, field, { scale, zero, lo, hi }),
    out,
    lo,
    hi,
    isCount: field.kind !== "float" && Number.isFinite(scale) && Number.isFinite(zero),
  };
}
