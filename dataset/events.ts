// Windows with their Joules → events.arrow, in the order that `event` in fused.arrow counts them.

import { MarkFields } from "../capture/mark-fields.ts";
import { assertUnchanged } from "../capture/unchanged.ts";
import type { Comparison } from "../energy/result.ts";
import { meanPowerW, operationalJ } from "../energy/measured.ts";
import { inOrder, kernelFields, launchesOnly } from "../energy/cuda-kernels.ts";
import { intervalJ } from "../energy/physical.ts";
import { inDoubt } from "../energy/quality.ts";
import { doubtText, type Window } from "../energy/window.ts";
import { eventColumns } from "../schema/tables.ts";
import { type ArrowFile, type Values, writeArrow } from "./arrow-file.ts";

export function writeEvents(
  path: string,
  c: Comparison,
  metadata: Readonly<Record<string, string>>,
): string {
  const fields = new MarkFields(c.scan.path);
  try {
    return writeArrow(path, eventColumns, metadata, (file) => {
      for (let from = 0; from < c.list.count; from += ROWS_A_BATCH)
        writeWindows(file, c, fields, from);
      for (const batch of kernelBatches(c)) writeKernels(file, c, batch);
      assertUnchanged(c.scan);
    });
  } finally {
    fields.close();
  }
}

/** Rows at a time: a run may hold millions. */
const ROWS_A_BATCH = 1 << 12;

/** A batch of windows, from this one on. */
function writeWindows(file: ArrowFile, c: Comparison, marks: MarkFields, from: number): void {
  const rows = Array.from({ length: Math.min(ROWS_A_BATCH, c.list.count - from) }, (_, k) => {
    const i = from + k;
    const w = c.list.at(i);
    const seconds = (w.t1Ns - w.t0Ns) / 1e9;
    return { i, w, seconds, doubts: c.doubts.allOf(w), figures: c.figures?.at(i) ?? null };
  });
  type Row = (typeof rows)[number];
  const int64 = (f: (r: Row) => number): Values => ({
    data: BigInt64Array.from(rows, (r) => BigInt(Math.round(f(r)))),
  });
  const text = (f: (r: Row) => string | null): Values => ({ data: rows.map(f) });
  const numbers = (
    f: (p: NonNullable<Row["figures"]>) => number | null,
    type: typeof Float64Array | typeof Int32Array = Float64Array,
  ): Values =>
    nullable(
      rows.map((r) => (r.figures ? f(r.figures) : null)),
      type,
    );
  file.write(rows.length, [
    { data: Int32Array.from(rows, (r) => r.i) },
    text((r) => r.w.name),
    text((r) => r.w.kind),
    int64((r) => r.w.t0Ns),
    int64((r) => r.w.t1Ns),
    nullable(
      rows.map((r) => r.seconds),
      Float64Array,
    ),
    numbers((p) => p.energyJ),
    numbers((p) => p.expandedUncertaintyJ),
    numbers((p) => intervalJ(p)[0]),
    numbers((p) => intervalJ(p)[1]),
    numbers(meanPowerW),
    numbers((p) => operationalJ(p, c.idle)),
    numbers((p) => p.samples, Int32Array),
    numbers((p) => p.gapFraction),
    text((r) => r.figures && inDoubt(r.figures.quality, r.doubts.length > 0)),
    text(() => c.claimStatus),
    text((r) => fieldsText(r.w, marks)),
    text((r) => doubtText(r.doubts) ?? null),
  ]);
}

/** Of its begin, and over them of its end. */
function fieldsText({ fields, fieldsAt }: Window, marks: MarkFields): string | null {
  if (!fieldsAt) return fields ? JSON.stringify(fields) : null;
  const [begin, end] = fieldsAt.map((at) => (at > 0 ? marks.at(at) : undefined));
  return JSON.stringify({ ...begin, ...end });
}

interface KernelBatch {
  readonly firstEvent: number;
  readonly rows: readonly number[];
}

function* kernelBatches(c: Comparison): Generator<KernelBatch> {
  const times = c.clocks.kernels;
  if (!times) return;
  const withWindow = new Set(c.kernels?.rows);
  const rest = [...inOrder(times).filter((i) => !withWindow.has(i)), ...launchesOnly(times)];
  for (let at = 0; at < rest.length; at += ROWS_A_BATCH)
    yield { firstEvent: c.list.count + at, rows: rest.slice(at, at + ROWS_A_BATCH) };
}

/** Kernels without a budget of their own: Joules by the running integral, their uncertainty by name only. */
function writeKernels(file: ArrowFile, c: Comparison, { firstEvent, rows }: KernelBatch): void {
  const k = c.clocks.kernels!;
  // A kernel known by its launch alone has no end: no length, no Joules.
  const endNs = k.endNs.map((t, i) => (Number.isNaN(t) ? k.startNs[i]! : t));
  const seconds = (i: number): number => (k.endNs[i]! - k.startNs[i]!) / 1e9;
  const energy = (i: number): number | null => c.kernels?.energyJ[i] ?? null;
  const int64 = (of: Float64Array): Values => ({
    data: BigInt64Array.from(rows, (i) => BigInt(Math.round(of[i]!))),
  });
  const numbers = (f: (i: number) => number | null): Values => nullable(rows.map(f), Float64Array);
  const nothing = numbers(() => null);
  const noText = { data: rows.map(() => null) };
  file.write(rows.length, [
    { data: Int32Array.from(rows, (_, n) => firstEvent + n) },
    { data: rows.map((i) => k.table.names[k.table.name[i]!]!) },
    { data: rows.map(() => "kernel") },
    int64(k.startNs),
    int64(endNs),
    numbers(seconds),
    numbers(energy),
    nothing,
    nothing,
    nothing,
    numbers((i) => (energy(i) === null ? null : energy(i)! / seconds(i))),
    nothing,
    nullable(
      rows.map(() => null),
      Int32Array,
    ),
    nothing,
    noText,
    { data: rows.map(() => c.claimStatus) },
    { data: rows.map((i) => JSON.stringify(kernelFields(k, i))) },
    noText,
  ]);
}

/** Numbers with holes → values and validity bitmap. */
export function nullable(
  list: readonly (number | null)[],
  Type: typeof Float64Array | typeof Int32Array,
): Values {
  const valid = new Uint8Array((list.length + 7) >> 3);
  let nulls = 0;
  list.forEach((x, i) => {
    if (x === null || Number.isNaN(x)) nulls++;
    else valid[i >> 3]! |= 1 << (i & 7);
  });
  return { data: new Type(list.map((x) => x ?? 0)), valid, nulls };
}
