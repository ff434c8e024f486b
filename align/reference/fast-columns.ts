// The fast stream's columns beside which a reference's readings are set: rows in, as the rig states them, their
// running sums out, and which row a tick of the device falls on.

import { BlockFlag, type RowLayout, type SampleBlock } from "../../schema/records.ts";
import type { Rail, Reference, Rig, Sensor } from "../../schema/rig.ts";
import { Calibrator } from "../rows/calibrate.ts";
import { RowFlag } from "../rows/row-flags.ts";
import { RunningSums } from "./running-sums.ts";
import { SLICE_ROWS, Slicer } from "../rows/slices.ts";

export type DisciplinedQuantity = "voltage" | "current";

/** Readings up to this long can be set beside the fast path, and may come this much before its rows. */
const LONGEST_READING_S = 4;

/** A fast sensor, the reference's sensor for the same quantity, and where its column stands. */
export interface Target {
  readonly rail: Rail;
  readonly quantity: DisciplinedQuantity;
  readonly fast: Sensor;
  readonly by: Reference;
  readonly slow: Sensor;
}

export function targetOf(rail: Rail, quantity: DisciplinedQuantity): Target[] {
  const [fast, by] = [rail[quantity], rail.reference];
  const slow = by?.[quantity];
  return fast && by && slow ? [{ rail, quantity, fast, by, slow }] : [];
}

/** The fast stream's columns as the rig states them, their sums, and which row a device tick falls on. */
export class FastColumns {
  readonly sums: RunningSums;
  readonly #slicer: Slicer;
  readonly #calibrator: Calibrator;
  readonly #columns: readonly Float64Array[];
  readonly #flags = new Uint8Array(SLICE_ROWS);
  /** Tick and row of the first and last block since the device began. */
  #first: { readonly tick: bigint; readonly row: number } | null = null;
  #rowsPerTick = NaN;

  constructor(layout: RowLayout, rig: Rig, targets: readonly Target[], rowHz: number) {
    this.#slicer = new Slicer(layout.rowBytes, false);
    this.#calibrator = new Calibrator(layout, rig, SLICE_ROWS);
    this.#columns = targets.map((t) => {
      const rail = this.#calibrator.rails[rig.rails.indexOf(t.rail)]!;
      return (t.quantity === "voltage" ? rail.voltageV : rail.currentA)!;
    });
    this.sums = new RunningSums(targets.length, LONGEST_READING_S * rowHz);
  }

  add(block: SampleBlock): void {
    if (block.flags & (BlockFlag.gapBefore | BlockFlag.restart)) this.sums.forget();
    if (block.flags & BlockFlag.restart) this.#first = null;
    this.#tick(block);
    for (const slice of this.#slicer.add(block)) {
      this.#flags.fill(0, 0, slice.rows);
      this.#calibrator.read(slice, this.#flags);
      if (!this.#calibrator.alwaysNumbers) this.#vouch(slice.rows);
      this.sums.add(slice.firstIndex, this.#columns, this.#flags, slice.rows);
    }
  }

  /** Row, with fraction, that began at a tick; NaN while too little has come to know. */
  rowAt(tick: bigint): number {
    return this.#first
      ? this.#first.row + Number(tick - this.#first.tick) * this.#rowsPerTick
      : NaN;
  }

  #tick({ deviceTick: tick, firstIndex: row }: SampleBlock): void {
    if (tick === null) return;
    if (!this.#first) {
      this.#first = { tick, row };
      this.#rowsPerTick = NaN;
    } else if (tick > this.#first.tick)
      this.#rowsPerTick = (row - this.#first.row) / Number(tick - this.#first.tick);
  }

  /** What is no number must not spoil the sums; it counts as clipped. */
  #vouch(rows: number): void {
    for (const column of this.#columns)
      for (let i = 0; i < rows; i++)
        if (!Number.isFinite(column[i]!)) {
          column[i] = 0;
          this.#flags[i]! |= RowFlag.clipped;
        }
  }
}
