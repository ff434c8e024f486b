// `device.text` of a rig file → TextFormat: how a device that prints lines writes a row, and at what rate
// its line runs (rigs/README.md). Holds: every rail reads a column that is there and is no counter.

import { COUNTER_BITS, TEXT_LINES } from "../schema/documents/rig.ts";
import { BAUD_RATES, type TextFormat } from "../schema/rig.ts";
import type { Fields } from "./yaml-node.ts";

/** @throws InputError with file and line. */
export function readTextFormat(f: Fields): TextFormat {
  f.only(["lines", "columns", "tick", "baud"]);
  const columns = f.strings("columns");
  if (columns.length === 0) throw f.error("columns: expected at least one name", "columns");
  const twice = columns.find((c, i) => columns.indexOf(c) !== i);
  if (twice !== undefined) throw f.error(`columns: "${twice}" is listed twice`, "columns");
  return {
    lines: f.oneOf("lines", TEXT_LINES),
    columns,
    ...(f.has("tick") ? { tick: readTick(f.map("tick"), columns) } : {}),
    baud: f.numberOf("baud", BAUD_RATES),
  };
}

function readTick(f: Fields, columns: readonly string[]): NonNullable<TextFormat["tick"]> {
  f.only(["column", "bits"]);
  return { column: f.oneOf("column", columns), bits: f.numberOf("bits", COUNTER_BITS) };
}

/** @throws InputError at the first sensor that reads something else than a column of values. */
export function checkChannels(rails: readonly Fields[], { columns, tick }: TextFormat): void {
  const values = columns.filter((c) => c !== tick?.column);
  for (const rail of rails)
    for (const quantity of ["voltage", "current", "power"])
      if (rail.has(quantity)) rail.map(quantity).oneOf("channel", values);
}
