// The clock's line against closed forms: what pairs, stated scatter and the rig's word weigh against each other.

import { describe, expect, test } from "@jest/globals";
import {
  type ClockPrior,
  fitLine,
  fittedSpan,
  fixedModel,
  mapColumn,
  mapUNs,
  offsetNs,
  ratePpm,
  tickHz,
} from "../../align/clocks/clock.ts";
import { edgeList, modelOf } from "../../align/clocks/fit-model.ts";
import { observed, textsOf } from "../../schema/findings.ts";

const HZ = 1e6;
/** Nothing is known but the rate's nominal figure. */
const OPEN: ClockPrior = { hz: HZ, uRel: Infinity, startNs: 0, startUNs: Infinity };

/** n pairs a second apart, off the nominal line by `off`, ns. */
const pairs = (n: number, uNs: number, off: (k: number) => number = () => 0) =>
  Array.from({ length: n }, (_, k) => ({ device: k * HZ, sessionNs: k * 1e9 + off(k), uNs }));

/** Σ (x − mean)² of 0 … n − 1 seconds. */
const spread = (n: number): number => (n * (n * n - 1)) / 12;

describe("pairs alone", () => {
  test("exact pairs: u/√n of the offset and u/√Σx² of the rate, pooled with four stated degrees of freedom", () => {
    const [n, u] = [20, 500];
    const fit = fitLine(pairs(n, u), OPEN);
    const pooled = Math.sqrt(4 / (4 + n - 2));
    expect(fit.uOffsetNs).toBeCloseTo((pooled * u) / Math.sqrt(n), 6);
    expect(fit.uRate / ((pooled * u) / Math.sqrt(spread(n)) / 1e9)).toBeCloseTo(1, 9);
    expect(fit.refDevice).toBe(9.5 * HZ);
    expect(fit.refNs).toBeCloseTo(9.5e9, 3);
    expect(fit.nsPerUnit).toBeCloseTo(1000, 9);
    expect(fit.rateFromEdges).toBe(1);
  });

  test("scatter ten times what is stated widens it to what the pairs show", () => {
    // Up and down in turn by 5 µs, as good as no trend: χ² of n pairs is 100 n.
    const [n, u, off] = [400, 500, 5000];
    const fit = fitLine(
      pairs(n, u, (k) => (k % 2 ? off : -off)),
      OPEN,
    );
    const scale = Math.sqrt((4 + n * 100) / (4 + n - 2));
    expect(fit.uOffsetNs / ((scale * u) / Math.sqrt(n))).toBeCloseTo(1, 2);
    expect(fit.residualRmsNs / off).toBeCloseTo(1, 3);
  });

  test("two pairs pass through any line: what is stated stays", () => {
    const fit = fitLine(
      pairs(2, 500, (k) => 3000 * k),
      OPEN,
    );
    expect(fit.uOffsetNs).toBeCloseTo(500 / Math.sqrt(2), 6);
    expect(fit.uRate).toBeCloseTo((500 * Math.SQRT2) / 1e9, 12);
    expect(fit.nsPerUnit).toBeCloseTo(1000.003, 9);
    expect(fit.residualRmsNs).toBeCloseTo(0, 3);
  });
});

describe("pairs and the rig's rate", () => {
  /** Two pairs ± 1 s about their middle, their rate e from nominal. */
  const two = (e: number, uNs: number, uRel: number) =>
    fitLine(
      [
        { device: 0, sessionNs: 0, uNs },
        { device: 2 * HZ, sessionNs: 2e9 * (1 + e), uNs },
      ],
      { ...OPEN, uRel },
    );

  test("they share the rate by their information, and say by how much", () => {
    // 1 µs each: u(rate) = 1 µs/√2 s; the rig's figure is as good.
    const uRel = 1e-6 / Math.SQRT2;
    const fit = two(0.01e-6, 1000, uRel);
    expect((fit.nsPerUnit / 1000 - 1) / 0.005e-6).toBeCloseTo(1, 4);
    expect(fit.uRate / (uRel / Math.SQRT2)).toBeCloseTo(1, 4);
    expect(fit.rateFromEdges).toBeCloseTo(0.5, 4);
  });

  test("Birge: where both together do not fit, pairs are doubted until χ² is one a degree of freedom", () => {
    // χ² = e²/(k²u²/2 + uRel²) = 1 at k² = 2 (e² − uRel²)/u².
    const [e, uNs, uRel] = [100e-6, 1000, 40e-6];
    const k = Math.sqrt(2 * (e ** 2 - uRel ** 2)) / (uNs / 1e9);
    const fit = two(e, uNs, uRel);
    expect(fit.uOffsetNs / ((k * uNs) / Math.SQRT2)).toBeCloseTo(1, 4);
    const free = (k * uNs) / Math.SQRT2 / 1e9;
    expect(fit.uRate / (1 / Math.hypot(1 / free, 1 / uRel))).toBeCloseTo(1, 4);
  });

  test("a misfit that is expected widens nothing", () => {
    expect(two(1e-6, 1000, 40e-6).uOffsetNs).toBeCloseTo(1000 / Math.SQRT2, 3);
  });
});

describe("pairs and the host's stamp", () => {
  test("one pair and the stamp average by their weights", () => {
    const prior = { hz: HZ, uRel: 0, startNs: 0, startUNs: 4000 };
    const fit = fitLine([{ device: 0, sessionNs: 50, uNs: 3000 }], prior);
    expect(fit.refNs).toBeCloseTo((50 * 16) / 25, 2);
    expect(fit.uOffsetNs).toBeCloseTo(2400, 0);
  });

  test("a stamp five standard uncertainties off is dropped and told; one that is nearer is not", () => {
    const late = (ns: number) =>
      fitLine(
        pairs(10, 1000, () => ns),
        { ...OPEN, uRel: 0, startUNs: 1e6 },
      );
    expect(textsOf(late(4.9e6).findings)).toEqual([]);
    expect(textsOf(late(5.1e6).findings)).toEqual([
      expect.stringMatching(/starts 5\.100 ms .* within ±1\.000 ms: 10 clock pairs/),
    ]);
    expect(late(5.1e6).refNs - 4.5e9).toBeCloseTo(5.1e6, 0);
    expect(textsOf(late(-5.1e6).findings)).toHaveLength(1);
  });

  test("so is a rate; of two pairs neither", () => {
    const ppm = (e: number, n = 10) =>
      fitLine(
        pairs(n, 1000, (k) => -e * 1e3 * k),
        { ...OPEN, uRel: 10e-6 },
      );
    expect(textsOf(ppm(17).findings)).toEqual([]);
    expect(textsOf(ppm(49).findings)).toEqual([
      expect.stringMatching(
        /runs 49\.0 ppm .* within ±17\.3 ppm: 10 clock pairs .* uncertainty too/,
      ),
    ]);
    expect(textsOf(ppm(51).findings)).toEqual([
      expect.stringMatching(/runs 51\.0 ppm .* within ±17\.3 ppm: 10 clock pairs .* is not;/),
    ]);
    expect(textsOf(ppm(51, 3).findings)).toHaveLength(1);
    expect(textsOf(ppm(51, 2).findings)).toEqual([]);
  });
});

describe("pairs that agree with each other do not bend to a prior that is merely unlucky", () => {
  const own = (n: number, u: number): number => (u / Math.sqrt(n)) * Math.sqrt(4 / (n + 2));

  test.each([3, 4, 8, 20])(
    "%i edges of 1 µs keep their offset beside a stamp three times 50 ms off",
    (n) => {
      const stamped = { ...OPEN, uRel: 1e-5, startUNs: 50e6 };
      const fit = fitLine(
        pairs(n, 1000, () => 149e6),
        stamped,
      );
      expect(textsOf(fit.findings)).toEqual([]);
      expect(Math.abs(fit.refNs - fit.refDevice * 1000 - 149e6)).toBeLessThan(own(n, 1000));
      expect(fit.uOffsetNs / own(n, 1000)).toBeCloseTo(1, 1);
    },
  );

  test("nor their rate beside one that the rig states four times too well", () => {
    const fit = fitLine(
      pairs(4, 10, (k) => -40e3 * k),
      { ...OPEN, uRel: 10e-6 },
    );
    expect(fit.findings.map((f) => f.code)).toEqual(["clock-rate-off-rig"]);
    expect((1 - fit.nsPerUnit / 1000) * 1e6).toBeCloseTo(40, 2);
    expect(fit.rateFromEdges).toBeGreaterThan(0.99);
  });

  test("two agree with anything: they are doubted, and the line stays near the prior", () => {
    const fit = fitLine(
      pairs(2, 1000, () => 149e6),
      { ...OPEN, uRel: 1e-5, startUNs: 50e6 },
    );
    expect(fit.uOffsetNs).toBeGreaterThan(20e6);
  });
});

describe("pairs of different worth, a stamp and a rate, all on one line", () => {
  // 20 ppm from nominal, 7 ms at device 0; the stamp lies 2 s before the pairs' middle.
  const line = (device: number): number => 7e6 + device * 1000 * (1 + 20e-6);
  const worth = [
    { device: 1 * HZ, uNs: 1000 },
    { device: 3 * HZ, uNs: 3000 },
  ];
  const two = worth.map((p) => ({ ...p, sessionNs: line(p.device) }));
  const stamp = { startNs: 7e6, startUNs: 4000 };
  /** Variance of a weighted mean, its place, and of the slope about it; x in ns from the pairs' middle. */
  const weigh = (points: readonly (readonly [x: number, u: number])[], uRel = Infinity) => {
    const w = points.map(([, u]) => 1 / u ** 2);
    const sum = w.reduce((a, b) => a + b);
    const mean = points.reduce((m, [x], i) => m + (w[i]! * x) / sum, 0);
    const square = points.reduce((q, [x], i) => q + w[i]! * (x - mean) ** 2, 0);
    const varE = 1 / (square + uRel ** -2);
    return { uRate: Math.sqrt(varE), uOffsetNs: Math.sqrt(1 / sum + mean ** 2 * varE) };
  };
  const points = [[-1e9, 1000], [1e9, 3000], [-2e9, 4000]] as const; // prettier-ignore

  test("are found on it, each with its weight", () => {
    const fit = fitLine(two, { ...OPEN, ...stamp });
    expect(fit.refDevice).toBe(2 * HZ);
    expect(fit.refNs).toBeCloseTo(line(2 * HZ), 3);
    expect(fit.nsPerUnit).toBeCloseTo(1000 * (1 + 20e-6), 9);
    const expected = weigh(points);
    expect(fit.uOffsetNs / expected.uOffsetNs).toBeCloseTo(1, 9);
    expect(fit.uRate / expected.uRate).toBeCloseTo(1, 9);
    expect(fit.residualRmsNs).toBeCloseTo(0, 3);
  });

  test("a rate that the rig knows as well sharpens both", () => {
    const straight = worth.map((p) => ({ ...p, sessionNs: 7e6 + p.device * 1000 }));
    for (const uRel of [2e-6, 2e-7]) {
      const fit = fitLine(straight, { ...OPEN, ...stamp, uRel });
      const expected = weigh(points, uRel);
      expect(fit.uOffsetNs / expected.uOffsetNs).toBeCloseTo(1, 9);
      expect(fit.uRate / expected.uRate).toBeCloseTo(1, 9);
      expect(fit.rateFromEdges).toBeCloseTo(1 - (expected.uRate / uRel) ** 2, 9);
    }
  });

  test("of a rate that is exact nothing is left for edges to tell but the offset", () => {
    const straight = worth.map((p) => ({ ...p, sessionNs: 7e6 + p.device * 1000 }));
    const fit = fitLine(straight, { ...OPEN, uRel: 0 });
    expect(fit.rateFromEdges).toBe(1);
    expect(fit.uOffsetNs).toBeCloseTo(1 / Math.hypot(1 / 1000, 1 / 3000), 6);
  });
});

describe("a prior that agreeing pairs doubt is doubted until its misfit is one, no further", () => {
  test("the stamp's: its distance from the line is its uncertainty then", () => {
    // Four pairs of 1 µs at 0, the stamp of 1 µs at 3.5; the rate is exact.
    const late = 3500;
    const prior = { hz: HZ, uRel: 0, startNs: late, startUNs: 1000 };
    const fit = fitLine(pairs(4, 1000), prior);
    expect(fit.findings).toEqual([]);
    const line = fit.refNs - fit.refDevice * fit.nsPerUnit;
    // Of all weight 1/u² the stamp has so much as it draws the line.
    const weight = line / late / fit.uOffsetNs ** 2;
    expect((late - line) ** 2 * weight).toBeCloseTo(1, 4);
    expect(line).toBeGreaterThan(50);
  });

  test("the rate's likewise", () => {
    // Four pairs a second apart say 3.5 ppm to ±0.45, the rig 0 to ±1.
    const off = 3.5e-6;
    const prior = { ...OPEN, uRel: 1e-6 };
    const fit = fitLine(pairs(4, 1000, (k) => off * 1e9 * k), prior); // prettier-ignore
    expect(fit.findings).toEqual([]);
    const rate = fit.nsPerUnit / 1000 - 1;
    const weight = (1 - rate / off) / fit.uRate ** 2;
    expect(rate ** 2 * weight).toBeCloseTo(1, 4);
    expect(rate).toBeLessThan(0.99 * off);
  });
});

test("a rate within the rig's tolerance is not told, one beyond it is, as far as pairs can tell", () => {
  const told = (offRel: number, uNs: number): number => {
    const list = pairs(10, uNs, (k) => offRel * 1e9 * k);
    return fitLine(list, { ...OPEN, uRel: 10e-6 }).findings.length;
  };
  expect(told(17e-6, 100)).toBe(0);
  expect(told(18e-6, 100)).toBe(1);
  expect(told(-18e-6, 100)).toBe(1);
  expect(told(18e-6, 100e3)).toBe(0);
});

test("a stamp is not wrong where the pairs' own rate, carried so far, cannot tell", () => {
  // Ten pairs from 100 s on: 1 µs each is 6 µs at the start, and five of these are more than 20.
  const far = pairs(10, 1000).map((p) => ({
    ...p,
    device: p.device + 100 * HZ,
    sessionNs: p.sessionNs + 100e9,
  }));
  const codes = (startNs: number): string[] =>
    fitLine(far, { ...OPEN, startNs, startUNs: 1000 }).findings.map((f) => f.code);
  expect(codes(20e3)).toEqual([]);
  expect(codes(90e3)).toEqual(["clock-start-off-rig"]);
  const rate = { ...OPEN, uRel: 1e-6 };
  expect(
    fitLine(
      pairs(10, 1000, (k) => 20e3 * k),
      rate,
    ).findings.map((f) => f.code),
  ).toEqual([
    // prettier-ignore
    "clock-rate-off-rig",
  ]);
});

describe("a model", () => {
  const prior = { hz: HZ, uRel: 1e-5, startNs: 7e6, startUNs: 2e6 };
  const list = pairs(10, 1000, () => 8e6);
  const fitted = () =>
    modelOf(
      { clock: "daq:main", method: "exchange", prior },
      {
        pairs: list,
        fit: fitLine(list, prior),
        findings: [observed("clock-by-arrival", "told")],
      },
      3000,
    );

  test("what pairs share and cannot show stands beside their scatter, in quadrature", () => {
    const model = fitted();
    expect(model.uOffsetNs).toBeCloseTo(Math.hypot(fitLine(list, prior).uOffsetNs, 3000), 6);
    expect(model).toMatchObject({
      method: "exchange",
      edgesUsed: 10,
      nominalHz: HZ,
      findings: [{ code: "clock-by-arrival", text: "told" }],
    });
    expect(model.startDelayNs! / 1e6).toBeCloseTo(1, 3);
    const open = { ...prior, startUNs: Infinity };
    expect(
      modelOf(
        { clock: "x", method: "marks", prior: open },
        { pairs: list, fit: fitLine(list, open) },
        0,
      ).startDelayNs,
    ).toBeNull();
  });

  test("residuals are pair minus model, and their root mean square", () => {
    const off = pairs(10, 1000, (k) => (k === 4 ? 900 : 0));
    const m = modelOf(
      { clock: "x", method: "marks", prior: OPEN },
      { pairs: off, fit: fitLine(off, OPEN) },
      0,
    );
    const sum = m.residuals.reduce((s, r) => s + r.residualNs ** 2, 0);
    expect(m.residualRmsNs).toBeCloseTo(Math.sqrt(sum / 10), 9);
    expect(m.residuals[4]!.residualNs).toBeGreaterThan(700);
  });

  test("an instant is uncertain by the offset and by the rate over its distance", () => {
    const model = fitted();
    const m = { ...model, uOffsetNs: 300, uRate: 1e-6, refNs: 2e9 };
    expect(mapUNs(m, 2e9)).toBe(300);
    for (const t of [1.6e9, 2.4e9]) expect(mapUNs(m, t)).toBeCloseTo(500, 6);
  });

  test("rate and offset as published", () => {
    const m = { ...fixedModel("x", prior), nsPerUnit: 1000 / (1 + 25e-6) };
    expect(ratePpm(m)).toBeCloseTo(25, 6);
    expect(tickHz(m)).toBeCloseTo(HZ * (1 + 25e-6), 4);
    expect(offsetNs(m)).toBe(7e6);
    expect(fixedModel("x", prior)).toMatchObject({
      method: "prior",
      startDelayNs: 0,
      uRate: 1e-5,
      uOffsetNs: 2e6,
    });
    const exact = { ...prior, uRel: 0, startUNs: 0 };
    expect(fixedModel("x", exact)).toMatchObject({ method: "identity", startDelayNs: null });
    expect(fixedModel("x", { ...exact, uRel: 1e-9 }).method).toBe("prior");
    expect(fixedModel("x", { ...exact, startUNs: 1 }).method).toBe("prior");
  });

  test("its evidence spans first to last pair; a model without any, all of time", () => {
    const model = fitted();
    expect(fittedSpan(model)).toEqual([8e6, 9e9 + 8e6]);
    expect(fittedSpan(fixedModel("x", prior))).toEqual([-Infinity, Infinity]);
  });

  test("of a column only the rows asked for are mapped", () => {
    const model = fitted();
    const t = Float64Array.of(0, 10, 20);
    mapColumn({ ...model, refNs: 5, refDevice: 0, nsPerUnit: 3, wander: null }, t, 2);
    expect([...t]).toEqual([5, 35, 20]);
    mapColumn(model, t, 0);
    expect([...t]).toEqual([5, 35, 20]);
  });

  test("edges are sorted by time with their polarity", () => {
    const { t, polarity } = edgeList([
      [3, 1],
      [1, -1],
      [2, 0],
    ]);
    expect([[...t], [...polarity]]).toEqual([
      [1, 2, 3],
      [-1, 0, 1],
    ]);
  });
});
