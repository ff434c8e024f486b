// Dropped samples that a source wrote as zeros: left out where nothing else explains them, kept where a load or a rail
// may rest at exactly zero.

import { describe, expect, test } from "@jest/globals";
import { compare, prepare } from "../../energy/compare.ts";
import { random } from "../../stats/random.ts";
import { withRun } from "../support/made-run.ts";
import { powerRail, rigOf, sensor } from "../support/rig.ts";
import { dut, dutRig, learnedOf, range, type Row, rowsOf } from "../support/volts-amperes.ts";

/** Rows that are left out, and counted as dropped. */
function leftOut(rows: readonly Row[], slice = 100, rig = dutRig): number[] {
  const { out, dropped } = learnedOf(rows, { slice, rig });
  expect(dropped.map((d) => d.rows)).toEqual(out.length > 0 ? [out.length] : []);
  return out;
}

const on: Row = [12, 5];
const zero: Row = [0, 0];

describe("voltage and current", () => {
  test.each([7, 100, 250, 1000])(
    "zeros across slices of %i rows are left out, one alone too",
    (slice) => {
      const rows = rowsOf(1000, (i) => ((i >= 95 && i < 305) || i === 700 ? zero : on));
      expect(leftOut(rows, slice)).toEqual([...range(95, 305), 700]);
    },
  );

  test("every third row, so that no level is ever held", () => {
    const rows = rowsOf(300, (i) => (i % 3 === 1 ? zero : on));
    expect(leftOut(rows)).toEqual(range(0, 300).filter((i) => i % 3 === 1));
  });

  test("a rail that is never on, its codes one step from zero now and then", () => {
    expect(leftOut(rowsOf(500, (i): Row => (i % 5 === 2 ? [0.01, 0] : zero)))).toEqual([]);
  });

  test("a rail that is not yet on, or off for good, reads zero", () => {
    expect(leftOut(rowsOf(500, (i) => (i < 150 || i >= 420 ? zero : on)))).toEqual([]);
    expect(leftOut(rowsOf(500, () => zero))).toEqual([]);
  });

  test("a rail that comes and goes by a ramp was off between", () => {
    const ramp = (i: number): number => Math.min(12, Math.abs(i - 250) / 10 - 5);
    const rows = rowsOf(500, (i): Row => (ramp(i) <= 0 ? zero : [ramp(i), ramp(i)]));
    expect(leftOut(rows)).toEqual([]);
  });

  test("a rail that is off, its codes now and then one step from zero, and then on", () => {
    const rows = rowsOf(500, (i): Row => (i >= 250 ? on : i % 5 === 0 ? [0.01, 0] : zero));
    expect(leftOut(rows)).toEqual([]);
  });

  test("no current at a voltage is a load at rest; no voltage at a current is none", () => {
    const rest = rowsOf(500, (i): Row => (i % 100 < 50 ? [12, 0] : on));
    expect(leftOut(rest)).toEqual([]);
    expect(leftOut(rowsOf(500, (i): Row => (i === 50 ? [0, 5] : on)))).toEqual([50]);
  });

  test("a rig that says that the rail may be at 0 V is believed", () => {
    const plausible = { voltage: [0, 13] } as const;
    const stated = rigOf({ rails: [{ ...dut, plausible }] });
    const rows = rowsOf(500, (i) => (i >= 95 && i < 305 ? zero : on));
    expect(leftOut(rows, 100, stated)).toEqual([]);
  });

  test("zero is what the source wrote, whatever the sensor's line makes of it", () => {
    const voltage = sensor("v", { zeroCount: 0.05 });
    const offset = rigOf({ rails: [{ ...dut, voltage }] });
    const rows = rowsOf(500, (i) => (i >= 95 && i < 305 ? zero : on));
    expect(leftOut(rows, 100, offset)).toEqual(range(95, 305));
  });
});

describe("power alone", () => {
  const noise = random(7, "load");
  const load = (s: number): number => (s >= 3 && s < 7 ? 300 : 60) + noise.normal();
  const compared = (powerW: (s: number) => number) =>
    withRun({ seconds: 10, powerW, rig: rigOf({ rails: [powerRail("slot")] }) }, (path) => {
      const { findings, windows } = compare(prepare(path));
      const zeroed = findings.filter((f) => f.code === "rows-zeroed");
      const { energyJ, expandedUncertaintyJ } = windows[0]!.physical!;
      return { rows: zeroed.map((f) => [f.subject, f.count]), energyJ, u: expandedUncertaintyJ };
    });

  test("zeros in a load that never comes near zero are a gap, and the interval holds the truth", () => {
    const { rows, energyJ, u } = compared((s) => (s >= 3.5 && s < 5.5 ? 0 : load(s)));
    expect(rows).toEqual([["DAQ stream", 2000]]);
    expect(Math.abs(energyJ - 1560)).toBeLessThan(Math.min(u, 10));
  });

  test("a load that rests at exactly zero shows it at its ends, in most rows, or on its way there", () => {
    const square = (s: number): number => (s % 1 < 0.5 ? 0 : 100);
    expect(compared(square).rows).toEqual([]);
    expect(compared((s) => (s % 1 < 0.4 ? 100 : 0)).rows).toEqual([]);
    // A meter of steps of 1 W that sees 0.4 W of noise about nothing between two bursts.
    const coarse = (s: number): number =>
      Math.round((s % 1 < 0.6 ? 250 : 0.2) + 0.4 * noise.normal());
    expect(compared((s) => coarse(s)).rows).toEqual([]);
  });

  test("a sensor of steps of 1 A, under load at both ends, that sees a small load as 0 A or 1 A", () => {
    const amperes = (s: number): number =>
      Math.round((s % 3 < 1.5 ? 25 : 0.35) + 0.15 * noise.normal());
    const rig = rigOf({ rails: [powerRail("slot", { perCount: 12 })] });
    const found = withRun({ seconds: 10, powerW: amperes, rig }, (path) =>
      compare(prepare(path)).findings.filter((f) => f.code === "rows-zeroed"),
    );
    expect(found).toEqual([]);
  });

  test("single zeros, where they are few", () => {
    const every = (n: number) => compared((s) => (Math.round(s * 1000) % n === 3 ? 0 : load(s)));
    const { rows, energyJ, u } = every(7);
    expect(rows).toEqual([["DAQ stream", 1429]]);
    expect(Math.abs(energyJ - 1560)).toBeLessThan(Math.min(u, 10));
    expect(every(4).rows).toEqual([]);
  });
});
