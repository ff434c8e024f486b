// The loops of kernels.wat in TypeScript, for a process that cannot have WebAssembly, and to test it by.

import { EXTREMES_OF, type Workspace } from "./loops.ts";

export function plainLoops(size: number): Workspace {
  const memory = new ArrayBuffer(size);
  const view = new DataView(memory);
  const column = (at: number, rows: number): Float64Array => new Float64Array(memory, at, rows);
  return {
    memory,
    loops: {
      field(bytes, rowBytes, rows, mask, sign, zero, scale, least, most, out) {
        const to = column(out, rows);
        let saturated = 0;
        for (let i = 0, at = bytes; i < rows; i++, at += rowBytes) {
          const x = (((view.getInt32(at, true) & mask) ^ sign) - sign) | 0;
          if (x < least || x > most) saturated = 1;
          to[i] = (x - zero) * scale;
        }
        return saturated;
      },

      product(v, a, out, rows, sums) {
        const [volts, amperes, watts] = [column(v, rows), column(a, rows), column(out, rows)];
        let sumP = 0;
        let sumA = 0;
        let sumV = 0;
        for (let i = 0; i < rows; i++) {
          const p = volts[i]! * amperes[i]!;
          watts[i] = p;
          sumP += p;
          sumA += amperes[i]!;
          sumV += volts[i]!;
        }
        column(sums, 3).set([sumP, sumA, sumV]);
      },

      plus(x, y, out, rows) {
        const [left, right, to] = [column(x, rows), column(y, rows), column(out, rows)];
        for (let i = 0; i < rows; i++) to[i] = left[i]! + right[i]!;
      },

      steps(p, rows, sum) {
        const x = column(p, rows);
        let squares = 0;
        for (let i = 1; i < rows; i++) squares += (x[i]! - x[i - 1]!) ** 2;
        column(sum, 1)[0] = squares;
      },

      narrow(x, rows, out) {
        new Float32Array(memory, out, rows).set(column(x, rows));
      },

      means(x, means, factor, out) {
        const [from, to] = [column(x, means * factor), column(out, means)];
        for (let k = 0, i = 0; k < means; k++) {
          let sum = 0;
          for (const end = i + factor; i < end; i++) sum += from[i]!;
          to[k] = sum / factor;
        }
      },

      extremes(x, cells, lows, highs) {
        const from = column(x, cells * EXTREMES_OF);
        const [least, most] = [column(lows, cells), column(highs, cells + 2)];
        let [lowest, highest] = [Infinity, -Infinity];
        for (let k = 0, i = 0; k < cells; k++) {
          let [low, high] = [Infinity, -Infinity];
          for (const end = i + EXTREMES_OF; i < end; i++) {
            const value = from[i]!;
            if (value < low) low = value;
            if (value > high) high = value;
          }
          least[k] = low;
          most[k] = high;
          lowest = Math.min(lowest, low);
          highest = Math.max(highest, high);
        }
        most.set([lowest, highest], cells);
      },
    },
  };
}
