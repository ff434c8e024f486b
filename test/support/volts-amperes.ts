// Rows of volts and amperes as they come in slices: what is learned of all of them, and which are left out for it.

import { Calibrator } from "../../align/rows/calibrate.ts";
import { RowWatch } from "../../align/rows/row-watch.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { Rail, Rig } from "../../schema/rig.ts";
import { rigOf, sensor } from "./rig.ts";

export const dut: Rail = { name: "dut", voltage: sensor("v"), current: sensor("a") };
export const dutRig = rigOf({ rails: [dut] });
const FIELDS = ["v", "a", "v2", "a2"];
const layoutOf = (columns: number): RowLayout => ({
  stream: "main",
  rowBytes: 8 * columns,
  fields: FIELDS.slice(0, columns).map((name, k) => {
    return { name, bitOffset: 64 * k, bits: 64, kind: "float" };
  }),
});

/** Of the rail, and of a second one (fields v2, a2) where there is one. */
export type Row = readonly [volts: number, amperes: number, ...second: readonly number[]];

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);
export const rowsOf = (n: number, of: (i: number) => Row): Row[] => range(0, n).map(of);

function block(rows: readonly Row[], firstIndex: number): SampleBlock {
  const bytes = new Uint8Array(new Float64Array(rows.flat()).buffer);
  const stamps = { deviceTick: null, hostBefore: null, hostAfter: null };
  return { ...{ stream: "main", firstIndex, ...stamps, rows: rows.length, flags: 0, bytes } };
}

/** @param slice rows of each. */
export function learnedOf(rows: readonly Row[], { slice = 100, rig = dutRig }: Made = {}) {
  const slices = Array.from({ length: Math.ceil(rows.length / slice) }, (_, k) =>
    block(rows.slice(k * slice, (k + 1) * slice), k * slice),
  );
  const layout = layoutOf(rows[0]!.length);
  const values = new Calibrator(layout, rig, slice);
  const watch = new RowWatch(rig, values);
  for (const b of slices) {
    values.read(b, new Uint8Array(slice));
    watch.add(b.firstIndex, b.rows);
  }
  const again = new Calibrator(layout, rig, slice, { learned: watch.learned() });
  const out: number[] = [];
  for (const b of slices) {
    again.read(b, new Uint8Array(slice));
    for (let i = 0; i < b.rows; i++) if (Number.isNaN(again.totalW[i])) out.push(b.firstIndex + i);
  }
  const { dropped, implausible } = again;
  return { out, dropped, implausible, oddities: watch.oddities() };
}

interface Made {
  readonly slice?: number;
  readonly rig?: Rig;
}
