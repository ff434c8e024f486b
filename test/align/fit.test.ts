// Marks on a clock of their own, against the hardware edges that they mirror: where each comes to lie, by what, and
// what is said of those that do not pair.

import { describe, expect, test } from "@jest/globals";
import { fitClocks, type SessionClocks } from "../../align/clocks/fit.ts";
import type { Scan } from "../../align/scanned.ts";
import type { Edge } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { evidenceOf, ROW_HZ } from "../support/evidence.ts";

/** Seconds without a rhythm, so that they pair in one way only. */
const AT = [1, 1.7, 3.1, 4, 6.3, 7.9];
const RATE = 1.0005;
const OWN_S = 500;

interface Case {
  /** Seconds of the edges; of the marks, on the session clock. */
  readonly edges?: readonly number[];
  readonly marks?: readonly number[];
  /** Marks' scatter, ms. */
  readonly offMs?: (k: number) => number;
  /** In which order the log has the marks. */
  readonly order?: readonly number[];
}

function fitted({ edges = AT, marks = AT, offMs = () => 0, order }: Case): SessionClocks {
  const { scan } = evidenceOf({});
  (order ?? marks.map((_, k) => k)).forEach((k) => {
    const own = OWN_S + (marks[k]! + offMs(k) * 1e-3) * RATE;
    const t = instant(BigInt(Math.round(own * 1e9)));
    scan.marks.add({ name: "step", phase: k % 2 ? "end" : "begin", clock: "board", t }, 0);
  });
  const dated = edges.map((seconds): Edge => ({ line: "gpio", stream: "main", seconds, level: 1 }));
  const bare: Scan = { ...scan, stream: null, edges: dated };
  return fitClocks(bare);
}

const placesS = (c: SessionClocks): number[] =>
  Array.from({ length: c.marks.count }, (_, i) => c.marks.tNs(i) / 1e9);

describe("marks on a clock of their own", () => {
  test("each lies at its edge, whatever its clock's rate and the order of the log", () => {
    for (const order of [undefined, [3, 0, 5, 1, 4, 2]]) {
      const c = fitted(order ? { order } : {});
      expect(c.daq).toBeNull();
      const expected = order ? order.map((k) => AT[k]!) : AT;
      expect(placesS(c)).toEqual(expected);
      expect(AT.map((_, i) => c.marks.fromEdge(i))).toEqual(AT.map(() => true));
      const model = c.named.get("board")!;
      expect(model).toMatchObject({
        method: "marks",
        edgesUsed: 6,
        edgesMissing: 0,
        edgesExtra: 0,
      });
      expect(model.nsPerUnit * RATE).toBeCloseTo(1, 6);
      expect(c.incomplete.size).toBe(0);
    }
  });

  test("a mark without an edge lies where its clock says, as well as the others fit it", () => {
    const c = fitted({
      edges: AT.filter((_, k) => k !== 2),
      offMs: (k) => (k % 2 ? 0.4 : -0.4),
    });
    expect(AT.map((_, i) => c.marks.fromEdge(i))).toEqual([true, true, false, true, true, true]);
    expect(Math.abs(placesS(c)[2]! - 3.1)).toBeLessThan(1e-3);
    expect(c.named.get("board")).toMatchObject({ edgesUsed: 5, edgesMissing: 1, edgesExtra: 0 });
    expect([...c.incomplete]).toEqual(["board"]);
    // ±0.4 ms about the line.
    expect(c.marks.uNs(2) / 0.4e6).toBeGreaterThan(0.5);
    expect(c.marks.uNs(2) / 0.4e6).toBeLessThan(1.2);
    expect(c.marks.uNs(2)).toBe(c.named.get("board")!.residualRmsNs);
    expect(c.marks.uNs(1)).toBe(0);
  });

  test("an edge inside the marked span that no mark claims is a mark that was lost", () => {
    const c = fitted({ edges: [...AT.slice(0, 3), 3.55, ...AT.slice(3)] });
    expect(c.named.get("board")).toMatchObject({ edgesUsed: 6, edgesMissing: 0, edgesExtra: 1 });
    expect([...c.incomplete]).toEqual(["board"]);
  });

  test("edges before and after the marks are somebody else's", () => {
    const c = fitted({ edges: [0.2, ...AT, 9.4, 9.9] });
    expect(placesS(c)).toEqual(AT);
    expect(c.named.get("board")).toMatchObject({ edgesUsed: 6, edgesMissing: 0, edgesExtra: 3 });
    expect(c.incomplete.size).toBe(0);
    expect(c.edgesNs).toEqual([0.2, ...AT, 9.4, 9.9].map((s) => s * 1e9));
  });

  test("without edges they have no place, and are counted", () => {
    const c = fitted({ edges: [] });
    expect(AT.map((_, i) => c.marks.isPlaced(i))).toEqual(AT.map(() => false));
    expect(c.marks.clocks.find((k) => k.clock === "board")!.unplaced).toBe(6);
    expect(c.named.size).toBe(0);
    expect(c.incomplete.size).toBe(0);
    expect(c.edgesNs).toEqual([]);
  });
});

test("edges of the device lie on the session clock, in time order with those that are dated", () => {
  const { scan } = evidenceOf({});
  const edge = (at: Pick<Edge, "index" | "seconds">): Edge => ({
    ...{ line: "line0", stream: "main", level: 1, ...at },
  });
  const edges = [edge({ index: 2 * ROW_HZ }), edge({ index: ROW_HZ }), edge({ seconds: 1.5 })];
  const { daq, edgesNs } = fitClocks({ ...scan, edges });
  expect(daq!.segments).toHaveLength(1);
  expect(edgesNs).toHaveLength(3);
  expect(edgesNs[1]).toBe(1.5e9);
  expect(edgesNs[2]! - edgesNs[0]!).toBeCloseTo(1e9, -5);
});
