// The columns of the Arrow files: the only mapping between names in code and names on disk. Types are
// words here; dataset/arrow-file.ts gives them to Arrow, so that this file imports nothing heavy.

export type ColumnType = "int64" | "int32" | "uint8" | "float32" | "float64" | "utf8";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /** UCUM-like unit, written to the field's metadata. */
  readonly unit?: string;
}

const column = (name: string, type: ColumnType, unit?: string, nullable = false): Column => ({
  name,
  type,
  nullable,
  ...(unit === undefined ? {} : { unit }),
});

const BYTES: Readonly<Record<Exclude<ColumnType, "utf8">, number>> = {
  int64: 8,
  int32: 4,
  uint8: 1,
  float32: 4,
  float64: 8,
};

/** Of a table without texts, on disk: values, and a bit for each that may be null. */
export const rowBytes = (columns: readonly Column[]): number =>
  columns.reduce((n, c) => n + BYTES[c.type as keyof typeof BYTES] + (c.nullable ? 1 / 8 : 0), 0);

/** fused/1: one row a DAQ sample, or a mean over several (`--rate`). */
export function fusedColumns(rails: readonly string[], channels: readonly string[]): Column[] {
  return [
    column("t_ns", "int64", "ns"),
    ...rails.flatMap((r) => [
      column(`voltage_${r}_v`, "float32", "V", true),
      column(`current_${r}_a`, "float32", "A", true),
      column(`power_${r}_w`, "float32", "W"),
    ]),
    column("power_w", "float32", "W"),
    column("energy_j", "float64", "J"),
    ...channels.map((c) => column(telemetryColumn(c), "float32", "W", true)),
    column("event", "int32", undefined, true),
    column("flags", "uint8"),
  ];
}

/** `nvml.power_instant` → `power_nvml_power_instant_w`. */
export function telemetryColumn(channel: string): string {
  return `power_${channel.replaceAll(/[^A-Za-z0-9]+/g, "_")}_w`;
}

/** events/1: one row a window. */
export const eventColumns: readonly Column[] = [
  column("event", "int32"),
  column("name", "utf8"),
  column("kind", "utf8"),
  column("t0_ns", "int64", "ns"),
  column("t1_ns", "int64", "ns"),
  column("duration_s", "float64", "s"),
  column("energy_j", "float64", "J", true),
  column("expanded_uncertainty_j", "float64", "J", true),
  column("interval_lo_j", "float64", "J", true),
  column("interval_hi_j", "float64", "J", true),
  column("mean_power_w", "float64", "W", true),
  column("operational_j", "float64", "J", true),
  column("samples", "int32", undefined, true),
  column("gap_fraction", "float64", undefined, true),
  column("quality", "utf8", undefined, true),
  column("claim_status", "utf8", undefined, true),
  column("fields", "utf8", undefined, true),
  column("doubt", "utf8", undefined, true),
];

/** telemetry/1: one row a read. */
export const telemetryColumns: readonly Column[] = [
  column("t_ns", "int64", "ns"),
  column("half_ns", "float64", "ns"),
  column("channel", "utf8"),
  column("value", "float64", undefined, true),
  column("unit", "utf8"),
  column("code", "int32"),
];

/** folded/1: one row a kernel and step of phase, the time since the kernel's start. */
export function foldedColumns(rails: readonly string[]): Column[] {
  return [
    column("kernel", "utf8"),
    column("phase_ns", "float64", "ns"),
    column("samples", "int32"),
    column("power_w", "float64", "W", true),
    column("expanded_uncertainty_w", "float64", "W", true),
    ...rails.map((r) => column(`power_${r}_w`, "float64", "W", true)),
  ];
}
