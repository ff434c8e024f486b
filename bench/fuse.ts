// Raw blocks → rows of fused.arrow in a sink that throws them away: the whole second pass of `fuse`,
// two rails, two telemetry channels of 10 reads a second, two events a second, int64 time.

import { type AlignedRun } from "../align/timeline.ts";
import { ReadColumn } from "../align/read-column.ts";
import type { TelemetrySeries } from "../align/scanned.ts";
import type { Intervals } from "../dataset/event-index.ts";
import { openTable } from "../dataset/fuse.ts";
import { instantsOf, Integrator } from "../energy/integrate.ts";
import { type Figure, measure } from "./memcpy.ts";
import { BLOCK_ROWS, blocksOf, rowNs, type Stream, timelineOf, words16 } from "./stream.ts";

const POOL_ROWS = 1 << 20;
const BLOCKS = 128;
const TARGET = 20e6;

export async function* run(): AsyncGenerator<Figure> {
  const s = await words16(POOL_ROWS);
  const rows = BLOCKS * BLOCK_ROWS;
  const seconds = 2000;
  let written = 0;
  const table = openTable(
    (bytes) => void (written += bytes.byteLength),
    {
      scan: {
        rig: s.rig,
        stream: { layout: s.layout },
        telemetry: ["nvml.power_usage", "nvml.power_instant"].map((n) => reads(n, seconds * 10)),
      },
      windows: events(s, seconds * 2),
    },
    {},
  )!;
  const integrator = new Integrator(s.rig, instantsOf([]));
  const runs = timelineOf(s).align(blocksOf(s, Infinity));
  const next = (): AlignedRun => runs.next().value as AlignedRun; // it never ends
  yield measure({
    bench: "fuse",
    unit: "rows/s",
    amount: rows,
    bytes: rows * s.layout.rowBytes,
    target: TARGET,
    run() {
      for (let k = 0; k < BLOCKS; k++) {
        const run = next();
        integrator.add(run);
        table.add(run);
      }
    },
  });
}

function reads(name: string, n: number): TelemetrySeries {
  const each = (value: (k: number) => number): ReadColumn =>
    ReadColumn.of(Array.from({ length: n }, (_, k) => value(k)));
  return {
    channel: { name, quantity: "power", unit: "W" },
    tNs: each((k) => k * 1e8),
    halfNs: each(() => 1e5),
    value: each((k) => 300 + (k % 50)),
    code: each(() => 0),
  };
}

function events(s: Stream, count: number): Intervals {
  const t0Ns = (k: number): number => rowNs(s, k * 50_000);
  return { count, t0Ns, t1Ns: (k) => t0Ns(k) + 2e8, isSum: () => false };
}
