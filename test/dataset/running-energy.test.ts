// Joules so far, row by row: what they differ by between two rows is what was drawn between these.

import { expect, test } from "@jest/globals";
import { RunningEnergy } from "../../dataset/running-energy.ts";

const S = 1e9;
// 100 W from 2 to 4 s and from 8 to 9 s; rows 5 and 6 are missing.
const tNs = Float64Array.of(0, 1, 2, 3, 4, 7, 8, 9).map((s) => s * S);
const totalW = Float64Array.of(0, 0, 100, 100, 0, 0, 100, 0);

function energies(holdsNs: number, periodNs?: number): number[] {
  const energy = new Float64Array(tNs.length);
  const running = new RunningEnergy(holdsNs);
  const run = (from: number, to: number) => ({
    tNs,
    totalW,
    from,
    to,
    gapBefore: from > 0,
    periodNs,
  });
  running.fill(run(0, 5) as never, 0, 5, energy, 0);
  running.fill(run(5, 8) as never, 5, 8, energy, 5);
  return [...energy];
}

test.each([undefined, S])(
  "rows that are means over the second that they begin (period %s)",
  (period) => {
    expect(energies(S, period)).toEqual([0, 0, 0, 100, 200, 200, 200, 300]);
  },
);

test.each([undefined, S])(
  "rows that are instants, with straight lines between them (period %s)",
  (period) => {
    expect(energies(0, period)).toEqual([0, 0, 50, 150, 200, 200, 250, 300]);
  },
);
