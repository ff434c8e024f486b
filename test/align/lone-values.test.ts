// Values that stand alone, far beyond all that a rail otherwise holds, are left out on a rail of which nothing is stated;
// what a load may do is not.

import { describe, expect, test } from "@jest/globals";
import { rigOf } from "../support/rig.ts";
import { dut, learnedOf, range, type Row, rowsOf } from "../support/volts-amperes.ts";

const load = (i: number): Row => (i >= 1000 && i < 2400 ? [11.9, 25] : [12.1, 5]);
const seen = (of: (i: number) => Row, rig?: Parameters<typeof learnedOf>[1]) => {
  const { out, implausible } = learnedOf(rowsOf(4000, of), rig);
  return { out, why: implausible.map((g) => [g.quantity, g.rows, g.basis]) };
};
const nothing = { out: [], why: [] };

describe("left out", () => {
  test.each([7, 100, 4000])("ten rows of a code on a rail of 12 V, in slices of %i", (slice) => {
    const spiked = (i: number): Row => (i >= 1500 && i < 1510 ? [4095, 25] : load(i));
    expect(seen(spiked, { slice })).toEqual({
      out: range(1500, 1510),
      why: [["voltage", 10, "run"]],
    });
  });

  test("a code in every fiftieth row", () => {
    const { out } = seen((i) => (i % 50 === 7 ? [4095, 25] : load(i)));
    expect(out).toEqual(range(0, 4000).filter((i) => i % 50 === 7));
  });

  test("single rows, and negative ones", () => {
    const at = new Map<number, Row>([
      [10, [26, 5]],
      [1700, [-65.5, 25]],
      [3000, [12, 600]],
      [3500, [12, -9000]],
    ]);
    expect(seen((i) => at.get(i) ?? load(i))).toEqual({
      out: [10, 1700, 3000, 3500],
      why: [
        ["voltage", 2, "run"],
        ["current", 2, "run"],
      ],
    });
  });

  test("of a hundred rows three", () => {
    const rows = rowsOf(100, (i) => (i >= 45 && i < 48 ? [999, 5] : [12, 5]));
    expect(learnedOf(rows).out).toEqual([45, 46, 47]);
  });
});

describe("kept", () => {
  test("a rig that says so is believed", () => {
    const rig = rigOf({ rails: [{ ...dut, plausible: { voltage: [0, 5000] } }] });
    const spiked = (i: number): Row => (i >= 1500 && i < 1510 ? [4095, 25] : load(i));
    expect(seen(spiked, { rig })).toEqual(nothing);
  });

  test("a load that is short, or seldom on, or both", () => {
    expect(seen((i) => [12, i % 100 < 3 ? 90 : 0.01])).toEqual(nothing);
    expect(seen((i) => [12, i >= 2000 && i < 2003 ? 90 : 0.01])).toEqual(nothing);
    expect(seen((i) => [12, i >= 2000 && i < 2040 ? 300 : 0.01])).toEqual(nothing);
  });

  test("an alternating voltage, and one that is switched on late or to another level", () => {
    expect(seen((i) => [325 * Math.sin(i), 0.5])).toEqual(nothing);
    expect(seen((i) => [i < 3960 ? 0.002 : 12, 1])).toEqual(nothing);
    expect(seen((i) => [i < 3900 ? 5 : 20, 1])).toEqual(nothing);
  });
});
