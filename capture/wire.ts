// Records ↔ message bytes, exactly as docs/capture.md lays them out. Nothing here does I/O.

import type {
  ClockExchange,
  ClockPair,
  Edge,
  Mark,
  Note,
  RowLayout,
  SampleBlock,
  TelemetryChannel,
  TelemetryRead,
} from "../schema/records.ts";
import {
  finite,
  mapOf,
  misfit,
  nullable,
  object,
  oneOf,
  optional as maybe,
  primitive,
  type Shape,
  text as string,
  wholeText,
} from "../schema/shape.ts";
import { type ClockName, type Instant, instant } from "../schema/time.ts";
import { layoutProblem } from "./layout.ts";

export const BLOCK_HEADER = 40;
export const READ_BYTES = 36;
const UNKNOWN = -(2n ** 63n);

function optional<C extends ClockName>(ns: bigint): Instant<C> | null {
  return ns === UNKNOWN ? null : instant<C>(ns);
}

export function encodeBlock(b: SampleBlock): Uint8Array {
  const out = new Uint8Array(BLOCK_HEADER + b.bytes.byteLength);
  const v = new DataView(out.buffer);
  v.setBigUint64(0, BigInt(b.firstIndex), true);
  v.setBigInt64(8, b.deviceTick === null ? UNKNOWN : BigInt.asIntN(64, b.deviceTick), true);
  v.setBigInt64(16, b.hostBefore ?? UNKNOWN, true);
  v.setBigInt64(24, b.hostAfter ?? UNKNOWN, true);
  v.setUint32(32, b.rows, true);
  v.setUint32(36, b.flags, true);
  out.set(b.bytes, BLOCK_HEADER);
  return out;
}

export const viewOf = (b: Uint8Array): DataView =>
  new DataView(b.buffer, b.byteOffset, b.byteLength);

/** Beyond 2^53 rounded; a bigint for each would be the collector's. */
export const uint64 = (v: DataView, at: number): number =>
  v.getUint32(at + 4, true) * 4294967296 + v.getUint32(at, true);

/**
 * A block of the bytes [from, to); its rows are a view of them.
 * @returns undefined when the message contradicts its row count or itself: damage that a CRC cannot see.
 */
export function decodeBlock(
  stream: string,
  rowBytes: number,
  v: DataView,
  from: number,
  to: number,
): SampleBlock | undefined {
  if (to - from < BLOCK_HEADER) return undefined;
  const rows = v.getUint32(from + 32, true);
  if (to - from !== BLOCK_HEADER + rows * rowBytes) return undefined;
  const firstIndex = uint64(v, from);
  if (!Number.isSafeInteger(firstIndex + rows)) return undefined;
  const tick = v.getBigInt64(from + 8, true);
  const hostBefore = optional<"host">(v.getBigInt64(from + 16, true));
  const hostAfter = optional<"host">(v.getBigInt64(from + 24, true));
  if (hostBefore !== null && hostAfter !== null && hostAfter < hostBefore) return undefined;
  return {
    stream,
    firstIndex,
    deviceTick: tick === UNKNOWN ? null : tick,
    hostBefore,
    hostAfter,
    rows,
    flags: v.getUint32(from + 36, true),
    bytes: new Uint8Array(v.buffer, v.byteOffset + from + BLOCK_HEADER, rows * rowBytes),
  };
}

const QUANTITIES: readonly TelemetryChannel["quantity"][] = [
  "power",
  "energy",
  "temperature",
  "frequency",
  "ratio",
  "bytes",
  "state",
];

/** @throws Error when a channel measures what nothing measures, or its counter wraps nowhere. */
export function decodeTelemetry(
  name: string,
  metadata: ReadonlyMap<string, string>,
): TelemetryChannel {
  const stated = metadata.get("quantity") ?? "state";
  const quantity = QUANTITIES.find((q) => q === stated);
  if (!quantity) throw new Error(`an impossible quantity, ${stated}`);
  const wraps = metadata.get("wraps_at");
  const wrapsAt = Number(wraps);
  if (wraps !== undefined && !(wrapsAt > 0 && Number.isFinite(wrapsAt)))
    throw new Error(`an impossible modulus, ${wraps}`);
  const unit = metadata.get("unit") ?? "1";
  return { name, quantity, unit, ...(wraps === undefined ? {} : { wrapsAt }) };
}

export function encodeRead(r: TelemetryRead): Uint8Array {
  const out = new Uint8Array(READ_BYTES);
  const v = new DataView(out.buffer);
  v.setBigInt64(0, r.before, true);
  v.setBigInt64(8, r.after, true);
  v.setBigInt64(16, r.stamp ?? UNKNOWN, true);
  v.setFloat64(24, r.value, true);
  v.setInt32(32, r.code, true);
  return out;
}

/** Of the bytes [from, to). @returns undefined when it is no read, or ends before it begins. */
export function decodeRead(
  channel: string,
  v: DataView,
  from: number,
  to: number,
): TelemetryRead | undefined {
  if (to - from !== READ_BYTES) return undefined;
  const before = v.getBigInt64(from, true);
  const after = v.getBigInt64(from + 8, true);
  if (after < before) return undefined;
  return {
    channel,
    before: instant(before),
    after: instant(after),
    stamp: optional(v.getBigInt64(from + 16, true)),
    value: v.getFloat64(from + 24, true),
    code: v.getInt32(from + 32, true),
  };
}

/** @throws Error when the schema of a DAQ channel is no row layout, saying what is impossible in it. */
export function decodeLayout(data: Uint8Array = new Uint8Array()): RowLayout {
  let layout: unknown;
  try {
    layout = JSON.parse(untext.decode(data));
  } catch {
    throw new Error("an impossible row layout: not JSON");
  }
  const problem = layoutProblem(layout);
  if (problem) throw new Error(`an impossible row layout: ${problem}`);
  return layout as RowLayout;
}

/** JSON messages carry bigint nanoseconds as decimal strings; these name the fields that are such. */
const BIG_FIELDS: Readonly<Record<string, readonly string[]>> = {
  mark: ["t"],
  edge: ["tick"],
  note: ["t"],
  pair: ["mono", "unix", "boot"],
  exchange: ["sent", "device_received", "device_sent", "received"],
};

const text = new TextEncoder();
const untext = new TextDecoder();

function toJson(record: object): Uint8Array {
  return text.encode(
    JSON.stringify(record, (_k, v: unknown) => (typeof v === "bigint" ? v.toString() : v)),
  );
}

/** A message of another shape is malformed: it says nothing that can be relied on. */
const SHAPES: Readonly<Record<string, Shape>> = {
  mark: object({
    name: string,
    phase: oneOf("begin", "end", "instant"),
    clock: string,
    t: wholeText(65),
    // A number that JSON does not know is null there.
    fields: maybe(mapOf(nullable(primitive))),
  }),
  edge: object({
    line: string,
    stream: string,
    index: maybe(finite),
    tick: maybe(wholeText(65)),
    seconds: maybe(finite),
    level: maybe(oneOf(0, 1, null)),
  }),
  note: object({
    level: oneOf("info", "warning", "loss"),
    text: string,
    count: maybe(finite),
    t: maybe(wholeText(64)),
  }),
  pair: object({ mono: wholeText(64), unix: wholeText(64), boot: wholeText(64) }),
  exchange: object({
    sent: wholeText(64),
    device_received: wholeText(65),
    device_sent: wholeText(65),
    received: wholeText(64),
  }),
};

/** What else a message may not say, once it has its shape. */
const POSSIBLE: Readonly<Record<string, (o: Record<string, unknown>) => boolean>> = {
  mark: ({ name }) => name !== "",
  edge: ({ index, tick, seconds }) => [index, tick, seconds].some((x) => x !== undefined),
  exchange: ({ sent, device_received, device_sent, received }) =>
    (sent as bigint) <= (received as bigint) &&
    [device_received, device_sent].every((tick) => (tick as bigint) >= 0n),
  note: ({ count }) =>
    count === undefined || (Number.isSafeInteger(count) && (count as number) >= 0),
};

function fromJson(kind: string, data: Uint8Array): Record<string, unknown> | undefined {
  try {
    const o = JSON.parse(untext.decode(data)) as Record<string, unknown>;
    if (misfit(o, SHAPES[kind]!) !== null) return undefined;
    for (const f of BIG_FIELDS[kind] ?? []) if (typeof o[f] === "string") o[f] = BigInt(o[f]);
    return (POSSIBLE[kind]?.(o) ?? true) ? o : undefined;
  } catch {
    return undefined;
  }
}

export const encodeMark = (m: Mark): Uint8Array => toJson(m);
export const encodeEdge = (e: Edge): Uint8Array => toJson(e);
export const encodeNote = (n: Note): Uint8Array => toJson(n);
export const encodePair = (p: ClockPair): Uint8Array => toJson(p);
export const encodeExchange = (e: ClockExchange): Uint8Array =>
  toJson({
    sent: e.sent,
    device_received: e.deviceReceived,
    device_sent: e.deviceSent,
    received: e.received,
  });

export const decodeMark = (d: Uint8Array): Mark | undefined =>
  fromJson("mark", d) as Mark | undefined;
export const decodeEdge = (d: Uint8Array): Edge | undefined =>
  fromJson("edge", d) as Edge | undefined;
export const decodeNote = (d: Uint8Array): Note | undefined =>
  fromJson("note", d) as Note | undefined;
export const decodePair = (d: Uint8Array): ClockPair | undefined =>
  fromJson("pair", d) as ClockPair | undefined;

export function decodeExchange(stream: string, d: Uint8Array): ClockExchange | undefined {
  const o = fromJson("exchange", d) as Record<string, bigint> | undefined;
  if (!o) return undefined;
  return {
    stream,
    sent: instant(o["sent"]!),
    deviceReceived: o["device_received"]!,
    deviceSent: o["device_sent"]!,
    received: instant(o["received"]!),
  };
}
