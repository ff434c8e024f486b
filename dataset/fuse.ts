// A run → fused.arrow, events.arrow, telemetry.arrow, align.json and compare.json, in one pass over the
// samples and bounded memory.

import type { AlignedRun } from "../align/timeline.ts";
import type { Scan, TelemetrySeries } from "../align/scanned.ts";
import { writeOwnJson } from "../capture/own-file.ts";
import type { RunPaths } from "../capture/run.ts";
import {
  type CaptureIdentity,
  identityJson,
  identityMetadata,
  identityOf,
} from "../capture/identity.ts";
import { compare, prepare } from "../energy/compare.ts";
import type { Comparison, Prepared } from "../energy/result.ts";
import { comparisonToJson } from "./documents/compare-json.ts";
import { inputError, UsageError } from "../schema/errors.ts";
import { NS_PER_S } from "../schema/time.ts";
import type { WorkListener } from "../schema/work-listener.ts";
import { alignToJson } from "./documents/align-json.ts";
import type { ByteSink } from "./arrow-file.ts";
import { logNow } from "./changed-log.ts";
import { noteChecksums } from "./checksums.ts";
import { Decimator } from "./decimator.ts";
import type { Intervals } from "./event-index.ts";
import { writeEvents } from "./events.ts";
import { FusedTable } from "./fused.ts";
import { writeTelemetry } from "./telemetry.ts";
import { mostOf } from "../stats/summary.ts";

export interface FuseOptions extends WorkListener {
  /** Rows per second of fused.arrow; means over several samples. All samples when absent. */
  readonly rateHz?: number;
  /** Only rows inside this window. */
  readonly window?: string;
}

export interface Fused {
  readonly comparison: Comparison;
  /** Of fused.arrow. */
  readonly rows: number;
}

/**
 * The log as it is now → its files, a change of it told. The caller holds the run's lock, exclusive.
 * @throws UsageError for a rate that does not divide the rows', InputError where the log cannot be read
 */
export async function fuseNow(
  paths: RunPaths,
  options: FuseOptions = {},
): Promise<Fused & { readonly changed: boolean }> {
  const prepared = prepare(paths.capture, options.onProgress?.("reading"));
  const { changed } = await logNow(paths, options, prepared.scan.sha256);
  return { ...fuse(paths, prepared, options), changed };
}

export const fuseRun = (paths: RunPaths, options: FuseOptions = {}): Fused =>
  fuse(paths, prepare(paths.capture, options.onProgress?.("reading")), options);

/** The same of a run that was read already. */
export function fuse(paths: RunPaths, prepared: Prepared, options: FuseOptions = {}): Fused {
  const identity = identityOf(paths.capture, prepared.scan.sha256);
  const shared = tableMetadata(prepared, identity);
  const factor = rowsPerMean(prepared.scan, options);
  const table = openTable(paths.fused, prepared, { ...shared, ...rowsMetadata(prepared, factor) });
  const written = new Map<string, string | null>();
  let comparison: Comparison;
  try {
    const sink = table && rowSink(table, prepared, options);
    comparison = compare(prepared, {
      onProgress: options.onProgress?.("fusing"),
      onRun: sink?.add,
      window: options.window,
    });
    sink?.end();
    written.set(paths.fused, table?.close() ?? null);
  } catch (error) {
    table?.abort();
    throw error;
  }
  const meta = (schema: string): Record<string, string> => ({
    ...shared,
    "truejoule.schema": schema,
  });
  written.set(paths.events, writeEvents(paths.events, comparison, meta("events/1")));
  written.set(paths.telemetry, writeTelemetry(paths.telemetry, prepared.scan, meta("telemetry/1")));
  const capture = identityJson(identity);
  const keepJson = (path: string, document: object): void =>
    void written.set(path, writeOwnJson(path, { ...document, capture }));
  keepJson(paths.align, alignToJson(comparison));
  keepJson(paths.compare, comparisonToJson(comparison, paths.dir));
  noteChecksums(paths, written, identity.sha256);
  return { comparison, rows: table?.rowsWritten ?? 0 };
}

/** What a row of the table stands for, where it is no instant: for how long, and over how many rows it is a mean. */
function rowsMetadata({ scan }: Prepared, factor: number): Record<string, string> {
  const betweenNs = scan.rig ? ((factor - 1) * NS_PER_S) / scan.rig.device.rowHz : 0;
  const ns = betweenNs + holdsNs(scan);
  return {
    ...(factor > 1 ? { rows_per_mean: String(factor) } : {}),
    ...(ns > 0 ? { row_holds_ns: String(ns) } : {}),
  };
}

/** What a table must know of a prepared run. */
interface Fusable {
  readonly scan: Pick<Scan, "rig" | "telemetry"> & { readonly stream: object | null };
  readonly windows: Intervals;
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
  return new FusedTable(to, rails, power, windows, meta, holdsNs(scan));
}

interface RowSink {
  readonly add: (run: AlignedRun) => void;
  readonly end: () => void;
}

function rowSink(table: FusedTable, p: Prepared, o: FuseOptions): RowSink {
  const window = o.window === undefined ? undefined : p.windows.find(o.window);
  if (o.window !== undefined && !window) {
    throw inputError(`no window "${o.window}"`, p.scan.path, `one of ${p.windows.someNames()}`);
  }
  const factor = rowsPerMean(p.scan, o);
  const decimator =
    factor > 1 ? new Decimator(factor, holdsNs(p.scan), (means) => table.add(means)) : undefined;
  return {
    add(run) {
      const inside = window ? clip(run, window.t0Ns, window.t1Ns) : run;
      if (!inside) return;
      if (decimator) decimator.add(inside);
      else table.add(inside);
    },
    end: () => decimator?.end(),
  };
}

/** How long a row stands for, where rows are means over their period. */
const holdsNs = ({ rig }: Pick<Scan, "rig">): number =>
  rig?.device.sampling === "interval_mean" ? NS_PER_S / rig.device.rowHz : 0;

/** Rates are typed with a few digits: a divisor within this is meant. */
const SAME_RATE = 1e-5;

/** @throws UsageError naming the nearest rates that divide the rate of rows. */
function rowsPerMean({ rig }: Pick<Scan, "rig">, { rateHz }: FuseOptions): number {
  if (rateHz === undefined || !rig) return 1;
  const { rowHz } = rig.device;
  const exact = rowHz / rateHz;
  const factor = Math.max(1, Math.round(exact));
  if (Math.abs(exact / factor - 1) <= SAME_RATE) return factor;
  const named = (n: number): string => `${Number((rowHz / n).toPrecision(7))} Hz`;
  if (exact < 1)
    throw new UsageError(
      `--rate: ${named(exact)} is more than the ${named(1)} of the rows; leave --rate out for every row`,
    );
  const [less, more] = [Math.ceil(exact), Math.floor(exact)];
  throw new UsageError(
    `--rate: ${named(exact)} does not divide the ${named(1)} of the rows; the nearest that do are ${named(less)} (means over ${less} rows) and ${named(more)} (${more})`,
  );
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
    clock_uncertainty_ns: String(2 * mostOf(offsets)),
    rig_sha256: scan.rigSha256,
    ...identityMetadata(identity),
    source: session.source,
    software: session.software,
    rig: scan.rig?.name ?? "",
    labels: JSON.stringify(session.labels),
  };
}
