// Telemetry reads → telemetry.arrow, one row a read, in time order over all channels. A failed read is a
// null with its code. Holds one batch at a time.

import type { Scan, TelemetrySeries } from "../align/scanned.ts";
import { telemetryColumns } from "../schema/tables.ts";
import { type ArrowFile, writeArrow } from "./arrow-file.ts";

const BATCH = 65_536;

export function writeTelemetry(
  path: string,
  scan: Pick<Scan, "telemetry">,
  metadata: Readonly<Record<string, string>>,
): string {
  return writeArrow(path, telemetryColumns, metadata, (file) => {
    const batch = new Batch(file);
    inTurn(scan.telemetry, (series, i) => batch.add(series, i));
    batch.flush();
  });
}

class Batch {
  readonly #file: ArrowFile;
  readonly #t = new BigInt64Array(BATCH);
  readonly #halfNs = new Float64Array(BATCH);
  readonly #channel: string[] = [];
  readonly #value = new Float64Array(BATCH);
  readonly #valid = new Uint8Array(BATCH / 8);
  readonly #unit: string[] = [];
  readonly #code = new Int32Array(BATCH);
  #nulls = 0;
  #rows = 0;

  constructor(file: ArrowFile) {
    this.#file = file;
  }

  add({ channel, tNs, halfNs, value, code }: TelemetrySeries, i: number): void {
    const row = this.#rows++;
    const v = value.at(i);
    this.#t[row] = BigInt(Math.round(tNs.at(i)));
    this.#halfNs[row] = halfNs.at(i);
    this.#channel.push(channel.name);
    this.#value[row] = v;
    if (Number.isNaN(v)) this.#nulls++;
    else this.#valid[row >> 3]! |= 1 << (row & 7);
    this.#unit.push(channel.unit);
    this.#code[row] = code.at(i);
    if (this.#rows === BATCH) this.flush();
  }

  flush(): void {
    if (this.#rows === 0) return;
    const valid = this.#valid.subarray(0, (this.#rows + 7) >> 3);
    this.#file.write(this.#rows, [
      { data: this.#t },
      { data: this.#halfNs },
      { data: this.#channel },
      { data: this.#value, valid, nulls: this.#nulls },
      { data: this.#unit },
      { data: this.#code },
    ]);
    this.#rows = this.#nulls = this.#channel.length = this.#unit.length = 0;
    this.#valid.fill(0);
  }
}

/** Each read of all channels by time; each channel is already in order, give or take a stepped clock. */
function inTurn(
  channels: readonly TelemetrySeries[],
  see: (series: TelemetrySeries, i: number) => void,
): void {
  const next = channels.map(() => 0);
  const head = Float64Array.from(channels, ({ tNs }) => (tNs.length > 0 ? tNs.at(0) : Infinity));
  for (;;) {
    let least = 0;
    for (let c = 1; c < head.length; c++) if (head[c]! < head[least]!) least = c;
    if (!(head[least]! < Infinity)) return;
    const series = channels[least]!;
    see(series, next[least]!++);
    head[least] = next[least]! < series.tNs.length ? series.tNs.at(next[least]!) : Infinity;
  }
}
