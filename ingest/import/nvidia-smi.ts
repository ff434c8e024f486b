// `nvidia-smi --query-gpu=timestamp,… --format=csv` logs → telemetry reads.
// Stamps are naive local time, 1 ms; columns carry their unit in the header or in each value.
// A channel is named after its field with dots as underscores: power.draw.instant →
// nvidia_smi.power_draw_instant. Units become SI; a value that is no number is NaN with a code.

import type { LogWriter } from "../../capture/log-writer.ts";
import { inputError } from "../../schema/errors.ts";
import type { Note, TelemetryChannel } from "../../schema/records.ts";
import { type Instant, instant } from "../../schema/time.ts";
import { parseDate } from "./dates.ts";
import type { ImportContext } from "./importer.ts";
import { readLines, toNumber } from "./lines.ts";

const WHAT = "an nvidia-smi CSV log with a timestamp column";

/** NVML return codes (nvml.h, nvmlReturn_t): what nvidia-smi's bracketed words stand for. */
const NOT_SUPPORTED = 3;
const UNKNOWN = 999;

interface Column {
  readonly at: number;
  readonly channel: TelemetryChannel;
  readonly toSi: number;
}

type Kind = Pick<TelemetryChannel, "quantity" | "unit"> & { readonly toSi: number };

const BY_UNIT: Readonly<Record<string, Kind>> = {
  W: { quantity: "power", unit: "W", toSi: 1 },
  mW: { quantity: "power", unit: "W", toSi: 1e-3 },
  MHz: { quantity: "frequency", unit: "Hz", toSi: 1e6 },
  "%": { quantity: "ratio", unit: "1", toSi: 0.01 },
  MiB: { quantity: "bytes", unit: "B", toSi: 1048576 },
  C: { quantity: "temperature", unit: "degC", toSi: 1 },
};
/** Fields that nvidia-smi prints without a unit. */
const BY_NAME: readonly (readonly [RegExp, Kind])[] = [
  [/^temperature\./, BY_UNIT.C!],
  [/^(power\.|enforced\.power)/, BY_UNIT.W!],
  [/^clocks\.(?!.*reasons)/, BY_UNIT.MHz!],
  [/^utilization\./, BY_UNIT["%"]!],
  [/^memory\./, BY_UNIT.MiB!],
  [/^fan\.speed$/, BY_UNIT["%"]!],
  [/^(pstate|clocks_.*reasons.*|clocks.*reasons.*)$/, { quantity: "state", unit: "1", toSi: 1 }],
];

export interface SmiSummary {
  readonly reads: number;
  readonly first: Instant<"unix"> | null;
  readonly last: Instant<"unix"> | null;
  readonly notes: readonly Note[];
}

/**
 * Reads a log; with a writer, its reads go there (declared on the way), without one it is only checked.
 * @throws InputError when the header has no timestamp or a stamp inside the file is not a date.
 */
export function importSmi(path: string, context: ImportContext, log?: LogWriter): SmiSummary {
  let columns: Column[] | undefined;
  let fields = 0;
  let stampAt = 0;
  const seen = { reads: 0, short: 0, back: 0, failed: 0 };
  let first: Instant<"unix"> | null = null;
  let last: Instant<"unix"> | null = null;
  let previousLength = 0;
  for (const line of readLines(path, WHAT)) {
    if (line.text.trim() === "") continue;
    const cells = line.text.split(",").map((c) => c.trim());
    if (!columns) {
      stampAt = cells.indexOf("timestamp");
      if (stampAt < 0) throw inputError("no timestamp column", `${path}:${line.number}`, WHAT);
      fields = cells.length;
      columns = cells.flatMap((cell, at) => column(cell, at) ?? []);
      for (const c of columns) log?.declareTelemetry(c.channel);
      continue;
    }
    // A row that ends early, or a last line without its end that is shorter than its neighbour.
    if (cells.length !== fields || (!line.ended && line.text.length < previousLength)) {
      seen.short++;
      continue;
    }
    previousLength = line.text.length;
    const t = parseDate(cells[stampAt]!, context);
    if (t === undefined)
      throw inputError(
        "bad time",
        `${path}:${line.number}`,
        "YYYY/MM/DD HH:MM:SS.mmm",
        cells[stampAt],
      );
    if (last !== null && t < last) seen.back++;
    if (first === null || t < first) first = t;
    if (last === null || t > last) last = t;
    seen.reads++;
    for (const c of columns) {
      const read = value(cells[c.at]!, c.toSi);
      if (read.code !== 0) seen.failed++;
      const host = instant<"host">(t);
      log?.read({ channel: c.channel.name, before: host, after: host, stamp: t, ...read });
    }
  }
  const notes = notesOf(path, seen);
  if (columns && !columns.some((c) => c.channel.quantity === "power"))
    notes.push({ level: "warning", text: `${path}: no column of it is a power reading` });
  return { reads: seen.reads, first, last, notes };
}

function notesOf(path: string, seen: { short: number; back: number; failed: number }): Note[] {
  const notes: Note[] = [];
  const tell = (level: Note["level"], count: number, text: string): void => {
    if (count > 0) notes.push({ level, text: `${path}: ${count} ${text}`, count });
  };
  tell("loss", seen.short, "telemetry lines cut or with the wrong number of columns were left out");
  tell("warning", seen.back, "telemetry stamps go back in time");
  tell("info", seen.failed, "telemetry values were not numbers and stand as failed reads");
  return notes;
}

/** `power.draw [W]` → its channel; undefined for text columns (name, uuid, …) and the stamp. */
function column(header: string, at: number): Column | undefined {
  const m = /^([a-z0-9_.]+)\s*(?:\[(.+)\])?$/i.exec(header);
  if (!m || m[1] === "timestamp") return undefined;
  const field = m[1]!;
  const kind = BY_UNIT[m[2] ?? ""] ?? BY_NAME.find(([name]) => name.test(field))?.[1];
  if (!kind) return undefined;
  const name = `nvidia_smi.${field.replaceAll(".", "_")}`;
  return { at, channel: { name, quantity: kind.quantity, unit: kind.unit }, toSi: kind.toSi };
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
