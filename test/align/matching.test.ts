// Pairing of edges, where a few of them show the rule: what pairs, what is missing, extra, in doubt.

import { describe, expect, test } from "@jest/globals";
import { edgeList } from "../../align/clocks/fit-model.ts";
import { type Match, matchEdges, type MatchOptions } from "../../align/clocks/match.ts";
import { textsOf } from "../../schema/findings.ts";

const MS = 1e6;
const PRIOR = { hz: 1e9, uRel: 1e-5, startNs: 0, startUNs: 50 * MS };
const OPTIONS: MatchOptions = { offsetRangeNs: 150 * MS, edgeUNs: 1000, toleranceNs: 1 * MS };

/** Up and down in turn, unless told otherwise, ms. */
const edges = (atMs: readonly number[], polarity?: readonly number[]) =>
  edgeList(atMs.map((t, k) => [t * MS, polarity?.[k] ?? (k % 2 ? -1 : 1)]));
const AT = [100, 137, 250, 281, 402, 455, 530, 610];
const match = (
  reference: ReturnType<typeof edges>,
  device: ReturnType<typeof edges>,
  o = {},
): Match | undefined => matchEdges(reference, device, PRIOR, { ...OPTIONS, ...o });

describe("edges pair by time and direction", () => {
  test.each([0, 3.7, -41, 149])(
    "an offset of %d ms is found, and every edge has its partner",
    (off) => {
      const m = match(edges(AT.map((t) => t + off)), edges(AT))!;
      expect(m.pairs.map((p) => p.referenceIndex)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(m.pairs.every((p) => p.deviceIndex === p.referenceIndex)).toBe(true);
      expect([m.missing, m.extra, m.ambiguous, textsOf(m.findings)]).toEqual([0, 0, false, []]);
      // The stamp has 50 ms to say, eight edges 1 µs each.
      expect((m.fit.refNs - m.fit.refDevice) / MS).toBeCloseTo(off, 3);
      expect(m.pairs.every((p) => p.uNs === 1000)).toBe(true);
    },
  );

  test("an offset beyond the range is none", () => {
    expect(
      match(edges(AT.map((t) => t + 160)), edges(AT), { offsetRangeNs: 20 * MS })?.pairs.length ??
        0,
    ).toBeLessThan(4);
    expect(match(edges([500]), edges([100]))).toBeUndefined();
  });

  test("an edge the other way is no partner; one of unknown direction is anybody's", () => {
    const turned = match(edges(AT), edges(AT, [1, -1, 1, 1, 1, -1, 1, -1]))!;
    expect(turned.pairs.map((p) => p.referenceIndex)).toEqual([0, 1, 2, 4, 5, 6, 7]);
    expect([turned.missing, turned.extra]).toEqual([1, 1]);
    expect(
      match(
        edges(AT),
        edges(
          AT,
          AT.map(() => 0),
        ),
      )!.pairs,
    ).toHaveLength(8);
    expect(
      match(
        edges(
          AT,
          AT.map(() => 0),
        ),
        edges(AT),
      )!.pairs,
    ).toHaveLength(8);
  });

  test("a lost edge is missing, an added one extra: the rest stay where they are", () => {
    const lost = match(
      edges(AT),
      edges(
        AT.filter((_, k) => k !== 3),
        [1, -1, 1, 1, -1, 1, -1],
      ),
    )!;
    expect(lost.pairs.map((p) => p.referenceIndex)).toEqual([0, 1, 2, 4, 5, 6, 7]);
    expect([lost.missing, lost.extra]).toEqual([1, 0]);
    const added = match(edges(AT), edges([...AT, 330], [1, -1, 1, -1, 1, -1, 1, -1, 1]))!;
    expect(added.pairs).toHaveLength(8);
    expect([added.missing, added.extra]).toEqual([0, 1]);
  });

  test("of two that claim one the nearer keeps it, whichever comes first", () => {
    const near = (other: number) => {
      const m = match(edges(AT), edges([...AT, other], [1, -1, 1, -1, 1, -1, 1, -1, 1]))!;
      return m.pairs.map((p) => p.device / MS);
    };
    expect(near(250.0005)).toEqual(AT);
    expect(near(249.9995)).toEqual(AT);
  });

  test("what the device did not observe is not missing", () => {
    const seen = AT.slice(2);
    const all = match(edges(AT), edges(seen))!;
    expect(all.missing).toBe(2);
    const observed = [200 * MS, 700 * MS] as const;
    expect(match(edges(AT), edges(seen), { observed })!.missing).toBe(0);
  });

  test("a rate within what the prior allows is found over a long span", () => {
    const long = AT.map((t) => 100 * t);
    const m = match(edges(long.map((t) => t * (1 + 25e-6))), edges(long))!;
    expect(m.pairs).toHaveLength(8);
    expect((m.fit.nsPerUnit - 1) * 1e6).toBeCloseTo(25, 1);
    // Rates far beyond only where they are asked for.
    const far = edges(long.map((t) => t * 1.004));
    expect(match(far, edges(long))?.pairs.length ?? 0).toBeLessThan(8);
    expect(match(far, edges(long), { rateURel: 2e-3 })!.pairs).toHaveLength(8);
  });

  test("two edges are the least that match, one where there is but one", () => {
    expect(match(edges([100]), edges([130]))!.pairs).toHaveLength(1);
    expect(match(edges([100, 200]), edges([130]))).toBeUndefined();
    expect(match(edges([]), edges([130]))).toBeUndefined();
    expect(match(edges([100]), edges([]))).toBeUndefined();
  });
});

describe("brackets", () => {
  test("an edge may be off by its own bracket, and is as uncertain as uniform in it", () => {
    const half = AT.map((_, k) => (k === 4 ? 2 * MS : 3000));
    const reference = {
      ...edges(AT.map((t, k) => (k === 4 ? t + 1.9 : t))),
      halfNs: Float64Array.from(half),
    };
    const m = match(reference, edges(AT))!;
    expect(m.pairs).toHaveLength(8);
    expect(m.pairs[4]!.uNs).toBeCloseTo(Math.hypot(1000, (2 * MS) / Math.sqrt(3)), 6);
    expect(m.pairs[0]!.uNs).toBeCloseTo(Math.hypot(1000, 3000 / Math.sqrt(3)), 6);
    // The wide one has hardly a say.
    expect(Math.abs(m.fit.refNs - m.fit.refDevice)).toBeLessThan(20e3);
  });
});

describe("what could have been seen", () => {
  test("edges are missing that fell while the device looked, by the clock that was found", () => {
    // The session's clock is 40 ms ahead; the device saw the third edge on, and lost one of them.
    const reference = edges(AT.map((t) => t + 40));
    const seen = AT.slice(2).filter((t) => t !== 402);
    const device = edges(seen, [1, -1, -1, 1, -1]);
    const missing = (fromMs: number, toMs: number): number =>
      match(reference, device, { observed: [fromMs * MS, toMs * MS] })!.missing;
    expect([missing(200, 700), missing(0, 700), missing(0, 560), missing(90, 400)]).toEqual([
      ...[6 - 5, 8 - 5, 7 - 5, 0],
    ]);
  });
});

describe("what pairs after the line is known", () => {
  /** One edge half a millisecond off, the others exact. */
  const stray = edges(AT.map((t) => (t === 402 ? t + 0.5 : t)));

  test("four times the scatter of all; where brackets say how far each may be off, the typical one's", () => {
    expect(match(edges(AT), stray)!.pairs).toHaveLength(8);
    const bracketed = { ...edges(AT), halfNs: new Float64Array(8) };
    const m = match(bracketed, stray)!;
    expect(m.pairs.map((p) => p.referenceIndex)).toEqual([0, 1, 2, 3, 5, 6, 7]);
    expect([m.missing, m.extra]).toEqual([1, 1]);
    expect((m.fit.refNs - m.fit.refDevice) / MS).toBeCloseTo(0, 6);
  });

  test("an edge's own bracket counts, not its neighbour's", () => {
    const halfNs = Float64Array.from(AT, (_, k) => (k === 6 ? 2 * MS : 0));
    const late = edges(AT.map((t) => (t === 402 ? t + 1.5 : t)));
    const m = match({ ...edges(AT), halfNs }, late)!;
    expect(m.pairs.map((p) => p.referenceIndex)).toEqual([0, 1, 2, 3, 5, 6, 7]);
  });

  test("of several that an edge may belong to the nearest", () => {
    const up = [1, -1, 1, 1, -1, 1, -1, 1, -1];
    const reference = edges([...AT.slice(0, 3), 250.6, ...AT.slice(3)], up);
    for (const [at, index] of [
      [250.1, 2],
      [250.5, 3],
    ] as const) {
      // prettier-ignore
      const m = match(reference, edges(AT.map((t) => (t === 250 ? at : t))))!;
      expect(m.pairs.find((p) => p.device === at * MS)?.referenceIndex).toBe(index);
    }
  });

  test("rates below the rig's are found as well as those above", () => {
    const long = AT.map((t) => 100 * t);
    for (const ppm of [-25, 25]) {
      const m = match(edges(long.map((t) => t * (1 + ppm * 1e-6))), edges(long))!;
      expect(m.pairs).toHaveLength(8);
      expect((m.fit.nsPerUnit - 1) * 1e6).toBeCloseTo(ppm, 1);
    }
  });
});

describe("two places", () => {
  /** The edges twice, a second apart; one of them is off by so much, up and down in turn, ms. */
  const twice = (first: number, second: number): ReturnType<typeof edges> => {
    const copy = (late: number, off: number) => AT.map((t, k) => t + late + (k % 2 ? off : -off));
    const turn = AT.map((_, k) => (k % 2 ? -1 : 1));
    return edges([...copy(0, first), ...copy(1000, second)], [...turn, ...turn]);
  };
  const placed = (first: number, second: number): unknown[] => {
    const m = match(twice(first, second), edges(AT), { offsetRangeNs: 1500 * MS })!;
    const offsetMs = Math.round((m.fit.refNs - m.fit.refDevice) / MS);
    return [offsetMs, m.ambiguous, m.findings.map((f) => f.code)];
  };

  test("the closer one is taken; that as many edges fit elsewhere is told", () => {
    // The start is the rig's within 50 ms: a second off would be told of the rig, so the first is asked about.
    expect(placed(0, 0.3)).toEqual([0, false, ["edges-ambiguous"]]);
    const far = match(twice(0.3, 0), edges(AT), { offsetRangeNs: 1500 * MS })!;
    expect(far.pairs[0]!.referenceIndex).toBe(8);
  });

  test("as close as edges are known it may be either", () => {
    // 2 µs, and three times the microsecond that an edge is known to.
    expect(placed(0, 0.002)).toEqual([0, true, ["edges-ambiguous"]]);
    expect(placed(0, 0.004)).toEqual([0, false, ["edges-ambiguous"]]);
  });
});

describe("ambiguity", () => {
  const train = (n: number, from = 0) => Array.from({ length: n }, (_, k) => 100 + 10 * (k + from));

  test("a train with an end missing fits two ways: that is told", () => {
    const m = match(edges(train(20)), edges(train(18)))!;
    expect(m.ambiguous).toBe(true);
    expect(textsOf(m.findings)).toEqual([
      expect.stringMatching(
        /as well at an offset -?20\.000 ms away \(18 edges each\): the pairing is ambiguous/,
      ),
    ]);
  });

  test("a whole train fits one way", () => {
    const m = match(edges(train(20)), edges(train(20)))!;
    expect([m.ambiguous, textsOf(m.findings)]).toEqual([false, []]);
  });
});
