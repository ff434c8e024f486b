// A run's derived files with a known truth, written with Arrow alone: nothing of the product makes them.

import {
  type DataType,
  Field,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Uint8,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunPaths, runPaths } from "../../capture/run.ts";
import type { AlignDocument } from "../../schema/documents/align.ts";

/** Watts of the load at t seconds: idle, bursts, a ramp; straight lines between the corners. */
const CORNERS: readonly (readonly [number, number])[] = [
  [0, 60],
  [1, 60],
  [1.0005, 310],
  [2, 310],
  [2.0005, 90],
  [3, 90],
  [4, 350],
  [4.001, 60],
  [6, 60],
];

export function truthW(t: number): number {
  for (let i = 1; i < CORNERS.length; i++) {
    const [[t0, w0], [t1, w1]] = [CORNERS[i - 1]!, CORNERS[i]!];
    if (t <= t1) return w0 + ((t - t0) / (t1 - t0)) * (w1 - w0);
  }
  return CORNERS[CORNERS.length - 1]![1];
}

/** Joules of that load from 0 to t seconds, in closed form. */
export function truthJ(t: number): number {
  let sum = 0;
  for (let i = 1; i < CORNERS.length; i++) {
    const [[t0, w0], [t1]] = [CORNERS[i - 1]!, CORNERS[i]!];
    if (t <= t0) break;
    const end = Math.min(t, t1);
    sum += ((w0 + truthW(end)) / 2) * (end - t0);
  }
  return sum;
}

export interface SyntheticOptions {
  readonly source?: string;
  readonly rowHz?: number;
  readonly seconds?: number;
  readonly label?: string;
  /** A hole in the trace, seconds. */
  readonly gap?: readonly [number, number];
  readonly windows?: number;
  readonly channels?: number;
}

const RAILS = ["slot", "hpwr"] as const;

/** Writes fused, telemetry and events tables, compare.json and align.json into a fresh folder. */
export function writeSyntheticRun(options: SyntheticOptions = {}): RunPaths {
  const paths = runPaths(mkdtempSync(join(tmpdir(), "truejoule-report-")));
  writeFused(paths.fused, options);
  writeTelemetry(paths.telemetry, options);
  const windows = windowsOf(options);
  writeEvents(paths.events, windows);
  writeFileSync(paths.compare, JSON.stringify(compareDocument(windows, options)));
  writeFileSync(paths.align, JSON.stringify(ALIGN));
  return paths;
}

interface Columns {
  readonly name: string;
  readonly type: DataType;
  readonly values: Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array;
}

function writeFused(path: string, o: SyntheticOptions): void {
  const rowHz = o.rowHz ?? 20_000;
  const step = BigInt(Math.round(1e9 / rowHz));
  const all = Array.from(
    { length: Math.floor((o.seconds ?? 6) * rowHz) + 1 },
    (_, i) => BigInt(i) * step,
  );
  const outside = (t: bigint): boolean =>
    !o.gap || Number(t) / 1e9 <= o.gap[0] || Number(t) / 1e9 >= o.gap[1];
  const tNs = BigInt64Array.from(all.filter(outside));
  const power = Float64Array.from(tNs, (t) => truthW(Number(t) * 1e-9));
  const energy = new Float64Array(tNs.length);
  const flags = new Uint8Array(tNs.length);
  for (let i = 1; i < tNs.length; i++) {
    const dt = Number(tNs[i]! - tNs[i - 1]!) * 1e-9;
    if (dt > 1.5 / rowHz) flags[i] = 1;
    energy[i] = energy[i - 1]! + (flags[i] ? 0 : ((power[i]! + power[i - 1]!) / 2) * dt);
  }
  flags[5] = flags[5]! | 2;
  const rail = (share: number): Columns["values"] => Float32Array.from(power, (w) => w * share);
  const columns: Columns[] = [
    { name: "t_ns", type: new Int64(), values: tNs },
    ...RAILS.flatMap((r, i) => [
      {
        name: `voltage_${r}_v`,
        type: new Float32(),
        values: Float32Array.from(power, (w) => 12.1 - w * 4e-4),
      },
      { name: `power_${r}_w`, type: new Float32(), values: rail(i ? 0.8 : 0.2) },
    ]),
    { name: "power_w", type: new Float32(), values: rail(1) },
    { name: "energy_j", type: new Float64(), values: energy },
    { name: "power_nvml_power_instant_w", type: new Float32(), values: rail(0.9) },
    { name: "event", type: new Int32(), values: new Int32Array(tNs.length) },
    { name: "flags", type: new Uint8(), values: flags },
  ];
  const metadata = new Map([
    ["truejoule.schema", "fused/1"],
    ["source", o.source ?? "virtual"],
    ["rig_sha256", "ab".repeat(32)],
    ["capture_sha256", "cd".repeat(32)],
    ["session_start_unix_ns", "1767225600000000000"],
    ["labels", JSON.stringify({ note: o.label ?? "synthetic" })],
  ]);
  writeBatches(path, columns, metadata, 10_007); // a prime: batch edges fall anywhere
}

function writeBatches(
  path: string,
  columns: readonly Columns[],
  metadata: Map<string, string>,
  rows: number,
): void {
  const fields = columns.map((c) => Field.new({ name: c.name, type: c.type, nullable: false }));
  const schema = new Schema(fields, metadata);
  const writer = new RecordBatchFileWriter();
  const total = columns[0]!.values.length;
  for (let from = 0; from < total; from += rows) {
    const length = Math.min(rows, total - from);
    const children = columns.map((c) =>
      makeData({
        type: c.type,
        length,
        nullCount: 0,
        data: c.values.slice(from, from + length),
      } as never),
    );
    writer.write(
      new RecordBatch(
        schema,
        makeData({ type: new Struct(fields), length, nullCount: 0, children }),
      ),
    );
  }
  writer.close();
  writeFileSync(path, writer.toUint8Array(true));
}

/** A channel named `nvml.power_instant` that reads 90 % of the truth every 100 ms, and an energy counter. */
function writeTelemetry(path: string, o: SyntheticOptions): void {
  const rows: { tNs: bigint; channel: string; value: number | null; unit: string; code: number }[] =
    [];
  const names = [
    "nvml.power_instant",
    ...Array.from({ length: o.channels ?? 0 }, (_, i) => `meter.m${i}`),
  ];
  const period = o.channels ? 0.02 : 0.1;
  for (let t = 0; t <= (o.seconds ?? 6); t += period) {
    const tNs = BigInt(Math.round(t * 1e9));
    for (const channel of names)
      rows.push({ tNs, channel, value: 0.9 * truthW(t), unit: "W", code: 0 });
    rows.push({
      tNs,
      channel: "nvml.energy_counter",
      value: 5e6 + Math.round(truthJ(t) * 1e3) / 1e3,
      unit: "J",
      code: 0,
    });
  }
  rows.splice(7, 1, { ...rows[7]!, value: null, code: 15 });
  writeRows(path, [
    ["t_ns", new Int64(), rows.map((r) => r.tNs)],
    ["channel", new Utf8(), rows.map((r) => r.channel)],
    ["value", new Float64(), rows.map((r) => r.value)],
    ["unit", new Utf8(), rows.map((r) => r.unit)],
    ["code", new Int32(), rows.map((r) => r.code)],
  ]);
}

function writeEvents(path: string, windows: readonly SyntheticWindow[]): void {
  writeRows(path, [
    ["name", new Utf8(), windows.map((w) => w.name)],
    ["kind", new Utf8(), windows.map((w) => w.kind)],
    ["t0_ns", new Int64(), windows.map((w) => BigInt(w.t0_ns))],
    ["t1_ns", new Int64(), windows.map((w) => BigInt(w.t1_ns))],
  ]);
}

function writeRows(
  path: string,
  columns: readonly (readonly [string, DataType, readonly unknown[]])[],
): void {
  const fields = columns.map(([name, type]) => Field.new({ name, type, nullable: true }));
  const children = columns.map(
    ([, type, values]) => vectorFromArray(values as never, type).data[0]!,
  );
  const length = columns[0]![2].length;
  const schema = new Schema(fields);
  const writer = new RecordBatchFileWriter();
  writer.write(
    new RecordBatch(
      schema,
      makeData({ type: new Struct(fields), length, nullCount: 0, children: children as never }),
    ),
  );
  writer.close();
  writeFileSync(path, writer.toUint8Array(true));
}

interface SyntheticWindow {
  readonly name: string;
  readonly kind: string;
  readonly t0_ns: number;
  readonly t1_ns: number;
}

function windowsOf(o: SyntheticOptions): SyntheticWindow[] {
  const extra = Array.from({ length: o.windows ?? 0 }, (_, i) => {
    const t0_ns = Math.round((i * 5e9) / (o.windows ?? 1));
    return { name: `step-${i + 1}`, kind: "step", t0_ns, t1_ns: t0_ns + 1e6 };
  });
  return [
    { name: "session", kind: "session", t0_ns: 0, t1_ns: 6e9 },
    { name: "load", kind: "mark", t0_ns: 1e9, t1_ns: 4e9 },
    { name: o.label ?? "burst-1", kind: "mark", t0_ns: 1e9, t1_ns: 2e9 },
    ...extra,
  ];
}

function compareDocument(windows: readonly SyntheticWindow[], o: SyntheticOptions): object {
  return {
    schema: "compare/1",
    run: "synthetic",
    source: o.source ?? "virtual",
    clock: {
      ...{ device: "daq", rate_ppm: 12, tick_hz: 20000.24, offset_ns: -5000 },
      ...{ interval_ns: [-9000, -1000], residual_rms_ns: 4000 },
      ...{ edges_used: 4, edges_missing: 1, edges_extra: 0 },
    },
    windows: windows.map((w) => {
      const joules = truthJ(w.t1_ns * 1e-9) - truthJ(w.t0_ns * 1e-9);
      return {
        ...w,
        duration_s: (w.t1_ns - w.t0_ns) * 1e-9,
        physical: {
          energy_j: joules,
          expanded_uncertainty_j: 0.01 * joules,
          coverage_factor: 2,
          mean_power_w: joules / ((w.t1_ns - w.t0_ns) * 1e-9),
          samples: 1000,
          gap_fraction: 0,
          quality: "billable",
          budget: [
            { term: "current gain", type: "B", contribution_j: 0.004 * joules },
            { term: "noise", type: "A", contribution_j: 0.003 * joules },
          ],
        },
        telemetry: [
          "nvml.power_instant",
          ...Array.from({ length: o.channels ?? 0 }, (_, i) => `meter.m${i}`),
        ].map((channel) => ({
          channel,
          method: "trapezoid",
          energy_j: 0.9 * joules,
          interval_j: [0.88 * joules, 0.92 * joules],
          error_pct: -10,
          error_uncertainty_pct: 2,
          samples: 30,
          gap_fraction: 0,
          quality: "good",
        })),
      };
    }),
    warnings: [`label ${o.label ?? "plain"} seen`],
  };
}

/** As the first versions wrote it: what came later is not there. */
const ALIGN: AlignDocument = {
  schema: "align/1",
  source: "virtual",
  session: { host_clock: "monotonic", start_unix_ns: "1767225600000000000", assumed_zone: null },
  edges: 5,
  incomplete: true,
  clocks: [
    {
      clock: "daq",
      method: "sync-edges",
      nominal_hz: 20_000,
      tick_hz: 20000.24,
      rate_ppm: 12,
      u_rate_ppm: 1,
      rate_from_edges: 0.9,
      offset_ns: -5000,
      u_offset_ns: 2000,
      interval_ns: [-9000, -1000],
      start_delay_ns: null,
      ...{ ref_device: 0, ref_ns: -5000, ns_per_unit: 49_999.4 },
      residual_rms_ns: 4000,
      edges_used: 4,
      edges_missing: 1,
      edges_extra: 0,
      residuals: [1, 2, 3, 4].map((s) => ({ t_ns: s * 1e9, residual_ns: s % 2 ? 4000 : -4000 })),
      warnings: [],
    },
  ],
};
