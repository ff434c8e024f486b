// Metadata of an Arrow IPC file (flatbuffers; Arrow columnar format, "IPC File Format") → plain values, for the flat
// columns that our tables have. Holds: nothing is read outside the bytes, and no byte is read twice, so that time and
// memory are bounded by the bytes' number, whatever lengths and offsets they claim. Every lie throws an Error.

import type { ColumnType } from "../schema/tables.ts";

export interface ArrowField {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Where a batch lies in the file, bytes. */
export interface Block {
  readonly offset: number;
  readonly metaDataLength: number;
  readonly bodyLength: number;
}

/** A stretch of a batch's body, bytes. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

export interface Footer {
  readonly fields: readonly ArrowField[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly blocks: readonly Block[];
}

export interface BatchHeader {
  readonly rows: number;
  readonly nodes: readonly { readonly length: number; readonly nullCount: number }[];
  readonly buffers: readonly Region[];
}

/** @throws Error for what is no footer of flat columns. */
export function decodeFooter(bytes: Uint8Array): Footer {
  const f = new Flat(bytes);
  const footer = f.table(f.follow(0));
  const schema = f.table(f.follow(footer(1)));
  if (f.small(schema(0), 2) !== 0) throw new Error("big-endian columns");
  if (f.structs(footer(2), 24).length > 0) throw new Error("dictionaries");
  return {
    fields: f.tables(schema(1)).map((field) => fieldOf(f, field)),
    metadata: pairs(f, schema(2)),
    blocks: f.structs(footer(3), 24).map((at) => ({
      offset: f.int64(at),
      metaDataLength: f.small(at + 8, 4),
      bodyLength: f.int64(at + 16),
    })),
  };
}

const RECORD_BATCH = 3;

/** @param bytes of a message, without the marker and length before it. @throws Error for any other message. */
export function decodeBatchHeader(bytes: Uint8Array): BatchHeader {
  const f = new Flat(bytes);
  const message = f.table(f.follow(0));
  if (f.small(message(1), 1) !== RECORD_BATCH) throw new Error("no record batch");
  const batch = f.table(f.follow(message(2)));
  if (batch(3) !== 0) throw new Error("compressed");
  return {
    rows: batch(0) === 0 ? 0 : f.int64(batch(0)),
    nodes: f
      .structs(batch(1), 16)
      .map((at) => ({ length: f.int64(at), nullCount: f.int64(at + 8) })),
    buffers: f
      .structs(batch(2), 16)
      .map((at) => ({ offset: f.int64(at), length: f.int64(at + 8) })),
  };
}

/** Members of a flatbuffers table by number: where each lies, 0 where it has its default. */
type Members = (index: number) => number;

function fieldOf(f: Flat, field: Members): ArrowField {
  const name = f.text(field(0));
  const type = typeOf(f, f.small(field(2), 1), field(3));
  if (field(4) !== 0 || type === undefined || f.tables(field(5)).length > 0)
    throw new Error(`column ${name} of a type that no table of ours has`);
  return { name, type, nullable: f.small(field(1), 1) !== 0, metadata: pairs(f, field(6)) };
}

const [INT, FLOAT, UTF8] = [2, 3, 5];

function typeOf(f: Flat, kind: number, at: number): ColumnType | undefined {
  if (kind === UTF8) return "utf8";
  if (kind !== INT && kind !== FLOAT) return undefined;
  const type = f.table(f.follow(at));
  if (kind === FLOAT) return ([undefined, "float32", "float64"] as const)[f.small(type(0), 2)];
  const width = f.small(type(0), 4);
  if (f.small(type(1), 1) === 0) return width === 8 ? "uint8" : undefined;
  return width === 64 ? "int64" : width === 32 ? "int32" : undefined;
}

const pairs = (f: Flat, at: number): Map<string, string> =>
  new Map(f.tables(at).map((pair) => [f.text(pair(0)), f.text(pair(1))]));

class Flat {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** Bytes that no object has claimed yet. Writers share none between objects, but for the lists of members. */
  #left: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = bytes.byteLength;
  }

  /** Little-endian and signed, of 1, 2 or 4 bytes; 0 where there is none. */
  small(at: number, size: 1 | 2 | 4): number {
    if (at === 0) return 0;
    if (size === 1) return this.#view.getInt8(at);
    return size === 2 ? this.#view.getInt16(at, true) : this.#view.getInt32(at, true);
  }

  int64(at: number): number {
    const value = Number(this.#view.getBigInt64(at, true));
    if (!Number.isSafeInteger(value)) throw new Error(`a size of ${value}`);
    return value;
  }

  /** Where the object lies that is referred to from `at`. */
  follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  /** Its members. */
  table(at: number): Members {
    this.#claim(4);
    const list = at - this.#view.getInt32(at, true);
    const size = this.#view.getUint16(list, true);
    return (index) => {
      const member = 4 + 2 * index;
      const offset = member < size ? this.#view.getUint16(list + member, true) : 0;
      return offset === 0 ? 0 : at + offset;
    };
  }

  /** Those of a vector; a table that has no such member has none. */
  tables(at: number): Members[] {
    return this.structs(at, 4).map((place) => this.table(this.follow(place)));
  }

  /** Where each element of a vector lies. */
  structs(at: number, size: number): number[] {
    if (at === 0) return [];
    const vector = this.follow(at);
    const count = this.#view.getUint32(vector, true);
    this.#claim(4 + count * size);
    return Array.from({ length: count }, (_, i) => vector + 4 + i * size);
  }

  text(at: number): string {
    if (at === 0) return "";
    const start = this.follow(at);
    const length = this.#view.getUint32(start, true);
    this.#claim(4 + length);
    return Buffer.from(this.#bytes.subarray(start + 4, start + 4 + length)).toString("utf8");
  }

  #claim(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new Error("lengths beyond the metadata");
  }
}
