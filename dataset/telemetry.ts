// Telemetry reads → telemetry.arrow, one row a read, in time order over all channels. A failed read is a
// null with its code.

import type { Scan, TelemetrySeries } from "../align/scan.ts";
import { telemetryColumns } from "../schema/tables.ts";
import { type ArrowFile, writeArrow } from "./arrow-file.ts";
import { nullable } from "./events.ts";

const BATCH = 65_536;

export function writeTelemetry(
  path: string,
  scan: Scan,
  metadata: Readonly<Record<string, string>>,
): string {
  return writeArrow(path, telemetryColumns, metadata, (file) => {
    let batch: [TelemetrySeries, number][] = [];
    const flush = (): void => {
      if (batch.length > 0) writeBatch(file, batch);
      batch = [];
    };
    for (const read of merged(scan.telemetry)) {
      batch.push(read);
      if (batch.length === BATCH) flush();
    }
    flush();
  });
}

function writeBatch(file: ArrowFile, batch: readonly [TelemetrySeries, number][]): void {
  file.write(batch.length, [
    { data: BigInt64Array.from(batch, ([s, i]) => BigInt(Math.round(s.tNs[i]!))) },
    { data: Float64Array.from(batch, ([s, i]) => s.halfNs[i]!) },
    { data: batch.map(([s]) => s.channel.name) },
    nullable(
      batch.map(([s, i]) => s.value[i]!),
      Float64Array,
    ),
    { data: batch.map(([s]) => s.channel.unit) },
    { data: Int32Array.from(batch, ([s, i]) => s.code[i]!) },
  ]);
}

/** The reads of all channels by time; each channel is already in order, give or take a stepped clock. */
function* merged(channels: readonly TelemetrySeries[]): Generator<[TelemetrySeries, number]> {
  const next = channels.map(() => 0);
  for (;;) {
    let best = -1;
    for (let c = 0; c < channels.length; c++) {
      const t = channels[c]!.tNs;
      if (next[c]! < t.length && (best < 0 || t[next[c]!]! < channels[best]!.tNs[next[best]!]!))
        best = c;
    }
    if (best < 0) return;
    yield [channels[best]!, next[best]!++];
  }
}
