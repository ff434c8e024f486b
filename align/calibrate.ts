// Rows + rig → volts, amperes and watts per rail, and their total. Columns are reused from block to
// block: read them before asking for the next. Bit flags: see RowFlag.

import { inputError } from "../schema/errors.ts";
import type { RowField, RowLayout, SampleBlock } from "../schema/records.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";
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
}

export class Calibrator {
  readonly rails: readonly RailColumns[];
  readonly totalW: Float64Array;
  readonly #inputs: readonly Input[];
  readonly #products: readonly RailColumns[];
  readonly #trigger: ColumnReader | undefined;
  readonly #triggerColumn: Float64Array;
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
    const products: RailColumns[] = [];
    for (const rail of rig.rails) {
      const measured = column(rail, rail.voltage);
      const assumed =
        rail.assumedVoltage && new Float64Array(maxRows).fill(rail.assumedVoltage.valueV);
      const currentA = column(rail, rail.current);
      const power = column(rail, rail.power);
      const columns = {
        name: rail.name,
        voltageV: measured ?? assumed ?? null,
        currentA,
        powerW: power ?? new Float64Array(maxRows),
      };
      rails.push(columns);
      if (!power) products.push(columns);
    }
    this.rails = rails;
    this.totalW = rails.length === 1 ? rails[0]!.powerW : new Float64Array(maxRows);
    this.#inputs = inputs;
    this.#products = products;
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
    for (const c of this.#inputs) {
      c.read(bytes, rows, c.out);
      if (c.lo > -Infinity || c.hi < Infinity) this.#markClipped(c, rows, flags);
    }
    for (const r of this.#products) multiply(r.voltageV!, r.currentA!, r.powerW, rows);
    if (this.rails.length > 1) sum(this.rails, this.totalW, rows);
    if (this.#trigger) this.#markTrigger(block, flags);
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
    for (let i = 1; i < block.rows; i++)
      if (level[i] !== level[i - 1]) flags[i]! |= RowFlag.trigger;
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
  const linear = { scale: sensor.perCount, zero: sensor.zeroCount };
  const ends = (sensor.clip ?? [-Infinity, Infinity]).map((n) => (n - linear.zero) * linear.scale);
  return {
    read: columnReader(layout, field, linear),
    out,
    lo: Math.min(...ends),
    hi: Math.max(...ends),
  };
}

function multiply(v: Float64Array, a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = v[i]! * a[i]!;
}

function sum(rails: readonly RailColumns[], out: Float64Array, rows: number): void {
  const [first, second, ...rest] = rails.map((r) => r.powerW);
  for (let i = 0; i < rows; i++) out[i] = first![i]! + second![i]!;
  for (const p of rest) for (let i = 0; i < rows; i++) out[i]! += p[i]!;
}
