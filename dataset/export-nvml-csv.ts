// The driver's telemetry of a run → CSV as home-made NVML samplers write it, and as `import nvml-csv` reads
// it: t_mono_ns, power_W, util_gpu, util_mem, sm_clock, and MARK rows between. One row a read of the power;
// the other fields as read nearest to it. A failed read is `nan`. Holds the telemetry, not the samples.

import { fitClocks } from "../align/clocks/fit.ts";
import { inTimeOrder } from "../align/good-reads.ts";
import { type ResolvedMark, resolvedMarks } from "../align/log-marks.ts";
import { scanCapture } from "../align/scan.ts";
import type { Scan, TelemetrySeries } from "../align/scanned.ts";
import { csvCell } from "../schema/csv.ts";
import { inputError } from "../schema/errors.ts";
import { type TextFile, writeText } from "./text-file.ts";
import { unixText } from "./unix-time.ts";

/** Column → the field it holds, by NVML's and by nvidia-smi's name, and what one unit of the column is in SI. */
const COLUMNS: readonly (readonly [string, RegExp, number])[] = [
  ["power_W", /^(power_usage|power_draw)$/, 1],
  ["util_gpu", /^utilization_gpu$/, 0.01],
  ["util_mem", /^utilization_memory$/, 0.01],
  ["sm_clock", /^(clock_sm|clocks_current_sm|clocks_sm)$/, 1e6],
  ["power_instant_W", /^(power_instant|power_draw_instant)$/, 1],
  ["power_average_W", /^(power_average|power_draw_average)$/, 1],
];
/** Names that the format has a meaning for: no mark field may stand under them. */
const TAKEN = new Set(["t_mono_ns", "t_unix_ns", "mark", "label", "read_ok"]);

interface Column {
  readonly name: string;
  readonly series: TelemetrySeries;
  readonly perUnit: number;
}

type Progress = (done: number, total: number) => void;

/**
 * One file a GPU; where there are several, `out` gets `.gpu0`, `.gpu1` before its ending.
 * @param check may refuse a file, before any is written.
 * @returns files and rows written.
 * @throws InputError when the run has no power reading of NVML or nvidia-smi.
 */
export async function exportNvmlCsv(
  capture: string,
  out: string,
  onProgress?: Progress,
  check: (path: string) => void = () => undefined,
): Promise<{ path: string; rows: number }[]> {
  const scan = scanCapture(capture, onProgress);
  const marks = resolvedMarks(scan, fitClocks(scan).marks);
  const gpus = byGpu(scan.telemetry);
  if (gpus.size === 0)
    throw inputError(
      "no power reading of NVML or nvidia-smi in this run",
      capture,
      "a channel nvml.power_usage, nvml.power_instant, nvidia_smi.power_draw or the like",
      scan.telemetry.map((s) => s.channel.name).join(", ") || "no telemetry",
    );
  const written: { path: string; rows: number }[] = [];
  const pathOf = (gpu: string): string =>
    gpus.size === 1 ? out : out.replace(/(\.[^./\\]*)?$/, `.gpu${gpu}$1`);
  for (const gpu of gpus.keys()) check(pathOf(gpu));
  for (const [gpu, columns] of gpus) {
    const path = pathOf(gpu);
    let rows = 0;
    await writeText(path, (file) => void (rows = write(file, scan, columns, marks)));
    written.push({ path, rows });
  }
  return written;
}

/** The columns of each GPU that has a power reading, in the order of the format. */
function byGpu(telemetry: readonly TelemetrySeries[]): Map<string, Column[]> {
  const gpus = new Map<string, Column[]>();
  for (const [name, field, perUnit] of COLUMNS)
    for (const series of telemetry) {
      const m = /^(?:nvml|nvidia_smi)\.(?:(\d+)\.)?(\w+)$/.exec(series.channel.name);
      if (!m || !field.test(m[2]!) || series.tNs.length === 0) continue;
      const gpu = m[1] ?? "0";
      const columns = gpus.get(gpu) ?? [];
      if (!columns.some((c) => c.name === name)) columns.push({ name, series, perUnit });
      gpus.set(gpu, columns);
    }
  for (const [gpu, columns] of gpus) if (!columns.some((c) => isPower(c))) gpus.delete(gpu);
  return gpus;
}

const isPower = (c: Column): boolean => c.name.startsWith("power_");

function write(
  file: TextFile,
  scan: Scan,
  columns: readonly Column[],
  marks: readonly ResolvedMark[],
): number {
  const { hostEpoch, startUnix } = scan.session;
  const fields = fieldNames(marks, columns);
  const unix = startUnix === null ? undefined : unixText(startUnix);
  const names = [...columns.map((c) => c.name), ...(unix ? ["t_unix_ns"] : [])];
  file.write(`${["t_mono_ns", ...names, "label", ...fields].map(csvCell).join(",")}\n`);
  const anchor = columns.find(isPower)!.series;
  const nearest = columns.map((c) => nearestReader(c));
  const { tNs } = inTimeOrder(anchor);
  const time = (tNs: number): string => hostTime(hostEpoch + BigInt(Math.round(tNs)), scan.path);
  let next = 0;
  const marksBefore = (tNs: number): void => {
    for (; next < marks.length && marks[next]!.tNs <= tNs; next++)
      file.write(`${markRow(marks[next]!, time, names.length, unix, fields)}\n`);
  };
  for (let i = 0; i < tNs.length; i++) {
    const t = tNs.at(i);
    marksBefore(t);
    const cells = [time(t), ...nearest.map((read) => read(t)), ...(unix ? [unix(t)] : [])];
    file.write(`${cells.join(",")}${",".repeat(1 + fields.length)}\n`);
  }
  marksBefore(Infinity);
  return tNs.length;
}

function hostTime(ns: bigint, path: string): string {
  if (ns < 0n)
    throw inputError("a time before the clock's zero, which this format cannot hold", path);
  return ns.toString();
}

/** Reads come in order, and so do the questions: a cursor finds the read nearest to each. */
function nearestReader({ series, perUnit }: Column): (tNs: number) => string {
  const reads = inTimeOrder(series);
  let k = 0;
  return (tNs) => {
    const off = (j: number): number => Math.abs(reads.tNs.at(j) - tNs);
    while (k + 1 < reads.tNs.length && off(k + 1) <= off(k)) k++;
    const value = reads.value.at(k);
    // Twelve digits: what dividing by the unit adds beyond is no part of the reading.
    return Number.isNaN(value) ? "nan" : String(Number((value / perUnit).toPrecision(12)));
  };
}

/** The time, MARK in place of the first reading, the label, and the mark's fields under their names. */
function markRow(
  { mark, tNs }: ResolvedMark,
  time: (tNs: number) => string,
  readings: number,
  unix: ((tNs: number) => string) | undefined,
  fields: readonly string[],
): string {
  const word = { begin: " start", end: " end", instant: "" }[mark.phase];
  const cells = ["MARK", ...Array<string>(readings - 1).fill("")];
  if (unix) cells[readings - 1] = unix(tNs);
  const values = fields.map((f) => {
    const value = mark.fields?.[f] ?? "";
    return typeof value === "number" ? String(value) : csvCell(String(value));
  });
  return [time(tNs), ...cells, csvCell(mark.name + word), ...values].join(",");
}

function fieldNames(marks: readonly ResolvedMark[], columns: readonly Column[]): string[] {
  const taken = new Set([...TAKEN, ...columns.map((c) => c.name.toLowerCase())]);
  const names = new Set(marks.flatMap((m) => Object.keys(m.mark.fields ?? {})));
  return [...names].filter((n) => !taken.has(n.toLowerCase()));
}
