// What the virtual DAQ's pins see, by row. The bench model gives it; a flat-out run loops a stretch of it.

import type { VirtualBench } from "../bench/bench.ts";
import { firstWhere } from "../../stats/search.ts";
import { valueAt } from "../../stats/places.ts";

/** An edge of the trigger line, at its place between rows. */
export interface TrueEdge {
  readonly row: number;
  readonly level: 0 | 1;
}

export interface DaqTruth {
  readonly channelNames: readonly string[];
  /** Nominal. */
  readonly rowHz: number;
  /** Rows begun by an instant, ns since power-up; the device's drifting clock is in here. */
  rowsAt(tNs: number): number;
  /** One word a channel and row: bits 0–11 counts; bit 15 of a row's first word the trigger's level. */
  fill(firstRow: number, rows: number, out: Uint16Array): void;
  /** Edges with firstRow ≤ row < endRow. */
  edges(firstRow: number, endRow: number): TrueEdge[];
  /** An outside trigger line changes, ns since power-up; and how many changes came too late for their rows. */
  edge(tNs: number): void;
  lateEdges(): number;
}

export function benchTruth(bench: VirtualBench): DaqTruth {
  const { clock, edgeRows } = bench;
  return {
    channelNames: bench.layout.fields.map((f) => f.name),
    rowHz: bench.rig.device.rowHz,
    rowsAt: (tNs) => clock.rowAt(tNs),
    fill: (firstRow, rows, out) => bench.fillRows(firstRow, rows, out),
    edges(firstRow, endRow) {
      const from = (row: number): number =>
        firstWhere(0, edgeRows.length, (i) => valueAt(edgeRows, i) >= row);
      const first = from(firstRow);
      return edgeRows
        .slice(first, from(endRow))
        .map((row, i) => ({ row, level: (first + i) % 2 === 0 ? 1 : 0 }));
    },
    edge: (tNs) => bench.edge(tNs),
    lateEdges: () => bench.lateEdges,
  };
}

/** The first `length` rows over and over, computed once: for speed, not for Joules. */
export function loopTruth(truth: DaqTruth, length: number): DaqTruth {
  const stride = truth.channelNames.length;
  const words = new Uint16Array(length * stride);
  truth.fill(0, length, words);
  return {
    ...truth,
    fill(firstRow, rows, out) {
      for (let done = 0; done < rows;) {
        const from = (firstRow + done) % length;
        const n = Math.min(rows - done, length - from);
        out.set(words.subarray(from * stride, (from + n) * stride), done * stride);
        done += n;
      }
    },
    edges: () => [],
  };
}
