import { readFileSync } from "node:fs";
import { describe, expect, test } from "@jest/globals";
import wabt from "wabt";
import { columnReader, type Linear } from "../../align/rows/decode.ts";
import { Kernels, wasmLoops } from "../../align/rows/kernels.ts";
import { KERNELS_WASM } from "../../align/rows/kernels-wasm.ts";
import { plainLoops } from "../../align/rows/plain-loops.ts";
import { type Random, random } from "../../stats/random.ts";
import type { RowField, RowLayout } from "../../schema/records.ts";

const both = { wasm: wasmLoops, plain: plainLoops };

/** Saturation said for the rows asked for; the fast loop may also see up to three stale ones. */
function saturated(out: Float64Array, rows: number, { scale, zero, clip }: Linear): boolean {
  const [a, b] = clip!.map((n) => (n - zero) * scale) as [number, number];
  return out.subarray(0, rows).some((x) => x <= Math.min(a, b) || x >= Math.max(a, b));
}

function randomLinear(r: Random, bits: number, signed: boolean): Linear {
  const lowest = signed ? -(2 ** (bits - 1)) : 0;
  const span = 2 ** bits;
  const clip = [lowest + Math.floor(span * 0.02), lowest + Math.floor(span * 0.98)] as const;
  return { scale: r.normal(), zero: 100 * r.normal(), clip };
}

describe("kernels", () => {
  test("kernels-wasm.ts is what kernels.wat describes", async () => {
    const assembler = await wabt();
    const text = readFileSync(new URL("../../align/rows/kernels.wat", import.meta.url), "utf8");
    const { buffer } = assembler.parseWat("kernels.wat", text).toBinary({});
    expect(KERNELS_WASM).toBe(Buffer.from(buffer).toString("base64"));
  });

  for (const [name, start] of Object.entries(both))
    test(`${name}: every field agrees with decode.ts to the last bit`, () => {
      const r = random(1, "kernels");
      let [read, told] = [0, 0];
      for (const rowBytes of [2, 3, 6, 8, 18])
        for (const bits of [1, 8, 10, 12, 16, 24, 31, 32])
          for (let bitOffset = 0; bitOffset + bits <= rowBytes * 8; bitOffset++)
            for (const kind of ["uint", "int"] as const) {
              const field: RowField = { name: "x", bitOffset, bits, kind };
              const layout: RowLayout = { stream: "s", rowBytes, fields: [field] };
              const linear = randomLinear(r, bits, kind === "int");
              const rows = 1 + r.integer(9);
              const bytes = new Uint8Array(rows * rowBytes).map(() => r.integer(256));
              const kernels = new Kernels(layout, 16, 1, start);
              const reader = kernels.fieldReader(field, linear);
              if (!reader) {
                expect((bitOffset & 7) + bits).toBeGreaterThanOrEqual(32);
                continue;
              }
              const [out, expected] = [kernels.column(), new Float64Array(16)];
              kernels.load(bytes);
              const found = reader(bytes, rows, out);
              columnReader(layout, field, linear)(bytes, rows, expected);
              if (out.subarray(0, rows).some((x, i) => !Object.is(x, expected[i])))
                throw new Error(`${kind} of ${bits} at ${bitOffset} of ${rowBytes} bytes differs`);
              if (saturated(expected, rows, linear)) {
                expect(found).toBe(true);
                told++;
              }
              read++;
            }
      expect(read).toBeGreaterThan(800);
      expect(told).toBeGreaterThan(100);
    });

  test("a full column without saturation is not called saturated, whatever the limits", () => {
    const field: RowField = { name: "x", bitOffset: 0, bits: 16, kind: "uint" };
    const layout: RowLayout = { stream: "s", rowBytes: 2, fields: [field] };
    const bytes = new Uint8Array(Uint16Array.of(1, 4094, 2000, 3000).buffer);
    for (const start of Object.values(both)) {
      const kernels = new Kernels(layout, 4, 1, start);
      const out = kernels.column();
      kernels.load(bytes);
      const said = (clip?: readonly [number, number]): boolean =>
        kernels.fieldReader(field, { scale: 1, zero: 0, ...(clip ? { clip } : {}) })!(
          bytes,
          4,
          out,
        );
      expect(said()).toBe(false);
      expect(said([0, 4095])).toBe(false);
      expect(said([-1e12, 1e12])).toBe(false);
      expect(said([1, 4095])).toBe(true);
      expect(said([0, 4094])).toBe(true);
      expect(said([0.5, 4094.5])).toBe(false);
    }
  });

  test("products, their sums and totals, at every length", () => {
    const r = random(2, "kernels");
    const layout: RowLayout = { stream: "s", rowBytes: 2, fields: [] };
    for (const start of Object.values(both))
      for (let rows = 1; rows <= 21; rows++) {
        const kernels = new Kernels(layout, 21, 2, start);
        const [v, a, p, total] = [0, 1, 2, 3].map(() => kernels.column());
        for (const x of [v!, a!]) x.forEach((_, i) => (x[i] = r.normal()));
        kernels.power(1, { voltageV: v!, currentA: a!, powerW: p! }, rows);
        kernels.plus(v!, p!, total!, rows);
        const sums = [0, 0, 0];
        for (let i = 0; i < rows; i++) {
          expect(p![i]).toBe(v![i]! * a![i]!);
          expect(total![i]).toBe(v![i]! + p![i]!);
          [p!, a!, v!].forEach((x, k) => (sums[k]! += x[i]!));
        }
        sums.forEach((sum, k) => expect(kernels.sums[3 + k]).toBeCloseTo(sum, 12));
        expect([...kernels.sums.subarray(0, 3)]).toEqual([0, 0, 0]);
      }
  });

  test("means over any number of rows, from any row on", () => {
    const r = random(4, "kernels");
    const layout: RowLayout = { stream: "s", rowBytes: 2, fields: [] };
    for (const start of Object.values(both))
      for (let factor = 2; factor <= 9; factor++)
        for (let means = 1; means <= 5; means++) {
          const kernels = new Kernels(layout, 64, 1, start);
          const x = kernels.column();
          x.set(x.map(() => r.normal()));
          const from = r.integer(64 - means * factor);
          const out = new Float64Array(8).fill(7);
          kernels.means(x, from, means, factor, out, 2);
          expect([out[1], out[2 + means]]).toEqual([7, 7]);
          for (let k = 0; k < means; k++) {
            const rows = x.subarray(from + k * factor, from + (k + 1) * factor);
            expect(out[2 + k]).toBeCloseTo(rows.reduce((sum, v) => sum + v, 0) / factor, 13);
          }
        }
  });

  test("least and greatest of every 16 rows, from any row on, no NaN among them", () => {
    const r = random(6, "kernels");
    const layout: RowLayout = { stream: "s", rowBytes: 2, fields: [] };
    for (const start of Object.values(both))
      for (let cells = 0; cells <= 4; cells++) {
        const kernels = new Kernels(layout, 80, 1, start);
        const x = kernels.column();
        x.set(x.map(() => (r.uniform() < 0.2 ? NaN : r.normal())));
        const from = r.integer(16);
        x.fill(NaN, from + 16, from + 32);
        const found = kernels.extremes(x, from, cells);
        const all = [...x.subarray(from, from + 16 * cells)].filter((v) => v === v);
        if (cells > 0)
          expect([...found.subarray(2 * cells, 2 * cells + 2)]).toEqual([
            Math.min(...all),
            Math.max(...all),
          ]);
        for (let k = 0; k < cells; k++) {
          const rows = [...x.subarray(from + 16 * k, from + 16 * k + 16)].filter((v) => v === v);
          expect([found[k], found[cells + k]]).toEqual([Math.min(...rows), Math.max(...rows)]);
        }
      }
  });

  test("float32 as a Float32Array takes them, at every length, from any row on", () => {
    const r = random(5, "kernels");
    const layout: RowLayout = { stream: "s", rowBytes: 2, fields: [] };
    for (const start of Object.values(both))
      for (let rows = 1; rows <= 21; rows++) {
        const kernels = new Kernels(layout, 64, 1, start);
        const x = kernels.column();
        x.set(x.map(() => r.normal() * 10 ** (60 * r.normal())));
        const from = r.integer(64 - rows);
        const out = new Float32Array(24).fill(7);
        kernels.narrow(x, from, from + rows, out, 2);
        expect([out[1], out[2 + rows]]).toEqual([7, 7]);
        expect(out.subarray(2, 2 + rows)).toEqual(Float32Array.from(x.subarray(from, from + rows)));
      }
  });

  test("sum of the squared steps, at every length", () => {
    const r = random(3, "kernels");
    const layout: RowLayout = { stream: "s", rowBytes: 2, fields: [] };
    for (const start of Object.values(both))
      for (let rows = 1; rows <= 21; rows++) {
        const kernels = new Kernels(layout, 21, 1, start);
        const p = kernels.column().map(() => r.normal());
        const column = kernels.column();
        column.set(p);
        kernels.steps(column, rows);
        const squares = [...p.subarray(1, rows)].reduce((sum, x, i) => sum + (x - p[i]!) ** 2, 0);
        expect(kernels.sums[3]).toBeCloseTo(squares, 11);
        expect([...kernels.sums.subarray(0, 3)]).toEqual([0, 0, 0]);
      }
  });
});
