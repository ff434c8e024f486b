import { describe, expect, test } from "@jest/globals";
import { type EdgeList, matchEdges } from "../../align/clocks/match.ts";
import { random } from "../../stats/random.ts";
import { textsOf } from "../../schema/findings.ts";

interface Pattern {
  readonly t: number[];
  readonly polarity: number[];
}

const list = (p: Pattern): EdgeList => ({
  t: Float64Array.from(p.t),
  polarity: Int8Array.from(p.polarity),
});

/** Pulses of random length and distance: what a pseudo-random sync pattern looks like. */
function irregular(r: ReturnType<typeof random>, n: number): Pattern {
  const t: number[] = [];
  let at = 50e6;
  for (let i = 0; i < n; i++) t.push((at += 20e6 + 80e6 * r.uniform()));
  return { t, polarity: t.map((_, i) => (i % 2 === 0 ? 1 : -1)) };
}

const HZ = 1e6;
const prior = { hz: HZ, uRel: 1e-4, startNs: 0, startUNs: 50e6 };
const options = { offsetRangeNs: 150e6, edgeUNs: 2e3, toleranceNs: 5e6 };

/** Device edges of session edges: a clock with its own offset and rate, in ticks. */
const toDevice = (ns: number, offsetNs: number, ppm: number): number =>
  ((ns - offsetNs) / 1e9) * HZ * (1 + ppm * 1e-6);

describe("edge matching", () => {
  test("lost, extra and bouncing edges in 400 seeded trials: no wrong pair", () => {
    let wrong = 0;
    let pairs = 0;
    let worstPpm = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const r = random(seed, "match");
      const reference = irregular(r, 60);
      const offset = 100e6 * (r.uniform() - 0.5);
      const ppm = 100 * r.normal();
      const device: { t: number; p: number; of: number }[] = [];
      reference.t.forEach((t, i) => {
        const jitter = 2e3 * r.normal();
        const p = reference.polarity[i]!;
        if (r.uniform() < 0.05) return; // lost
        device.push({ t: toDevice(t + jitter, offset, ppm), p, of: i });
        if (r.uniform() < 0.03) {
          // a bounce: the same edge again, with its opposite between
          device.push({ t: toDevice(t + 30e3, offset, ppm), p: -p, of: -1 });
          device.push({ t: toDevice(t + 60e3, offset, ppm), p, of: -1 });
        }
        if (r.uniform() < 0.05)
          device.push({ t: toDevice(t + 10e6 * r.uniform(), offset, ppm), p, of: -1 });
      });
      device.sort((a, b) => a.t - b.t);
      const match = matchEdges(
        list(reference),
        list({ t: device.map((d) => d.t), polarity: device.map((d) => d.p) }),
        prior,
        options,
      )!;
      match.pairs.forEach(({ deviceIndex: d, referenceIndex: j }) => {
        pairs++;
        // A bounce within the jitter of its edge may take its place: its time is right to 60 µs.
        const of = device[d]!.of;
        const nearTwin = Math.abs(device[d]!.t - toDevice(reference.t[j]!, offset, ppm)) < 70;
        if (of !== j && !nearTwin) wrong++;
      });
      expect(match.missing).toBe(60 - match.pairs.length);
      expect(match.extra).toBe(device.length - match.pairs.length);
      worstPpm = Math.max(worstPpm, Math.abs((1e9 / match.fit.nsPerUnit / HZ - 1) * 1e6 - ppm));
    }
    expect(wrong).toBe(0);
    expect(pairs).toBeGreaterThan(400 * 50);
    expect(worstPpm).toBeLessThan(10);
  });

  test("a 50 % duty square wave is not matched half a period off", () => {
    const t = Array.from({ length: 80 }, (_, i) => 1e9 + i * 50e6);
    const reference = { t, polarity: t.map((_, i) => (i % 2 === 0 ? 1 : -1)) };
    const device = { t: t.map((x) => toDevice(x, 48e6, 40)), polarity: reference.polarity };
    const match = matchEdges(
      list(reference),
      list(device),
      { ...prior, startUNs: 100e6 },
      {
        ...options,
        offsetRangeNs: 300e6,
      },
    )!;
    expect(match.pairs).toHaveLength(80);
    expect(
      Math.abs(match.fit.refNs - (match.fit.refDevice / HZ / (1 + 40e-6)) * 1e9 - 48e6),
    ).toBeLessThan(10e3);
    expect(textsOf(match.findings)).toHaveLength(0);
  });

  test("a periodic train that lost an end fits two ways, and says so", () => {
    const t = Array.from({ length: 40 }, (_, i) => 1e9 + i * 50e6);
    const polarity = t.map((_, i) => (i % 2 ? -1 : 1));
    const reference = { t, polarity };
    const device = { t: t.slice(2).map((x) => toDevice(x, 0, 0)), polarity: polarity.slice(2) };
    const match = matchEdges(
      list(reference),
      list(device),
      { ...prior, startUNs: 100e6 },
      {
        ...options,
        offsetRangeNs: 300e6,
      },
    )!;
    expect(textsOf(match.findings).join()).toMatch(/ambiguous/);
  });

  test("nothing in common is no match", () => {
    const a = list({ t: [1e9, 2e9], polarity: [1, -1] });
    expect(matchEdges(a, list({ t: [], polarity: [] }), prior, options)).toBeUndefined();
    expect(matchEdges(a, list({ t: [5e6], polarity: [1] }), prior, options)).toBeUndefined();
  });
});
