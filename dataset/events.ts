// Windows with their Joules → events.arrow, in the order that `event` in fused.arrow counts them.

import type { Comparison } from "../energy/compare.ts";
import { inOrder, kernelFields, launchesOnly } from "../energy/cuda-kernels.ts";
import { eventColumns } from "../schema/tables.ts";
import { type ArrowFile, type Values, writeArrow } from "./arrow-file.ts";

export function writeEvents(
  path: string,
  c: Comparison,
  metadata: Readonly<Record<string, string>>,
): void {
  writeArrow(path, eventColumns, metadata, (file) => {
    writeWindows(file, c);
    for (const batch of kernelBatches(c)) writeKernels(file, c, batch);
  });
}

function writeWindows(file: ArrowFile, { windows: rows }: Comparison): void {
  const int64 = (f: (r: (typeof rows)[number]) => number): Values => ({
    data: BigInt64Array.from(rows, (r) => BigInt(Math.round(f(r)))),
  });
  const text = (f: (r: (typeof rows)[number]) => string | null): Values => ({ data: rows.map(f) });
  const number = (f: (r: (typeof rows)[number]) => number | null | undefined): Values =>
    nullable(
      rows.map((r) => f(r) ?? null),
      Float64Array,
    );
  file.write(rows.length, [
    { data: Int32Array.from(rows, (_, i) => i) },
    text((r) => r.window.name),
    text((r) => r.window.kind),
    int64((r) => r.window.t0Ns),
    int64((r) => r.window.t1Ns),
    number((r) => (r.window.t1Ns - r.window.t0Ns) / 1e9),
    number((r) => r.physical?.energyJ),
    number((r) => r.physical?.expandedUncertaintyJ),
    number((r) => r.physical?.meanPowerW),
    number((r) => r.physical?.operationalJ),
    nullable(
      rows.map((r) => r.physical?.samples ?? null),
      Int32Array,
    ),
    number((r) => r.physical?.gapFraction),
    text((r) => r.physical?.quality ?? null),
    text((r) => (r.window.fields ? JSON.stringify(r.window.fields) : null)),
    text((r) => r.window.doubt ?? null),
  ]);
}

/** Rows of the kernel table without a window, some at a time: a run may hold a million. */
const KERNELS_A_BATCH = 50_000;

interface KernelBatch {
  readonly firstEvent: number;
  readonly rows: readonly number[];
}

function* kernelBatches(c: Comparison): Generator<KernelBatch> {
  const times = c.clocks.kernels;
  if (!times) return;
  const withWindow = new Set(c.kernels?.rows);
  const rest = [...inOrder(times).filter((i) => !withWindow.has(i)), ...launchesOnly(times)];
  for (let at = 0; at < rest.length; at += KERNELS_A_BATCH)
    yield { firstEvent: c.windows.length + at, rows: rest.slice(at, at + KERNELS_A_BATCH) };
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
    numbers((i) => (energy(i) === null ? null : energy(i)! / seconds(i))),
    nothing,
    nullable(
      rows.map(() => null),
      Int32Array,
    ),
    nothing,
    noText,
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
