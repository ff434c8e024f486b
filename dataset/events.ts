// Windows with their Joules → events.arrow, in the order that `event` in fused.arrow counts them.

import type { Comparison } from "../energy/compare.ts";
import { eventColumns } from "../schema/tables.ts";
import { ArrowFile, type Values } from "./arrow-file.ts";

export function writeEvents(
  path: string,
  c: Comparison,
  metadata: Readonly<Record<string, string>>,
): void {
  const rows = c.windows;
  const file = new ArrowFile(path, eventColumns, metadata);
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
  file.close();
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
