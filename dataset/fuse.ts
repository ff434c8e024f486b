// A run → fused.arrow, events.arrow, telemetry.arrow, align.json and compare.json, in one pass over the
// samples and bounded memory.

import type { AlignedRun } from "../align/timeline.ts";
import type { Scan, TelemetrySeries } from "../align/scan.ts";
import { writeOwnJson } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import {
  type CaptureIdentity,
  captureIdentity,
  identityJson,
  identityMetadata,
} from "../capture/identity.ts";
import { compare, type Comparison, prepare, type Prepared } from "../energy/compare.ts";
import { comparisonToJson } from "../energy/compare-json.ts";
import type { Window } from "../energy/windows.ts";
import { inputError } from "../schema/errors.ts";
import { alignToJson } from "./align-json.ts";
import type { ByteSink } from "./arrow-file.ts";
import { noteChecksums } from "./checksums.ts";
import { Decimator } from "./decimator.ts";
import { writeEvents } from "./events.ts";
import { FusedTable } from "./fused.ts";
import { writeTelemetry } from "./telemetry.ts";

export interface FuseOptions {
  /** Rows per second of fused.arrow; means over several samples. All samples when absent. */
  readonly rateHz?: number;
  /** Only rows inside this window. */
  readonly window?: string;
  readonly onProgress?: (label: string) => (done: number, total: number) => void;
}

export interface Fused {
  readonly comparison: Comparison;
  readonly rows: number;
}

export function fuseRun(paths: RunPaths, options: FuseOptions = {}): Fused {
  const prepared = prepare(paths.capture, options.onProgress?.("reading"));
  const identity = captureIdentity(paths.capture);
  const shared = tableMetadata(prepared, identity);
  const table = openTable(paths.fused, prepared, shared);
  const sink = table && rowSink(table, prepared, options);
  let comparison: Comparison;
  try {
    comparison = compare(prepared, options.onProgress?.("fusing"), sink);
    table?.close();
  } catch (error) {
    table?.abort();
    throw error;
  }
  writeEvents(paths.events, comparison, { ...shared, "truejoule.schema": "events/1" });
  writeTelemetry(paths.telemetry, prepared.scan, { ...shared, "truejoule.schema": "telemetry/1" });
  const capture = identityJson(identity);
  writeOwnJson(paths.align, { ...alignToJson(comparison), capture });
  writeOwnJson(paths.compare, { ...comparisonToJson(comparison, paths.dir), capture });
  const { fused, events, telemetry, align, compare: compared } = paths;
  noteChecksums(paths, [fused, events, telemetry, align, compared], shared["capture_sha256"]);
  return { comparison, rows: table?.rowsWritten ?? 0 };
}

/** What a table must know of a prepared run. */
interface Fusable {
  readonly scan: Pick<Scan, "rig" | "telemetry"> & { readonly stream: object | null };
  readonly windows: readonly Window[];
}

/** The table and where its rows come from, without the files beside it: what the benchmark drives. */
export function openTable(
  to: string | ByteSink,
  { scan, windows }: Fusable,
  meta: Readonly<Record<string, string>>,
): FusedTable | undefined {
  if (!scan.stream || !scan.rig) return undefined;
  const rails = scan.rig.rails.map((r) => ({
    name: r.name,
    hasVoltage: r.voltage !== undefined || r.assumedVoltage !== undefined,
    hasCurrent: r.current !== undefined,
  }));
  const power = scan.telemetry.filter((s: TelemetrySeries) => s.channel.quantity === "power");
  return new FusedTable(to, rails, power, windows, meta);
}

function rowSink(table: FusedTable, p: Prepared, o: FuseOptions): (run: AlignedRun) => void {
  const window = o.window === undefined ? undefined : p.windows.find((w) => w.name === o.window);
  if (o.window !== undefined && !window) {
    table.abort();
    const names = p.windows.slice(0, 12).map((w) => w.name);
    throw inputError(`no window "${o.window}"`, p.scan.path, `one of ${names.join(", ")}`);
  }
  const rowHz = p.scan.rig!.device.rowHz;
  const factor = o.rateHz === undefined ? 1 : Math.max(1, Math.round(rowHz / o.rateHz));
  const decimator = factor > 1 ? new Decimator(factor, p.scan.rig!.rails.length) : undefined;
  const write = (run: AlignedRun): void => table.add(run);
  return (run) => {
    const inside = window ? clip(run, window.t0Ns, window.t1Ns) : run;
    if (!inside) return;
    if (decimator) decimator.add(inside, write);
    else write(inside);
  };
}

function clip(run: AlignedRun, t0: number, t1: number): AlignedRun | undefined {
  let { from, to } = run;
  while (from < to && run.tNs[from]! < t0) from++;
  while (to > from && run.tNs[to - 1]! > t1) to--;
  return from < to ? { ...run, from, to } : undefined;
}

/** What every table of a run says of itself. */
export function tableMetadata(
  { scan, clocks }: Prepared,
  identity: CaptureIdentity,
): Record<string, string> {
  const { session } = scan;
  const offsets = clocks.daq?.segments.map((s) => s.model.uOffsetNs) ?? [0];
  return {
    "truejoule.schema": "fused/1",
    session_start_unix_ns: session.startUnix?.toString() ?? "",
    clock_uncertainty_ns: String(2 * Math.max(...offsets)),
    rig_sha256: scan.rigSha256,
    ...identityMetadata(identity),
    source: session.source,
    software: session.software,
    rig: scan.rig?.name ?? "",
    labels: JSON.stringify(session.labels),
  };
}
