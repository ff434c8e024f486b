// Raw blocks → rows of fused.arrow, Arrow encoding included, into a sink that discards them: two rails,
// two telemetry channels, int64 time, events and flags.

import type { TelemetrySeries } from "../align/scan.ts";
import { FusedTable } from "../dataset/fused.ts";
import { type Figure, measure } from "./memcpy.ts";
import { blocksOf, rowNs, type Stream, timelineOf, words16 } from "./stream.ts";

const ROWS = 1 << 22;
const TARGET = 20e6;

export async function* run(): AsyncGenerator<Figure> {
  const stream = await words16(ROWS);
  yield measure({
    bench: "fuse: rows to a discarding sink",
    unit: "rows/s",
    amount: ROWS,
    bytes: stream.pool.length,
    target: TARGET,
    run() {
      let bytes = 0;
      const table = new FusedTable(
        (chunk) => void (bytes += chunk.length),
        stream.rig.rails.map((r) => ({ name: r.name, hasVoltage: true, hasCurrent: true })),
        [telemetry("nvml.power_usage", stream), telemetry("nvml.power_instant", stream)],
        windows(stream),
        {},
      );
      for (const run of timelineOf(stream).align(blocksOf(stream, ROWS))) table.add(run);
      table.close();
      if (bytes < ROWS * 50) throw new Error(`only ${bytes} bytes for ${ROWS} rows`);
    },
  });
}

/** A read every 10 ms. */
function telemetry(name: string, s: Stream): TelemetrySeries {
  const end = rowNs(s, ROWS);
  const tNs: number[] = [];
  for (let t = 0; t < end; t += 10e6) tNs.push(t);
  const channel = { name, quantity: "power", unit: "W" } as const;
  return {
    channel,
    tNs,
    halfNs: tNs.map(() => 0),
    value: tNs.map((_, i) => 300 + (i % 50)),
    code: [],
  };
}

/** A kernel a millisecond. */
function windows(s: Stream) {
  const end = rowNs(s, ROWS);
  return Array.from({ length: Math.floor(end / 1e6) }, (_, i) => ({
    name: `kernel-${i + 1}`,
    kind: "kernel" as const,
    t0Ns: i * 1e6,
    t1Ns: i * 1e6 + 0.4e6,
    u0Ns: 0,
    u1Ns: 0,
  }));
}
