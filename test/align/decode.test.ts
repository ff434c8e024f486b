import { describe, expect, test } from "@jest/globals";
import { columnReader } from "../../align/rows/decode.ts";
import { timebaseOf } from "../../align/rows/timebase.ts";
import {
  BlockFlag,
  type RowField,
  type RowLayout,
  type SampleBlock,
} from "../../schema/records.ts";
import { random } from "../../stats/random.ts";
import { instant } from "../../schema/time.ts";

/** The specification, bit by bit (docs/capture.md): bit k is bit k mod 8 of byte ⌊k/8⌋. */
function bits(bytes: Uint8Array, at: number, n: number): bigint {
  let x = 0n;
  for (let k = 0; k < n; k++)
    if (bytes[(at + k) >> 3]! & (1 << ((at + k) & 7))) x |= 1n << BigInt(k);
  return x;
}

describe("row decoding", () => {
  test("every field shape agrees with the specification read bit by bit", () => {
    const r = random(1, "decode");
    let shapes = 0;
    for (const rowBytes of [2, 4, 5, 6, 8, 12, 18])
      for (const n of [1, 8, 10, 12, 14, 16, 20, 24, 32])
        for (let at = 0; at + n <= rowBytes * 8; at += 1)
          for (const kind of ["uint", "int"] as const) {
            if ((at & 7) + n > 32) continue;
            const field: RowField = { name: "x", bitOffset: at, bits: n, kind };
            const layout: RowLayout = { stream: "s", rowBytes, fields: [field] };
            const rows = 5;
            const bytes = new Uint8Array(rows * rowBytes).map(() => 256 * r.uniform());
            const out = new Float64Array(rows);
            columnReader(layout, field)(bytes, rows, out);
            for (let i = 0; i < rows; i++) {
              const raw = bits(bytes, i * rowBytes * 8 + at, n);
              const want = kind === "uint" ? raw : BigInt.asIntN(n, raw);
              if (out[i] !== Number(want))
                throw new Error(`${rowBytes}/${n}@${at} ${kind}: ${out[i]} not ${want}`);
            }
            shapes++;
          }
    expect(shapes).toBeGreaterThan(1500);
  });

  test("unaligned blocks, floats and calibration", () => {
    const field: RowField = { name: "f", bitOffset: 0, bits: 32, kind: "float" };
    const layout: RowLayout = { stream: "s", rowBytes: 4, fields: [field] };
    const bytes = new Uint8Array(1 + 8);
    new DataView(bytes.buffer).setFloat32(1, 3.5, true);
    new DataView(bytes.buffer).setFloat32(5, -1, true);
    const out = new Float64Array(2);
    columnReader(layout, field, { scale: 2, zero: 0.5 })(bytes.subarray(1), 2, out);
    expect([...out]).toEqual([6, -3]);
    const word: RowField = { name: "w", bitOffset: 0, bits: 16, kind: "uint" };
    columnReader({ ...layout, rowBytes: 2 }, word)(
      Uint8Array.of(9, 1, 2, 3, 4).subarray(1),
      2,
      out,
    );
    expect([...out]).toEqual([0x0201, 0x0403]);
  });

  test("a field outside its row is refused", () => {
    const field: RowField = { name: "x", bitOffset: 20, bits: 16, kind: "uint" };
    expect(() => columnReader({ stream: "s", rowBytes: 4, fields: [field] }, field)).toThrow(
      /outside/,
    );
  });
});

/** A stream of rows whose only content is its tick, with rows left out. */
function tickBlocks(
  width: number,
  hz: number,
  rowHz: number,
  rows: number,
  lose: (i: number) => boolean,
  count: (t: number, row: number) => bigint = (t) => 12345n + BigInt(t),
): {
  layout: RowLayout;
  blocks: SampleBlock[];
  truth: number[];
} {
  const bytesPer = width <= 16 ? 2 : width <= 32 ? 4 : 8;
  const tick: RowField = { name: "tick", bitOffset: 0, bits: width, kind: "uint" };
  const layout: RowLayout = { stream: "s", rowBytes: bytesPer, fields: [], tick };
  const blocks: SampleBlock[] = [];
  const truth: number[] = [];
  for (let at = 0; at < rows;) {
    if (lose(at)) {
      at++;
      continue;
    }
    let n = 1;
    while (n < 64 && at + n < rows && !lose(at + n)) n++;
    const bytes = new Uint8Array(n * bytesPer);
    const v = new DataView(bytes.buffer);
    for (let k = 0; k < n; k++) {
      const t = Math.round(((at + k) * hz) / rowHz);
      truth.push(t);
      const raw = BigInt.asUintN(width, count(t, at + k));
      if (bytesPer === 2) v.setUint16(2 * k, Number(raw), true);
      else if (bytesPer === 4) v.setUint32(4 * k, Number(raw), true);
      else v.setBigUint64(8 * k, raw, true);
    }
    const host = instant<"host">(BigInt(Math.round((at / rowHz) * 1e9)));
    blocks.push({
      stream: "s",
      firstIndex: at,
      deviceTick: null,
      hostBefore: host,
      hostAfter: host,
      rows: n,
      flags: 0,
      bytes,
    });
    at += n;
  }
  return { layout, blocks, truth };
}

describe("unwrapping device counters", () => {
  test.each([10, 12, 16, 20, 24, 32, 48, 64])("%i bits, across gaps of many wraps", (width) => {
    const hz = 1e6;
    const rowHz = 2e4; // 50 ticks a row; 10 bits wrap every 20 rows
    const r = random(width, "gaps");
    let until = -1;
    const lose = (i: number): boolean => {
      if (i > 0 && i > until && r.uniform() < 0.002) until = i + Math.floor(5000 * r.uniform());
      return i <= until;
    };
    const lost = Array.from({ length: 40_000 }, (_, i) => lose(i));
    const { layout, blocks, truth } = tickBlocks(width, hz, rowHz, 40_000, (i) => lost[i]!);
    const timebase = timebaseOf(layout, hz, rowHz);
    const got: number[] = [];
    const out = new Float64Array(64);
    for (const b of blocks) {
      timebase.read(b, out);
      got.push(...out.subarray(0, b.rows));
    }
    expect(lost.filter(Boolean).length).toBeGreaterThan(1000);
    expect(got).toEqual(truth.map((t) => t - truth[0]!));
    expect(timebase.firstTick).toBe(BigInt.asUintN(width, 12345n));
  });

  const starts = [0n, 123n, 0x9e3779b97f4a7c15n];
  test.each([16, 24, 32, 48, 64])("%i bits that start again, at 0 or anywhere", (width) => {
    const [hz, rowHz, again] = [1e6, 2e4, 6400];
    for (const start of starts) {
      const lose = (i: number): boolean => i >= again - 500 && i < again;
      const count = (t: number, row: number): bigint =>
        row < again ? 12345n + BigInt(t) : start + BigInt(t - again * 50);
      const { layout, blocks, truth } = tickBlocks(width, hz, rowHz, 12_800, lose, count);
      const timebase = timebaseOf(layout, hz, rowHz);
      const out = new Float64Array(64);
      const got = blocks.flatMap((b) => {
        const flags = b.firstIndex === again ? BlockFlag.restart | BlockFlag.gapBefore : 0;
        timebase.read({ ...b, flags }, out);
        return [...out.subarray(0, b.rows)];
      });
      // The index tells how long it was away; the counter, all else.
      expect(got).toEqual(truth);
    }
  });
});
