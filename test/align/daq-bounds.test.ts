// The DAQ's clock by trigger edges with a known truth: bounds hold it, and are as narrow as brackets and rows allow.

import { expect, test } from "@jest/globals";
import { matchedModel } from "../../align/clocks/fit-model.ts";
import { toSessionNs } from "../../align/clocks/clock.ts";
import { type BracketedEdge, boundClock } from "../../align/clocks/daq-bounds.ts";
import {
  type EdgeBench,
  edgeTrial,
  type EdgeTrial,
  edgeTrials,
  FAULTY,
  matchTrial,
} from "../../bench/trials/edge-trials.ts";

/** The edges as the fit gets them, and the model that it makes. */
function fitted(trial: EdgeTrial, b: EdgeBench) {
  const match = matchTrial(trial, b)!;
  const edges = match.pairs.map(({ referenceIndex: j, deviceIndex }): BracketedEdge => ({
    device: trial.device.t[deviceIndex]!,
    deviceHalfNs: ((b.resolutionRows / 2) * 1e9) / b.rowHz,
    hostNs: trial.reference.t[j]!,
    hostHalfNs: trial.reference.halfNs[j]!,
  }));
  const prior = { hz: b.rowHz, uRel: 1e-4, startNs: 0, startUNs: 23e6 };
  return {
    model: matchedModel({ clock: "daq:test", method: "sync-edges", prior }, match, 0),
    edges,
  };
}

/** A line driven by a register write (research: 2 µs a call), ten seconds of pulses, no faults. */
const SOC: EdgeBench = { ...FAULTY, pulses: 100, interrupted: 0.02, lost: 0, bounce: 0, stray: 0 };

test.each<[string, EdgeBench]>([
  ["edges stamped by 1 µs ticks", SOC],
  ["the line sampled with rows of 10 µs", { ...SOC, resolutionRows: 1 }],
  ["with lost, bouncing and stray edges", { ...SOC, lost: 0.05, bounce: 0.03, stray: 0.05 }],
])("%s: 100 seeded clocks, the truth is always inside, within ±3 µs in the middle", (_, b) => {
  let outside = 0;
  const halves: number[] = [];
  for (let seed = 1; seed <= 100; seed++) {
    const trial = edgeTrial(seed, b);
    const { model, edges } = fitted(trial, b);
    const { atNs, loNs, hiNs } = boundClock(model, edges);
    for (let i = 0; i < atNs.length; i++) {
      // The row that the model puts there, and where it really was.
      const row = rowAt(model, atNs[i]!);
      const error = trial.host(row) - atNs[i]!;
      if (error < loNs[i]! || error > hiNs[i]!) outside++;
      // Near the ends edges lie on one side only.
      if (i >= 2 && i < atNs.length - 2) halves.push((hiNs[i]! - loNs[i]!) / 2);
    }
  }
  expect(outside).toBe(0);
  halves.sort((x, y) => x - y);
  expect(halves.length).toBeGreaterThan(500);
  expect(halves[halves.length >> 1]!).toBeLessThan(2000);
  expect(halves[Math.floor(0.99 * halves.length)]!).toBeLessThan(3000);
});

function rowAt(model: Parameters<typeof toSessionNs>[0], tNs: number): number {
  let row = model.refDevice + (tNs - model.refNs) / model.nsPerUnit;
  for (let i = 0; i < 3; i++) row -= (toSessionNs(model, row) - tNs) / model.nsPerUnit;
  return row;
}

test("brackets that no clock can pass through are an error that says where", () => {
  const { model, edges } = fitted(edgeTrial(1, SOC), SOC);
  const jumped = edges.map((e) => (e.hostNs > 5e9 ? { ...e, hostNs: e.hostNs + 30e3 } : e));
  expect(() => boundClock(model, jumped)).toThrow(
    /^no steady clock passes .* trigger edges around [2-7]\.\d s/,
  );
  const since = jumped.filter((e) => e.hostNs > 5e9);
  expect(boundClock(model, since).atNs.length).toBeGreaterThan(3); // a segment of its own
});

test("lost, extra and bouncing edges in 300 seeded trials: no wrong pair (10,000: truejoule bench edges)", () => {
  const t = edgeTrials(300);
  expect([t.wrong, t.overlooked]).toEqual([0, 0]);
  expect(t.lost).toBeGreaterThan(900);
  expect(t.bunched).toBeGreaterThan(1500);
  expect(t.extra).toBeGreaterThan(30);
  expect(t.pairs).toBeGreaterThan(20_000);
});
