// Trigger edges that the host raised itself, method alone: which of them count, and why they are refused.

import { describe, expect, test } from "@jest/globals";
import type { ClockModel } from "../../align/clocks/clock.ts";
import { evidenceOf } from "../../align/clocks/daq-evidence.ts";
import { syncEdges } from "../../align/clocks/methods/sync-edges.ts";
import type { TracedScan } from "../../align/scanned.ts";
import { evidenceOf as made } from "../support/evidence.ts";

const MS = 1e6;
/** At no period. */
const AT = [500, 545, 620, 672, 790, 833, 931, 1012].map((ms) => ms * MS);
const scanOf = (syncNs: readonly number[] = AT, halfNs = 3000): TracedScan =>
  made({ syncNs, halfNs, starts: [{ fromNs: 200 * MS, toNs: 2200 * MS }] }).scan;

function fitted(
  scan: TracedScan,
  broken = false,
): { model: ClockModel | undefined; refused: string[] } {
  const refused: string[] = [];
  const [evidence] = evidenceOf(scan) as [ReturnType<typeof evidenceOf>[0]];
  const look = { scan, evidence, near: undefined, broken };
  const model = syncEdges.fit(look, (why) => refused.push(why.code));
  return { model, refused };
}
const used = (scan: TracedScan): number | undefined => fitted(scan).model?.edgesUsed;

describe("edges and marks", () => {
  test("pair, each with its own", () => {
    const { model, refused } = fitted(scanOf());
    expect(model).toMatchObject({ method: "sync-edges", edgesUsed: 8, edgesMissing: 0 });
    expect([model!.bounds!.atNs.length > 0, refused]).toEqual([true, []]);
  });

  test("without marks, or without edges, there is nothing to go by", () => {
    const scan = scanOf();
    expect(used({ ...scan, syncMarks: [] })).toBeUndefined();
    expect(used({ ...scan, edges: [] })).toBeUndefined();
  });

  test("stand in any order in the log", () => {
    const scan = scanOf();
    const syncMarks = [3, 0, 7, 1, 6, 2, 5, 4].map((k) => scan.syncMarks[k]!);
    const { model } = fitted({ ...scan, syncMarks });
    expect(model!.edgesUsed).toBe(8);
    expect(model!.bounds).toEqual(fitted(scan).model!.bounds);
  });

  test("the wrong way round are no pair; of unknown direction they are", () => {
    const scan = scanOf();
    const levels = (of: (level: 0 | 1) => 0 | 1 | null): TracedScan["edges"] =>
      scan.edges.map((e) => ({ ...e, level: of(e.level!) }));
    const phases = (of: "begin" | "end" | "instant"): TracedScan["syncMarks"] =>
      scan.syncMarks.map((m) => ({ ...m, phase: of }));
    const turned = levels((level) => (level === 1 ? 0 : 1));
    expect(used({ ...scan, edges: turned }) ?? 0).toBeLessThan(8);
    expect(used({ ...scan, edges: levels(() => null) })).toBe(8);
    expect(used({ ...scan, syncMarks: phases("instant"), edges: turned })).toBe(8);
    // Only those that rise, and only those that fall.
    expect(used({ ...scan, syncMarks: phases("begin") })).toBe(4);
    expect(used({ ...scan, syncMarks: phases("end") })).toBe(4);
  });

  test("a mark that says nothing of its bracket has none; one of 0.2 ms is too wide", () => {
    const scan = scanOf();
    const bare = scan.syncMarks.map(({ name, phase, clock, t }) => ({ name, phase, clock, t }));
    const exact = fitted({ ...scan, syncMarks: bare }).model!;
    expect(exact.edgesUsed).toBe(8);
    expect(exact.uOffsetNs).toBeLessThan(fitted(scan).model!.uOffsetNs);
    expect(used(scanOf(AT, 0.2 * MS))).toBeUndefined();
    expect(used(scanOf(AT, 0.2 * MS - 1))).toBe(8);
  });
});

describe("edges that are refused", () => {
  test("where a train lost an end, of several segments: they fit at two places", () => {
    const scan = scanOf(Array.from({ length: 12 }, (_, k) => (500 + 15 * k) * MS));
    const cut = { ...scan, edges: scan.edges.slice(2) };
    expect(fitted(cut, true)).toEqual({ model: undefined, refused: [] });
    expect(fitted(cut, false).model?.method).toBe("sync-edges");
    expect(fitted(scan, true).model?.method).toBe("sync-edges");
  });

  test("where no steady clock passes through them: that is told", () => {
    const scan = scanOf();
    // From the fifth on 2 ms late by the device: within the 5 ms that pair, beyond every bracket and row.
    const edges = scan.edges.map((e, k) => (k < 4 ? e : { ...e, index: e.index! + 20 }));
    expect(fitted({ ...scan, edges })).toEqual({ model: undefined, refused: ["edges-contradict"] });
  });
});
