import { describe, expect, test } from "@jest/globals";
import { fitLine } from "../../align/clocks/clock.ts";
import { random } from "../../stats/random.ts";
import { textsOf } from "../../schema/findings.ts";

const HZ = 1e5;
const NS = 1e9 / HZ;
const prior = { hz: HZ, uRel: 5e-5, startNs: 0, startUNs: 20e6 };

/** True line: session = 7 ms + device · NS · (1 − ppm). */
const truth = (device: number, ppm: number): number => 7e6 + device * NS * (1 - ppm * 1e-6);

describe("clock fit", () => {
  test("hundreds of edges speak for themselves", () => {
    const r = random(5, "clock");
    const pairs = Array.from({ length: 400 }, (_, i) => ({
      device: i * 2000,
      sessionNs: truth(i * 2000, 200) + 3e3 * r.normal(),
      uNs: 5e3,
    }));
    const fit = fitLine(pairs, { ...prior, uRel: 1e-3 });
    expect(fit.rateFromEdges).toBeGreaterThan(0.99);
    expect(Math.abs(fit.nsPerUnit / (NS * (1 - 200e-6)) - 1)).toBeLessThan(1e-6);
    expect(fit.residualRmsNs).toBeGreaterThan(2.5e3);
    expect(fit.residualRmsNs).toBeLessThan(3.5e3);
  });

  test("two edges with a common error do not outvote the prior", () => {
    // 10 ms of lag on the second edge over 6 s would be 1,700 ppm: the prior says 50.
    const pairs = [
      { device: 0, sessionNs: truth(0, 0), uNs: 2e6 },
      { device: 6 * HZ, sessionNs: truth(6 * HZ, 0) + 10e6, uNs: 2e6 },
    ];
    const fit = fitLine(pairs, prior);
    expect(Math.abs(fit.nsPerUnit / NS - 1)).toBeLessThan(1.2e-4);
    expect(fit.rateFromEdges).toBeLessThan(0.1);
    // the misfit is paid for in the offset's uncertainty
    expect(fit.uOffsetNs).toBeGreaterThan(1.5e6);
  });

  test("stated intervals hold the truth about as often as they say", () => {
    let [offset, rate] = [0, 0];
    const trials = 2000;
    for (let seed = 1; seed <= trials; seed++) {
      const r = random(seed, "interval");
      const ppm = 50 * r.normal();
      const n = 4 + Math.floor(40 * r.uniform());
      const pairs = Array.from({ length: n }, (_, i) => ({
        device: i * 5000,
        sessionNs: truth(i * 5000, ppm) + 4e3 * r.normal(),
        uNs: 4e3,
      }));
      const fit = fitLine(pairs, prior);
      if (Math.abs(fit.refNs - truth(fit.refDevice, ppm)) < 1.96 * fit.uOffsetNs) offset++;
      if (Math.abs(fit.nsPerUnit / (NS * (1 - ppm * 1e-6)) - 1) < 1.96 * fit.uRate) rate++;
    }
    for (const covered of [offset / trials, rate / trials]) {
      expect(covered).toBeGreaterThan(0.93);
      expect(covered).toBeLessThan(0.98);
    }
  });

  test("pairings that agree beat a prior that they contradict, and say so", () => {
    const r = random(7, "wrong prior");
    const pairs = Array.from({ length: 20 }, (_, i) => ({
      device: i * HZ,
      sessionNs: 380e6 + truth(i * HZ, 900) + 40e3 * r.normal(),
      uNs: 50e3,
    }));
    const fit = fitLine(pairs, { ...prior, startUNs: 10e6 });
    for (const { device } of pairs) {
      const at = fit.refNs + (device - fit.refDevice) * fit.nsPerUnit;
      const u = Math.hypot(fit.uOffsetNs, (device - fit.refDevice) * fit.nsPerUnit * fit.uRate);
      expect(Math.abs(at - 380e6 - truth(device, 900))).toBeLessThan(4 * u);
      expect(u).toBeLessThan(50e3);
    }
    expect(textsOf(fit.findings)).toHaveLength(2);
    expect(textsOf(fit.findings)[0]).toMatch(/(899|90\d)\.\d ppm.*correct device\.clock/);
    expect(textsOf(fit.findings)[1]).toMatch(/starts 38\d\.\d+ ms.*correct stream_start/);
  });

  test("a prior that is merely unlucky stays", () => {
    for (let seed = 1; seed <= 500; seed++) {
      const r = random(seed, "right prior");
      // Within its tolerance.
      const ppm = 50 * Math.sqrt(3) * (2 * r.uniform() - 1);
      const late = 20e6 * r.normal();
      const pairs = Array.from({ length: 3 + (seed % 30) }, (_, i) => ({
        device: i * 5000,
        sessionNs: late - 7e6 + truth(i * 5000, ppm) + 50e3 * r.normal(),
        uNs: 50e3,
      }));
      expect(textsOf(fitLine(pairs, prior).findings)).toEqual([]);
    }
  });

  test("a rate declared exact stays exact", () => {
    const pairs = [0, 1, 2, 3].map((k) => ({
      device: k * HZ,
      sessionNs: truth(k * HZ, 300),
      uNs: 1e3,
    }));
    const fit = fitLine(pairs, { ...prior, uRel: 0 });
    expect(Math.abs(fit.nsPerUnit / NS - 1)).toBeLessThan(1e-9);
  });
});
