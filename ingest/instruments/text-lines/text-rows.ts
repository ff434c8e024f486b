// Lines of a text device → rows of float64, as the rig declares them. A line that is not a row takes an
// index all the same: its place is a gap, not a shift of everything after it.

import type { RowField, RowLayout } from "../../../schema/records.ts";
import type { TextFormat } from "../../../schema/rig.ts";
import { parseDecimal } from "./decimal.ts";

/** Reads one line into the row at byte `at`. @returns false when it is no row. */
export type RowReader = (
  bytes: Uint8Array,
  from: number,
  to: number,
  out: DataView,
  at: number,
) => boolean;

/** Columns are float64 in their order; the device's counter, where there is one, comes first. */
export function textLayout(stream: string, format: TextFormat): RowLayout {
  const { tick } = format;
  const values = format.columns.filter((c) => c !== tick?.column);
  const first = tick ? tick.bits : 0;
  const fields = values.map((name, i): RowField => ({
    name,
    bitOffset: first + 64 * i,
    bits: 64,
    kind: "float",
  }));
  const rowBytes = first / 8 + 8 * values.length;
  if (!tick) return { stream, rowBytes, fields };
  const counter: RowField = { name: tick.column, bitOffset: 0, bits: tick.bits, kind: "uint" };
  return { stream, rowBytes, fields: [counter, ...fields], tick: counter };
}

export function textReader(format: TextFormat): RowReader {
  const put = placer(format);
  return format.lines === "csv"
    ? csvReader(format.columns.length, put)
    : jsonReader(format.columns, put);
}

type Put = (out: DataView, at: number, column: number, value: number) => boolean;

/** Writes a column's value where the layout has it. @returns false for a value it cannot hold. */
function placer(format: TextFormat): Put {
  const layout = textLayout("", format);
  const fields = format.columns.map((c) => layout.fields.find((f) => f.name === c)!);
  return (out, at, column, value) => {
    const { bitOffset, bits, kind } = fields[column]!;
    const byte = at + bitOffset / 8;
    if (kind === "float") {
      out.setFloat64(byte, value, true);
      return Number.isFinite(value);
    }
    if (!Number.isInteger(value) || value < 0 || value > Number.MAX_SAFE_INTEGER) return false;
    if (bits === 32) out.setUint32(byte, value, true);
    else out.setBigUint64(byte, BigInt(value), true);
    return bits === 64 || value < 2 ** 32;
  };
}

const SPACE = 0x20;
/** Comma, semicolon, tab; or spaces alone. */
const isMark = (c: number): boolean => c === 0x2c || c === 0x3b || c === 0x09;

function csvReader(columns: number, put: Put): RowReader {
  return (bytes, from, to, out, at) => {
    const skipSpaces = (i: number): number => {
      while (i < to && bytes[i] === SPACE) i++;
      return i;
    };
    let start = skipSpaces(from);
    for (let column = 0; column < columns; column++) {
      let end = start;
      while (end < to && bytes[end] !== SPACE && !isMark(bytes[end]!)) end++;
      if (!put(out, at, column, parseDecimal(bytes, start, end))) return false;
      start = skipSpaces(end);
      if (start === to) return column === columns - 1;
      if (isMark(bytes[start]!)) start = skipSpaces(start + 1);
    }
    return false; // something follows the last column
  };
}

function jsonReader(columns: readonly string[], put: Put): RowReader {
  const decoder = new TextDecoder();
  return (bytes, from, to, out, at) => {
    try {
      // slice: a text decoder takes no shared memory.
      const row = JSON.parse(decoder.decode(bytes.slice(from, to))) as Record<
        string,
        unknown
      > | null;
      return columns.every((key, i) => {
        const value = row?.[key];
        return typeof value === "number" && put(out, at, i, value);
      });
    } catch {
      return false;
    }
  };
}
