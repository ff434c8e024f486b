// A small log for the tests of capture/: a stream of one 16-bit field, a telemetry channel, marks, notes.
// Every value follows from its index, so that whoever reads a damaged copy can tell right from wrong.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CaptureRecord, readCapture } from "../../capture/log-reader.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import type { RowLayout, SampleBlock } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";

export const session: Session = {
  id: "t",
  source: "virtual",
  hostClock: "monotonic",
  hostEpoch: instant<"host">(10n ** 18n),
  startUnix: null,
  software: "test",
  labels: { a: "b" },
};

export const layout: RowLayout = {
  stream: "main",
  rowBytes: 4,
  fields: [{ name: "a", bitOffset: 0, bits: 16, kind: "uint" }],
};

let dirs: string[] = [];

export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-capture-"));
  dirs.push(dir);
  return dir;
}

export function sweep(): void {
  for (const dir of dirs) rmSync(dir, { recursive: true });
  dirs = [];
}

export function block(index: number, rows: number, flags = 0): SampleBlock {
  return {
    stream: "main",
    firstIndex: index,
    deviceTick: null,
    hostBefore: instant<"host">(session.hostEpoch + 5n),
    hostAfter: instant<"host">(session.hostEpoch + 9n),
    rows,
    flags,
    bytes: new Uint8Array(rows * 4).map((_, i) => (i * 7 + index * 3) & 255),
  };
}

/** A log of `chunks` chunks, each of one block of `rows` rows, a read and a mark. */
export function writeLog(path: string, chunks: number, rows = 16, close = true): void {
  const log = new LogWriter(path, session);
  log.attach("rig.yaml", "application/yaml", Buffer.from("name: x"));
  log.declareRows(layout);
  log.declareTelemetry({ name: "nvml.power_usage", quantity: "power", unit: "W" });
  for (let i = 0; i < chunks; i++) {
    log.rows(block(i * rows, rows));
    const t = instant<"host">(session.hostEpoch + BigInt(i));
    log.read({ channel: "nvml.power_usage", before: t, after: t, stamp: null, value: i, code: 0 });
    log.mark({ name: "load", phase: "begin", clock: "host", t, fields: { i } });
    log.flush();
  }
  if (close) log.close();
}

export const all = (path: string): CaptureRecord[] => [...readCapture(path)];

export const count = (rs: readonly CaptureRecord[], kind: CaptureRecord["kind"]): number =>
  rs.filter((r) => r.kind === kind).length;

/** As text, for comparing records whatever their kind, and wherever in their file they stand. */
export const words = (rs: readonly CaptureRecord[]): string[] =>
  rs.map((r) =>
    JSON.stringify(r, (key, v: unknown) =>
      typeof v === "bigint" ? `${v}n` : key === "at" || key === "dataAt" ? undefined : v,
    ),
  );
