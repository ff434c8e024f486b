// A capture of a bench that holds still (or switches), written row by row: what calibrate is tested on.

import { LogWriter } from "../../capture/log-writer.ts";
import { createRun } from "../../capture/new-run.ts";
import { random } from "../../stats/random.ts";
import type { RowLayout } from "../../schema/records.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { instant } from "../../schema/time.ts";

export interface Truth {
  /** True value at a time, s. */
  readonly at: (t: number) => number;
  /** The sensor as it is: fast = gain · true + offset by the rig's line. */
  readonly gain?: number;
  readonly offset?: number;
  readonly lateS?: number;
}

/** @param truth by channel; a channel without one sees its zero. */
export function writeSteady(
  dir: string,
  rig: Rig,
  truth: Readonly<Record<string, Truth>>,
  seconds = 1,
  /** Of the converter: ideal count → code. */
  code = (ideal: number): number => Math.round(ideal),
): void {
  const { rowHz, stream } = rig.device;
  const sensors = rig.rails.flatMap((r) => [r.voltage!, r.current!]);
  const session = {
    id: dir,
    source: "virtual",
    hostClock: "trace",
    hostEpoch: instant<"host">(0n),
    startUnix: null,
    software: "test",
    labels: {},
  } as const;
  const log = new LogWriter(createRun(dir).capture, session);
  log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
  const layout: RowLayout = {
    stream,
    rowBytes: 2 * sensors.length,
    fields: sensors.map((s, k) => ({ name: s.field, bitOffset: 16 * k, bits: 12, kind: "uint" })),
  };
  log.declareRows(layout);
  const rows = 500;
  const noise = random(7, dir);
  for (let firstIndex = 0; firstIndex < seconds * rowHz; firstIndex += rows) {
    const words = new Uint16Array(rows * sensors.length);
    for (let i = 0; i < rows; i++)
      sensors.forEach((s, k) => {
        const count = countOf(s, truth[s.field], (firstIndex + i) / rowHz) + 1.5 * noise.normal();
        words[i * sensors.length + k] = Math.max(0, Math.min(4095, code(count)));
      });
    const stamps = { deviceTick: null, hostBefore: null, hostAfter: null };
    const bytes = new Uint8Array(words.buffer);
    log.rows({ stream, firstIndex, ...stamps, rows, flags: 0, bytes });
  }
  log.close();
}

function countOf(s: Sensor, t: Truth | undefined, seconds: number): number {
  const { at = () => 0, gain = 1, offset = 0, lateS = 0 } = t ?? {};
  return s.zeroCount + (gain * at(seconds - lateS) + offset) / s.perCount;
}
