// A row layout as a log states it → what is impossible in it, or nothing. Everyone who reads rows goes through
// here (wire.ts), so that a field that no reader could take out of a row is told by its name, once.

import type { AutoRange, RowField, RowLayout } from "../schema/records.ts";
import { shown } from "../schema/shape.ts";

/** A row is one scan of all channels; beyond this it does not fit a chunk. */
const MOST_ROW_BYTES = 1 << 20;
/** Every code of a field with ranges is looked up in a table. */
const MOST_RANGED_BITS = 20;

/** @returns in words; undefined for a layout that can be. */
export function layoutProblem(layout: unknown): string | undefined {
  if (!isObject(layout)) return "no object";
  const { stream, rowBytes, fields, tick, trigger } = layout as Partial<RowLayout>;
  if (typeof stream !== "string" || stream === "") return "no name of its stream";
  if (!isCount(rowBytes, 1, MOST_ROW_BYTES))
    return `rows of ${shown(rowBytes)} bytes (expected 1 to ${MOST_ROW_BYTES})`;
  if (!Array.isArray(fields)) return "no list of fields";
  const list: readonly unknown[] = fields;
  for (const f of [...list, ...[tick, trigger].filter((x) => x !== undefined)]) {
    const problem = fieldProblem(f, rowBytes);
    if (problem) return problem;
  }
  if (trigger && trigger.bits !== 1) return `a trigger of ${trigger.bits} bits`;
  if (tick && tick.kind !== "uint") return `a tick that is no counter (${tick.kind})`;
  return clash(fields);
}

function fieldProblem(f: unknown, rowBytes: number): string | undefined {
  if (!isObject(f)) return "a field that is none";
  const { name, bitOffset, bits, kind, autoRange } = f as Partial<RowField>;
  if (typeof name !== "string" || name === "") return "a field without a name";
  if (!isCount(bitOffset, 0, 8 * rowBytes) || !isCount(bits, 1, 64))
    return `field ${name} of ${shown(bits)} bits at bit ${shown(bitOffset)}`;
  if (bitOffset + bits > 8 * rowBytes)
    return `field ${name} ends at bit ${bitOffset + bits} of a row of ${8 * rowBytes}`;
  if (!isReadable(kind, bitOffset & 7, bits))
    return `field ${name}: ${shown(kind)} of ${bits} bits at bit ${bitOffset}, which nothing reads`;
  return autoRange === undefined || isRanged(autoRange, kind, bits)
    ? undefined
    : `field ${name}: ranges that do not fit it`;
}

/** As align/rows/decode.ts takes fields out of rows. */
function isReadable(kind: RowField["kind"] | undefined, shift: number, bits: number): boolean {
  if (kind === "float") return shift === 0 && (bits === 32 || bits === 64);
  if (kind !== "int" && kind !== "uint") return false;
  return shift + bits <= 32 || (kind === "uint" && shift === 0 && bits % 8 === 0);
}

function isRanged(range: AutoRange, kind: unknown, bits: number): boolean {
  if (!isObject(range) || !Array.isArray(range.ranges)) return false;
  const { countBits, ranges } = range;
  return (
    kind === "uint" &&
    bits <= MOST_RANGED_BITS &&
    isCount(countBits, 1, bits) &&
    ranges.length > 0 &&
    ranges.every((r: unknown) => Array.isArray(r) && r.length === 3 && r.every(Number.isFinite))
  );
}

/** Two fields of one name, or over the same bits. A tick or trigger may repeat what a field has. */
function clash(fields: readonly RowField[]): string | undefined {
  const names = new Set<string>();
  for (const { name } of fields) {
    if (names.has(name)) return `two fields named ${name}`;
    names.add(name);
  }
  const ordered = [...fields].sort((a, b) => a.bitOffset - b.bitOffset);
  const i = ordered.findIndex((f, k) => k > 0 && f.bitOffset < ends(ordered[k - 1]!));
  return i < 0 ? undefined : `fields ${ordered[i - 1]!.name} and ${ordered[i]!.name} overlap`;
}

const ends = (f: RowField): number => f.bitOffset + f.bits;

const isObject = (x: unknown): x is object =>
  typeof x === "object" && x !== null && !Array.isArray(x);

const isCount = (x: unknown, least: number, most: number): x is number =>
  Number.isSafeInteger(x) && (x as number) >= least && (x as number) <= most;
