// The text of `--map` → what each column of a CSV file is. Entries stand between semicolons:
//   time=COLUMN[:UNIT]       UNIT s (default), ms, us, ns, or date; or time=index:RATE (2MHz, 1000/3Hz, 10us)
//   v.RAIL=COLUMN[:UNIT]     volts of a rail (V, mV); a.RAIL amperes (A, mA, uA); w.RAIL watts (W, mW, uW)
//   raw.FIELD=COLUMN         a column as it stands, for a rig's sensor on channel FIELD
//   t.CHANNEL=COLUMN[:UNIT]  telemetry (W, mW, J, mJ, degC, Hz, MHz, %, 1)
//   mark=COLUMN              text in it is a mark at the row's time
//   where=COLUMN=VALUE       only rows with that text in COLUMN; several: those with all of it
// COLUMN is a header name, or #N counted from 1. docs/importing.md has examples.

import { InputError } from "../../../schema/errors.ts";
import type { TelemetryChannel } from "../../../schema/records.ts";

export interface ColumnUse {
  /** Header name, or index from 0. */
  readonly column: string | number;
  readonly toSi: number;
}

/** So many rows in so many nanoseconds, exactly; whole numbers above 0. */
export interface RowRate {
  readonly rows: bigint;
  readonly ns: bigint;
}

export interface CsvMap {
  readonly time:
    | {
        readonly kind: "column";
        readonly column: string | number;
        /** 9 for s, 6 for ms, … */ readonly power: number;
      }
    | { readonly kind: "date"; readonly column: string | number }
    | { readonly kind: "index"; readonly rate: RowRate };
  /** Fields of a row: `RAIL_v`, `RAIL_a`, `RAIL_w`, or the FIELD of raw. */
  readonly fields: readonly (ColumnUse & { readonly name: string })[];
  /** Rails in order of appearance and what is known of each. */
  readonly rails: ReadonlyMap<string, ReadonlySet<"v" | "a" | "w">>;
  readonly telemetry: readonly (ColumnUse & { readonly channel: TelemetryChannel })[];
  readonly mark?: string | number;
  /** What stands in the cells of the rows that are read. */
  readonly where: readonly { readonly column: string | number; readonly value: string }[];
}

const TIME_POWER: Readonly<Record<string, number>> = { s: 9, ms: 6, us: 3, µs: 3, ns: 0 };
const SCALE: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  v: { V: 1, mV: 1e-3, uV: 1e-6, kV: 1e3 },
  a: { A: 1, mA: 1e-3, uA: 1e-6, nA: 1e-9 },
  w: { W: 1, mW: 1e-3, uW: 1e-6, kW: 1e3 },
};
const TELEMETRY: Readonly<Record<string, readonly [TelemetryChannel["quantity"], string, number]>> =
  {
    W: ["power", "W", 1],
    mW: ["power", "W", 1e-3],
    J: ["energy", "J", 1],
    mJ: ["energy", "J", 1e-3],
    degC: ["temperature", "degC", 1],
    Hz: ["frequency", "Hz", 1],
    MHz: ["frequency", "Hz", 1e6],
    "%": ["ratio", "1", 0.01],
    "1": ["ratio", "1", 1],
  };
const NS_PER_S = 1_000_000_000n;
const PER_SECOND: Readonly<Record<string, bigint>> = {
  Hz: 1n,
  kHz: 1000n,
  MHz: 1_000_000n,
  GHz: NS_PER_S,
};
const FASTEST_HZ = 1e12;
const NANOSECONDS: Readonly<Record<string, bigint>> = {
  s: NS_PER_S,
  ms: 1_000_000n,
  us: 1000n,
  µs: 1000n,
  ns: 1n,
};
const EXAMPLE = '--map "time=Time:ms; v.gpu=CH1:V; a.gpu=CH2:A"';

/** @throws InputError naming the entry that is wrong. */
export function parseMap(text: string): CsvMap {
  let time: CsvMap["time"] | undefined;
  let mark: string | number | undefined;
  const fields: (ColumnUse & { name: string })[] = [];
  const rails = new Map<string, Set<"v" | "a" | "w">>();
  const telemetry: (ColumnUse & { channel: TelemetryChannel })[] = [];
  const where: { column: string | number; value: string }[] = [];
  for (const entry of text
    .split(";")
    .map((e) => e.trim())
    .filter((e) => e !== "")) {
    const filter = /^where\s*=\s*(.*?)\s*=\s*(.*)$/.exec(entry);
    if (filter) {
      where.push({ column: columnOf(filter[1]!), value: filter[2]! });
      continue;
    }
    const [, role, name, column, unit] =
      /^(\w+)(?:\.([\w.]+))?\s*=\s*(.+?)(?:\s*:\s*([^:]*))?$/.exec(entry) ?? [];
    if (role === undefined || column === undefined)
      throw bad(entry, "ROLE=COLUMN or ROLE=COLUMN:UNIT");
    const at = columnOf(column);
    if (role === "time" && name === undefined) time = timeOf(entry, at, unit ?? "s");
    else if (role === "mark" && name === undefined) mark = at;
    else if (role === "raw" && name !== undefined) fields.push({ name, column: at, toSi: 1 });
    else if (role === "t" && name !== undefined)
      telemetry.push({ column: at, ...telemetryOf(entry, name, unit ?? "W") });
    else if ((role === "v" || role === "a" || role === "w") && name !== undefined) {
      const toSi = SCALE[role]![unit ?? role.toUpperCase()];
      if (toSi === undefined)
        throw bad(entry, `a unit among ${Object.keys(SCALE[role]!).join(", ")}`);
      if (!/^[a-z][a-z0-9_]*$/.test(name))
        throw bad(entry, "a rail name of lower-case letters, digits and _");
      fields.push({ name: `${name}_${role}`, column: at, toSi });
      rails.set(name, (rails.get(name) ?? new Set()).add(role));
    } else throw bad(entry, "time, v.RAIL, a.RAIL, w.RAIL, raw.FIELD, t.CHANNEL, mark or where");
  }
  if (!time) throw new InputError(`--map: no time in it (expected something like ${EXAMPLE})`);
  if (fields.length === 0 && telemetry.length === 0)
    throw new InputError(`--map: no column of volts, amperes, watts or telemetry in it`);
  const names = [...fields.map((f) => f.name), ...telemetry.map((t) => t.channel.name)];
  const twice = names.find((n, i) => names.indexOf(n) !== i);
  if (twice !== undefined) throw new InputError(`--map: ${twice} is listed twice`);
  return { time, fields, rails, telemetry, where, ...(mark === undefined ? {} : { mark }) };
}

/** A header's name, or the number of a column from 0. */
const columnOf = (text: string): string | number =>
  /^#[1-9]\d*$/.test(text) ? Number(text.slice(1)) - 1 : text;

function bad(entry: string, expected: string): InputError {
  return new InputError(`--map: "${entry}" (expected ${expected})`);
}

function timeOf(entry: string, column: string | number, unit: string): CsvMap["time"] {
  if (column === "index") return { kind: "index", rate: rateOf(entry, unit) };
  if (unit === "date") return { kind: "date", column };
  const power = TIME_POWER[unit];
  if (power === undefined) throw bad(entry, "s, ms, us, ns or date; or time=index:RATE");
  return { kind: "column", column, power };
}

/** "2MHz", "500 kHz", "10us", "1000/3 Hz" → rows a nanosecond. */
function rateOf(entry: string, text: string): RowRate {
  const [, above, below = "1", unit] =
    /^([\d.]+(?:e[+-]?\d+)?)(?:\/([\d.]+))?\s*(\S+)$/i.exec(text) ?? [];
  const [a, b] = [fractionOf(above ?? ""), fractionOf(below)];
  const perSecond = PER_SECOND[unit ?? ""];
  const ns = NANOSECONDS[unit ?? ""];
  if (!a || !b || a[0] * b[0] === 0n || (ns ?? perSecond) === undefined)
    throw bad(entry, "a rate such as 2MHz or 1000/3Hz, or a period such as 10us");
  const [number, one] = [a[0] * b[1], a[1] * b[0]];
  const rate =
    ns === undefined
      ? { rows: number * perSecond!, ns: one * NS_PER_S }
      : { rows: one, ns: number * ns };
  if (hzOf(rate) > FASTEST_HZ || hzOf(rate) < 1 / FASTEST_HZ)
    throw bad(entry, "a rate that an instrument has");
  return rate;
}

/** A decimal number as two whole ones; undefined where it is none, or of a size that no rate has. */
function fractionOf(text: string): readonly [bigint, bigint] | undefined {
  const [, whole, fraction = "", power = "0"] =
    /^(\d{1,20})(?:\.(\d{0,20}))?(?:e([+-]?\d{1,2}))?$/i.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const digits = BigInt(whole + fraction);
  const scale = Number(power) - fraction.length;
  return scale >= 0 ? [digits * 10n ** BigInt(scale), 1n] : [digits, 10n ** BigInt(-scale)];
}

export const hzOf = ({ rows, ns }: RowRate): number => (Number(rows) * 1e9) / Number(ns);

function telemetryOf(
  entry: string,
  name: string,
  unit: string,
): { channel: TelemetryChannel; toSi: number } {
  const known = TELEMETRY[unit];
  if (!known) throw bad(entry, `a unit among ${Object.keys(TELEMETRY).join(", ")}`);
  const [quantity, si, toSi] = known;
  return { channel: { name, quantity, unit: si }, toSi };
}
