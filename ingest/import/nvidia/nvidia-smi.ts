// `nvidia-smi --query-gpu=timestamp,… --format=csv` logs → telemetry reads.
// Stamps are naive local time, 1 ms; columns carry their unit in the header or in each value.
// A channel is named after its field with dots as underscores: power.draw.instant →
// nvidia_smi.power_draw_instant. Units become SI; a value that is no number is NaN with a code.
// A log of several GPUs has a row for each in turn; they are told apart by the column that names them
// (index, uuid, pci.bus_id) and their channels numbered: nvidia_smi.0.power_draw_instant. Where no column
// does, but every stamp comes with as many rows, the GPUs are numbered in the order of the rows; else by what
// tells their boards apart (name, memory.total, …), where the log has that.

import type { LogWriter } from "../../../capture/log-writer.ts";
import type { Note, TelemetryChannel } from "../../../schema/records.ts";
import type { Instant } from "../../../schema/time.ts";
import type { ImportContext } from "../importer.ts";
import { toNumber } from "../shared/lines.ts";
import { counted } from "../shared/notes.ts";
import { timedRead } from "../shared/text-log.ts";
import { checkGpus, type Gpus, gpusOf, readHeader, type SmiRow, smiRows } from "./smi-rows.ts";

/** NVML return codes (nvml.h, nvmlReturn_t): what nvidia-smi's bracketed words stand for. */
const NOT_SUPPORTED = 3;
const UNKNOWN = 999;

interface Column {
  readonly at: number;
  readonly channel: TelemetryChannel;
  readonly toSi: number;
}

type Kind = Pick<TelemetryChannel, "quantity" | "unit"> & { readonly toSi: number };

const UNITS = {
  W: { quantity: "power", unit: "W", toSi: 1 },
  mW: { quantity: "power", unit: "W", toSi: 1e-3 },
  MHz: { quantity: "frequency", unit: "Hz", toSi: 1e6 },
  mJ: { quantity: "energy", unit: "J", toSi: 1e-3 },
  J: { quantity: "energy", unit: "J", toSi: 1 },
  "%": { quantity: "ratio", unit: "1", toSi: 0.01 },
  MiB: { quantity: "bytes", unit: "B", toSi: 1048576 },
  C: { quantity: "temperature", unit: "degC", toSi: 1 },
} as const satisfies Record<string, Kind>;
const BY_UNIT: Readonly<Record<string, Kind>> = UNITS;
/** Fields that nvidia-smi prints without a unit. */
const BY_NAME: readonly (readonly [RegExp, Kind])[] = [
  [/^temperature\./, UNITS.C],
  [/^(module\.|enforced\.)?power\./, UNITS.W],
  [/^clocks\.(?!.*reasons)/, UNITS.MHz],
  [/^utilization\./, UNITS["%"]],
  [/^memory\./, UNITS.MiB],
  [/^fan\.speed$/, UNITS["%"]],
  [/^(pstate|clocks_.*reasons.*|clocks.*reasons.*)$/, { quantity: "state", unit: "1", toSi: 1 }],
];

/** Watts that are set, not drawn: power.limit, enforced.power.limit, power.max_limit. */
const LIMIT = /power\..*limit$/;

export interface SmiSummary {
  /** GPUs in the log; 1 where nothing tells rows apart. */
  readonly gpus: number;
  /** What the driver calls the GPU, where the log says so and all rows agree; else empty. */
  readonly name: string;
  readonly reads: number;
  readonly first: Instant<"unix"> | null;
  readonly last: Instant<"unix"> | null;
  readonly notes: readonly Note[];
}

/**
 * Reads a log; with a writer, its reads go there (declared on the way), without one it is only checked.
 * @param near an instant close to the first stamp: it decides in the hour that clocks repeat.
 * @throws InputError when the header has no timestamp or a stamp inside the file is not a date.
 */
export function importSmi(
  path: string,
  context: ImportContext,
  log?: LogWriter,
  near?: Instant<"unix">,
): SmiSummary {
  const header = readHeader(path);
  const columns = header.flatMap((cell, at) => column(cell, at) ?? []);
  const seen = { reads: 0, short: 0, back: 0, failed: 0, again: 0 };
  const gpus = gpusOf(path, header, context, near);
  checkGpus(gpus.count, path);
  if (log)
    for (let gpu = 0; gpu < gpus.count; gpu++)
      for (const c of columns)
        log.declareTelemetry({ ...c.channel, name: numbered(c.channel.name, gpus, gpu) });
  let first: Instant<"unix"> | null = null;
  let last: Instant<"unix"> | null = null;
  const previous = new Map<number, SmiRow>();
  const { rows, short } = smiRows(path, header, context, near);
  for (const row of rows) {
    const { t, cells } = row;
    const gpu = gpus.of(row);
    const before = previous.get(gpu);
    if (before?.text === row.text) {
      seen.again++;
      continue;
    }
    if (before && t < before.t) seen.back++;
    previous.set(gpu, row);
    if (first === null || t < first) first = t;
    if (last === null || t > last) last = t;
    seen.reads++;
    for (const c of columns) {
      const read = value(cells[c.at]!, c.toSi);
      if (read.code !== 0) seen.failed++;
      const channel = numbered(c.channel.name, gpus, gpu);
      log?.read(timedRead(channel, t, { ...read, stamp: t }));
    }
  }
  seen.short = short();
  const notes = [...gpus.notes, ...notesOf(path, seen)];
  if (!columns.some((c) => c.channel.quantity === "power"))
    notes.push({ level: "warning", text: `${path}: none of its columns is a power reading` });
  return { gpus: gpus.count, name: gpus.name, reads: seen.reads, first, last, notes };
}

/** nvidia_smi.power_draw → nvidia_smi.1.power_draw where there are several GPUs. */
function numbered(name: string, gpus: Gpus, gpu: number): string {
  return gpus.count > 1 ? name.replace(".", `.${gpus.label(gpu)}.`) : name;
}

function notesOf(
  path: string,
  seen: { short: number; back: number; failed: number; again: number },
): Note[] {
  const some = (level: Note["level"], n: number, text: string) => counted(path, level, n, text);
  return [
    ...some(
      "loss",
      seen.short,
      "telemetry lines cut or with the wrong number of columns were left out",
    ),
    ...some("warning", seen.back, "telemetry stamps go back in time"),
    ...some("info", seen.again, "telemetry lines repeat the line before and were left out"),
    ...some("info", seen.failed, "telemetry values were not numbers and are kept as failed reads"),
  ];
}

/** `power.draw [W]` → its channel; undefined for text columns (name, uuid, …) and the stamp. */
function column(header: string, at: number): Column | undefined {
  const m = /^([a-z0-9_.]+)\s*(?:\[(.+)\])?$/i.exec(header);
  if (!m || m[1] === "timestamp") return undefined;
  const field = m[1]!;
  const kind = BY_UNIT[m[2] ?? ""] ?? BY_NAME.find(([name]) => name.test(field))?.[1];
  if (!kind) return undefined;
  const name = `nvidia_smi.${field.replaceAll(".", "_")}`;
  const quantity = LIMIT.test(field) ? "state" : kind.quantity;
  return { at, channel: { name, quantity, unit: kind.unit }, toSi: kind.toSi };
}

/** "126.96", "126.96 W", "P0", "0x0000000000000001", "Active", "[N/A]" → SI value and code. */
function value(cell: string, toSi: number): { value: number; code: number } {
  const plain = toNumber(cell.replace(/\s+[A-Za-z%]+$/, ""));
  if (plain !== undefined && !Number.isNaN(plain)) return { value: plain * toSi, code: 0 };
  const state = /^P(\d+)$/.exec(cell)?.[1] ?? /^(0x[0-9a-f]+)$/i.exec(cell)?.[1];
  if (state !== undefined) return { value: Number(state), code: 0 };
  if (cell === "Active" || cell === "Not Active")
    return { value: cell === "Active" ? 1 : 0, code: 0 };
  return { value: NaN, code: /N\/A|not supported/i.test(cell) ? NOT_SUPPORTED : UNKNOWN };
}
