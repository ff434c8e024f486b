// Rows + rig → volts, amperes and watts per rail, and their total. Columns are reused from block to
// block: read them before asking for the next. Bit flags: see RowFlag.

import { inputError } from "../../schema/errors.ts";
import {
  type AutoRange,
  rangedValue,
  type RowField,
  type RowLayout,
  type SampleBlock,
} from "../../schema/records.ts";
import { type Quantity, type Rail, type Rig, type Sensor, trueCount } from "../../schema/rig.ts";
import { sumOf } from "../../stats/columns.ts";
import { RAIL_SUMS } from "./loops.ts";
import { columnReader, type ColumnReader, type Linear } from "./decode.ts";
import { Kernels } from "./kernels.ts";
import type { Learned, Measured } from "./learned.ts";
import { type Dropped, guardOf, type Implausible, leaveOut, leaveOutZeros } from "./plausible.ts";
import { RowFlag } from "./row-flags.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";

/** One rail's columns; what the rail does not measure is null. */
export interface RailColumns {
  readonly name: string;
  readonly voltageV: Float64Array | null;
  readonly currentA: Float64Array | null;
  readonly powerW: Float64Array;
}

interface Input {
  readonly rail: string;
  readonly quantity: Quantity;
  readonly sensor: Sensor;
  readonly read: ColumnReader;
  readonly out: Float64Array;
  /** Where it is saturated. */
  readonly lo: number;
  readonly hi: number;
  /** As its rows show. */
  readonly isCut: boolean;
  /** A count is always a number; a float need not be. */
  readonly isCount: boolean;
  /** Where not all of its values are plausible. */
  readonly guard: Implausible | undefined;
  /** Rows by which its samples lie behind, below 1; and the last one of the block before, as sampled. */
  readonly late: number;
  last: number;
}

export interface CalibratorOptions {
  /** Whether the sum of the steps is wanted too: it is, unless told otherwise. */
  readonly steps?: boolean;
  /** What the whole run shows of its rows. */
  readonly learned?: Learned | undefined;
}

export class Calibrator {
  readonly rails: readonly RailColumns[];
  readonly totalW: Float64Array;
  /** No value can be NaN or infinite: all fields are counts. */
  readonly alwaysNumbers: boolean;
  /** No value depends on the rows before it. */
  readonly standsAlone: boolean;
  /** In whose memory the columns lie. */
  readonly kernels: Kernels;
  readonly #inputs: readonly Input[];
  readonly #hasPower: readonly boolean[];
  /** Of P = V · I, where the rig states what is plausible. */
  readonly #powerGuards: readonly (Implausible | undefined)[];
  readonly #dropped: readonly Dropped[];
  readonly #rowBytes: number;
  readonly #steps: boolean;
  readonly #trigger: ColumnReader | undefined;
  readonly #triggerColumn: Float64Array;
  #lastLevel = 0;
  #nextIndex = -1;
  #clippedRows = 0;

  /**
   * @throws InputError when the rig names a field that the stream does not have.
   */
  constructor(layout: RowLayout, rig: Rig, maxRows: number, o: CalibratorOptions = {}) {
    const kernels = new Kernels(layout, maxRows, rig.rails.length);
    const inputs: Input[] = [];
    const column = (rail: Rail, r: number, quantity: Quantity): Float64Array | null => {
      const sensor = rail[quantity];
      if (!sensor) return null;
      const out = kernels.column();
      const made = input(layout, kernels, rig, rail, sensor, out);
      const guard = guardOf(rail, quantity, made.values, o.learned?.[r]?.ranges[quantity]);
      const top = o.learned?.[r]?.tops[quantity]?.value;
      const hi = Math.min(made.hi, top ?? Infinity);
      inputs.push({
        ...made,
        rail: rail.name,
        quantity,
        sensor,
        guard,
        hi,
        isCut: top !== undefined,
      });
      return out;
    };
    this.rails = rig.rails.map((rail, r) => {
      const assumed = rail.assumedVoltage && kernels.column().fill(rail.assumedVoltage.valueV);
      return {
        name: rail.name,
        voltageV: column(rail, r, "voltage") ?? assumed ?? null,
        currentA: column(rail, r, "current"),
        powerW: column(rail, r, "power") ?? kernels.column(),
      };
    });
    this.totalW = this.rails.length === 1 ? this.rails[0]!.powerW : kernels.column();
    this.#powerGuards = rig.rails.map((r) =>
      !r.power && r.plausible?.power ? guardOf(r, "power", [-Infinity, Infinity]) : undefined,
    );
    this.#dropped = rig.rails.map((rail, r) => ({
      rail: rail.name,
      quantity: rail.voltage ? "voltage" : rail.current ? "current" : "power",
      zeros: o.learned?.[r]?.zeros ?? [],
      rows: 0,
    }));
    this.alwaysNumbers =
      inputs.every((c) => c.isCount && !c.guard) &&
      this.#powerGuards.every((g) => !g) &&
      !o.learned;
    this.standsAlone = inputs.every((c) => c.late === 0);
    this.kernels = kernels;
    this.#steps = o.steps ?? true;
    this.#rowBytes = layout.rowBytes;
    this.#inputs = inputs;
    this.#hasPower = rig.rails.map((r) => r.power !== undefined);
    this.#trigger = layout.trigger && columnReader(layout, layout.trigger);
    this.#triggerColumn = new Float64Array(layout.trigger ? maxRows : 0);
  }

  /** Sums over the block: P, I, V of each rail, 0 for what is not measured; then that of the steps (loops.ts). */
  get sums(): Float64Array {
    return this.kernels.sums;
  }

  /** Rows with at least one saturated channel so far. */
  get clippedRows(): number {
    return this.#clippedRows;
  }

  /** What was left out so far, by rail and quantity. */
  get implausible(): Implausible[] {
    return [...this.#inputs.map((c) => c.guard), ...this.#powerGuards].filter(
      (g): g is Implausible => g !== undefined && g.rows > 0,
    );
  }

  /** Of those, rows that are dropped samples. */
  get dropped(): Dropped[] {
    return this.#dropped.filter((d) => d.rows > 0);
  }

  /** Sensors of a rail: its voltage, its current, its power. */
  measured(rail: number): Measured[] {
    const nothing = new Uint8Array(this.#rowBytes);
    const { name } = this.rails[rail]!;
    return this.#inputs.flatMap(({ rail: of, quantity, sensor, isCount, read, out, hi }) => {
      if (of !== name) return [];
      const { perCount, offsetU } = sensor;
      const step = isCount ? Math.abs(perCount) : 0;
      this.kernels.load(nothing);
      read(nothing, 1, out);
      return [{ quantity, column: out, zero: out[0]!, end: hi, step, offsetU }];
    });
  }

  /** Decodes a block into the columns and ORs clip and trigger flags into `flags`. */
  read(block: SampleBlock, flags: Uint8Array): void {
    const { rows, bytes } = block;
    this.kernels.load(bytes);
    const goesOn = block.firstIndex === this.#nextIndex;
    for (const c of this.#inputs) {
      if (c.read(bytes, rows, c.out) || c.isCut) this.#markClipped(c, rows, flags);
      if (c.guard) leaveOut(c.guard, c.out, rows, flags);
      if (c.late > 0 && rows > 0) deskew(c, rows, goesOn);
    }
    this.#nextIndex = block.firstIndex + rows;
    for (let r = 0; r < this.rails.length; r++) {
      this.#power(r, rows, flags);
      leaveOutZeros(this.#dropped[r]!, block, this.rails[r]!.powerW, flags);
    }
    this.#total(rows);
    if (this.#trigger) this.#markTrigger(block, flags, goesOn);
  }

  #power(r: number, rows: number, flags: Uint8Array): void {
    const { voltageV, currentA, powerW } = this.rails[r]!;
    if (!this.#hasPower[r]) {
      this.kernels.power(r, { voltageV: voltageV!, currentA: currentA!, powerW }, rows);
      const guard = this.#powerGuards[r];
      if (guard) leaveOut(guard, powerW, rows, flags);
      return;
    }
    // A row whose voltage or current cannot be is no row, whatever its watts say.
    for (const other of this.alwaysNumbers ? [] : [voltageV, currentA])
      if (other) for (let i = 0; i < rows; i++) if (Number.isNaN(other[i])) powerW[i] = NaN;
    [powerW, currentA, voltageV].forEach((column, k) => {
      this.sums[RAIL_SUMS * r + k] = column ? sumOf(column, 0, rows) : 0;
    });
  }

  #total(rows: number): void {
    const { rails, totalW } = this;
    if (rails.length > 1) this.kernels.plus(rails[0]!.powerW, rails[1]!.powerW, totalW, rows);
    for (let r = 2; r < rails.length; r++)
      this.kernels.plus(totalW, rails[r]!.powerW, totalW, rows);
    if (this.#steps) this.kernels.steps(totalW, rows);
  }

  #markClipped(c: Input, rows: number, flags: Uint8Array): void {
    for (let i = 0; i < rows; i++) {
      const x = c.out[i]!;
      if (x > c.lo && x < c.hi) continue;
      if ((flags[i]! & RowFlag.clipped) === 0) this.#clippedRows++;
      flags[i]! |= RowFlag.clipped;
    }
  }

  #markTrigger(block: SampleBlock, flags: Uint8Array, goesOn: boolean): void {
    const level = this.#triggerColumn;
    this.#trigger!(block.bytes, block.rows, level);
    // An edge hidden by a gap is not shown as one.
    let last = goesOn ? this.#lastLevel : level[0]!;
    for (let i = 0; i < block.rows; i++) {
      if (level[i] === last) continue;
      flags[i]! |= RowFlag.trigger;
      last = level[i]!;
    }
    this.#lastLevel = last;
  }
}

/**
 * A column sampled late → its values at the rows' own times, by straight lines, so that voltage and current
 * of a row belong together. The first row after a gap has no neighbour and stays.
 */
function deskew(c: Input, rows: number, goesOn: boolean): void {
  const { out, late } = c;
  const before = goesOn ? c.last : out[0]!;
  c.last = out[rows - 1]!;
  for (let i = rows - 1; i > 0; i--) out[i]! += late * (out[i - 1]! - out[i]!);
  out[0]! += late * (before - out[0]!);
}

/** Codes beyond this many are not looked up in a table of errors. */
const MOST_CODES = 1 << 16;

type Meaning = (code: number) => number;

/** What the sensor's line is of: the code with its error taken off, or the device's own value of it. */
function meaningOf({ bits, kind, name, autoRange }: RowField, sensor: Sensor): Meaning | undefined {
  if (autoRange) return (code) => rangedValue(autoRange, code);
  const table = sensor.codeErrors?.table ?? [];
  if (table.length === 0) return undefined;
  if (kind !== "uint" || 2 ** bits > MOST_CODES)
    throw inputError(
      `channel ${name} is no unsigned field of up to 16 bits`,
      "rig with code_errors",
    );
  return (code) => trueCount(table, code);
}

/** Raw codes first, then each code's own value. @returns as `raw` does, and true where codes say nothing of it. */
function tabulated(f: RowField, value: Meaning, raw: ColumnReader): ColumnReader {
  const { bits, autoRange } = f;
  const values = Float64Array.from({ length: 2 ** bits }, (_, code) => value(code));
  return (bytes, rows, out) => {
    const saturated = raw(bytes, rows, out);
    for (let i = 0; i < rows; i++) out[i] = values[out[i]!]!;
    return saturated || autoRange !== undefined;
  };
}

/** Values at or beyond which a converter that chooses its range is saturated: as stated, or its last range full. */
function rangedClip({ countBits, ranges }: AutoRange, stated: Sensor["clip"]): [number, number] {
  const top = rangedValue({ countBits, ranges }, ranges.length * 2 ** countBits - 1);
  return [stated?.[0] ?? -Infinity, Math.min(top, stated?.[1] ?? Infinity)];
}

/** First and last code; of numbers, anything. */
function reach({ kind, bits, autoRange }: RowField): readonly [number, number] {
  if (kind === "float" || autoRange) return [-Infinity, Infinity];
  return kind === "int" ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
}

function input(
  layout: RowLayout,
  kernels: Kernels,
  rig: Rig,
  rail: Rail,
  sensor: Sensor,
  out: Float64Array,
): Omit<Input, "guard" | "isCut" | "rail" | "quantity" | "sensor"> & {
  readonly values: readonly [number, number];
} {
  const field: RowField | undefined = layout.fields.find((f) => f.name === sensor.field);
  if (!field)
    throw inputError(
      `rail ${rail.name} reads channel ${sensor.field}, which the stream does not have`,
      `rig ${rig.name}`,
      `one of ${layout.fields.map((f) => f.name).join(", ")}`,
    );
  const { perCount: scale, zeroCount: zero, clip } = sensor;
  const line = (x: number): number => (x - zero) * scale;
  const reader = (l: Linear): ColumnReader => {
    const anywhere = columnReader(layout, field, l); // refuses a field outside the row
    return kernels.fieldReader(field, l) ?? anywhere;
  };
  const clipped = clip ? { clip } : {};
  const meaning = meaningOf(field, sensor);
  const raw = reader(meaning ? { scale: 1, zero: 0, ...clipped } : { scale, zero, ...clipped });
  const { autoRange } = field;
  const ends = autoRange
    ? rangedClip(autoRange, clip)
    : (clip ?? [-Infinity, Infinity]).map((n) => meaning?.(n) ?? n);
  const values = reach(field).map((n) => line(meaning && Number.isFinite(n) ? meaning(n) : n));
  return {
    values: [leastOf(values), mostOf(values)],
    read: meaning ? tabulated(field, (code) => line(meaning(code)), raw) : raw,
    out,
    lo: leastOf(ends.map(line)),
    hi: mostOf(ends.map(line)),
    late: (sensor.skewS ?? 0) * rig.device.rowHz,
    last: 0,
    isCount:
      field.kind !== "float" && !autoRange && Number.isFinite(scale) && Number.isFinite(zero),
  };
}
