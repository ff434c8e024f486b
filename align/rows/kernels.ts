// The loops that every sample goes through: a slice of rows and its columns in one memory, worked on by
// WebAssembly (kernels.wat), which takes a third of the time that TypeScript takes
// (docs/adr/webassembly-kernels.md); or by TypeScript (plain-loops.ts) where no such memory is to be had.
// Holds: both give the same values as decode.ts, bit for bit; sums differ in rounding.

import type { RowField, RowLayout } from "../../schema/records.ts";
import { type Loops, RAIL_SUMS, STEP_SUMS, type Workspace } from "./loops.ts";
import type { ColumnReader, Linear } from "./decode.ts";
import { KERNELS_WASM } from "./kernels-wasm.ts";
import { plainLoops } from "./plain-loops.ts";

/** Node's typings leave WebAssembly to the browser's. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

let compiled: object | undefined;

/** @param bytes of memory. @throws RangeError where the process may not have 10 GB of addresses for it. */
export function wasmLoops(bytes: number): Workspace {
  const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / 65_536) });
  compiled ??= new WebAssembly.Module(Buffer.from(KERNELS_WASM, "base64"));
  const { exports } = new WebAssembly.Instance(compiled, { js: { memory } });
  return { memory: memory.buffer, loops: exports as Loops };
}

function anyLoops(bytes: number): Workspace {
  try {
    return wasmLoops(bytes);
  } catch {
    return plainLoops(bytes); // an address space limit (ulimit -v), or WebAssembly switched off
  }
}

interface Factors {
  readonly voltageV: Float64Array;
  readonly currentA: Float64Array;
  readonly powerW: Float64Array;
}

const ALIGNED = 16;
const roundUp = (bytes: number): number => (bytes + ALIGNED - 1) & -ALIGNED;
/**
 * Room for the three rows too many that a loop may do, and a start in its page unlike that of other
 * columns: a load whose address equals that of a store just before it in the lower 12 bits waits for the
 * store (Intel optimization manual, 4-Kbyte aliasing). No small multiple of this stagger comes near 0 from above.
 */
const STAGGER = 1360;
const columnBytes = (rows: number): number => ((8 * (rows + 3) + 4095) & -4096) + STAGGER;

export class Kernels {
  /** Sums of P, I, V over the slice, rail after rail, then that of the steps. */
  readonly sums: Float64Array;
  readonly #memory: ArrayBuffer;
  readonly #loops: Loops;
  readonly #layout: RowLayout;
  readonly #rows: number;
  readonly #bytes: Uint8Array;
  /** Means, and narrow numbers, before they are taken elsewhere. */
  readonly #means: Float64Array;
  readonly #narrow: Float32Array;
  #used: number;

  /** @param rows at most in a slice. @param rails of at most three columns each; their total is one more. */
  constructor(layout: RowLayout, rows: number, rails: number, start = anyLoops) {
    // A field is read as 32 bits wherever it stands, so up to 3 bytes beyond its own.
    const input = roundUp((rows + 3) * layout.rowBytes + 3);
    const sums = roundUp(8 * (RAIL_SUMS * rails + STEP_SUMS));
    const { memory, loops } = start(input + sums + (3 * rails + 2) * columnBytes(rows));
    this.#memory = memory;
    this.#loops = loops;
    this.#layout = layout;
    this.#rows = rows;
    this.#bytes = new Uint8Array(memory, 0, input);
    this.sums = new Float64Array(memory, input, RAIL_SUMS * rails + STEP_SUMS);
    this.#used = input + sums;
    this.#means = this.column();
    this.#narrow = new Float32Array(memory, this.#means.byteOffset, rows);
  }

  /** A new column, zeros. */
  column(): Float64Array {
    const column = new Float64Array(this.#memory, this.#used, this.#rows);
    this.#used += columnBytes(this.#rows);
    return column;
  }

  /** Takes the rows in; the readers see them until the next are taken. */
  load(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
  }

  /** A reader of the rows taken in, for integers of up to 32 bits; undefined for any other field. */
  fieldReader(field: RowField, linear: Linear): ColumnReader | undefined {
    const { bitOffset, bits, kind } = field;
    const shift = bitOffset & 7;
    if (kind === "float" || shift + bits > (kind === "int" ? 32 : 31)) return undefined;
    // In counts times 2^shift, which zero and scale make up for exactly: no shift per value.
    const unit = 2 ** shift;
    const mask = (2 ** bits - 1) * unit;
    const sign = kind === "int" ? 2 ** (bits - 1) * unit : 0;
    const [lo, hi] = linear.clip ?? [-Infinity, Infinity];
    const least = within32((Math.floor(lo) + 1) * unit);
    const most = within32((Math.ceil(hi) - 1) * unit);
    const [zero, scale] = [linear.zero * unit, linear.scale / unit];
    const [at, stride] = [bitOffset >> 3, this.#layout.rowBytes];
    const loops = this.#loops;
    return (_, rows, { byteOffset: out }) =>
      loops.field(at, stride, rows, mask, sign, zero, scale, least, most, out) !== 0;
  }

  /** P = V · I of a rail, all columns of this memory, and its sums. */
  power(rail: number, { voltageV, currentA, powerW }: Factors, rows: number): void {
    const [v, a, p] = [voltageV.byteOffset, currentA.byteOffset, powerW.byteOffset];
    this.#loops.product(v, a, p, rows, this.sums.byteOffset + 8 * RAIL_SUMS * rail);
  }

  /** out = x + y, all columns of this memory; `out` may be one of them. */
  plus(x: Float64Array, y: Float64Array, out: Float64Array, rows: number): void {
    this.#loops.plus(x.byteOffset, y.byteOffset, out.byteOffset, rows);
  }

  /** So many means over `factor` rows each, at least 2, of a column of this memory, from row `from` on, to out[at …]. */
  means(
    column: Float64Array,
    from: number,
    means: number,
    factor: number,
    out: Float64Array,
    at: number,
  ): void {
    const found = this.#means;
    this.#loops.means(column.byteOffset + 8 * from, means, factor, found.byteOffset);
    out.set(found.subarray(0, means), at);
  }

  /**
   * Least and greatest of EXTREMES_OF rows each of a column of this memory, from row `from` on; no NaN is either.
   * @returns so many of the one, then of the other, then the two of all; valid until the next call.
   */
  extremes(column: Float64Array, from: number, cells: number): Float64Array {
    const found = this.#means;
    if (cells === 0) return found;
    const [lows, highs] = [found.byteOffset, found.byteOffset + 8 * cells];
    this.#loops.extremes(column.byteOffset + 8 * from, cells, lows, highs);
    return found;
  }

  /** Rows [from, to) of a column of this memory as float32, to out[at …]. */
  narrow(column: Float64Array, from: number, to: number, out: Float32Array, at: number): void {
    const found = this.#narrow;
    this.#loops.narrow(column.byteOffset + 8 * from, to - from, found.byteOffset);
    out.set(found.subarray(0, to - from), at);
  }

  /** Sum of the squared steps of a column of this memory. */
  steps({ byteOffset }: Float64Array, rows: number): void {
    const at = this.sums.byteOffset + 8 * (this.sums.length - STEP_SUMS);
    this.#loops.steps(byteOffset, rows, at);
  }
}

/** No count is beyond 32 bits, so a limit there is none. */
const within32 = (x: number): number => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, x));
