// How far a figure can be used: at the edges of each rule.

import { describe, expect, test } from "@jest/globals";
import { inDoubt, QUALITIES, quality } from "../../energy/quality.ts";

describe("quality", () => {
  test.each<[samples: number, durationS: number, gap: number, found: string]>([
    [1, 9, 0, "no_data"],
    [2, 9, 0, "estimate"],
    [3, 9, 0, "good"],
    [8, 9, 0, "good"],
    [9, 9, 0, "billable"],
    [9, 1, 0, "good"],
    [9, 1.001, 0, "billable"],
    [9, 9, 0.0499, "billable"],
    [9, 9, 0.05, "good"],
    [9, 9, 0.1, "good"],
    [9, 9, 0.1001, "gappy"],
    [1, 9, 0.9, "no_data"],
    [2, 9, 0.1, "estimate"],
  ])("%d samples in %d s, %d of it not observed: %s", (samples, durationS, gap, found) => {
    expect(quality(samples, durationS, gap)).toBe(found);
  });

  test.each<[maxGapS: number, found: string]>([
    [0.25, "billable"],
    [0.2501, "good"],
    [0.5, "good"],
    [0.5001, "gappy"],
  ])("with one hole of %d s: %s", (maxGapS, found) => {
    expect(quality(9000, 900, 0.001, maxGapS)).toBe(found);
  });

  test("what is in doubt is an estimate at best, and never better than it was", () => {
    const doubted = QUALITIES.map((q) => inDoubt(q, true));
    expect(doubted).toEqual(["no_data", "gappy", "unresolved", "estimate", "estimate", "estimate"]);
    expect(QUALITIES.map((q) => inDoubt(q, false))).toEqual([...QUALITIES]);
  });
});
