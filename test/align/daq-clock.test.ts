// The DAQ's clock over a stream: which evidence decides, what is told where some is left out, and what segments know
// of each other.

import { describe, expect, test } from "@jest/globals";
import { type ClockModel, ratePpm } from "../../align/clocks/clock.ts";
import { fitDaq } from "../../align/clocks/daq-clock.ts";
import type { TracedScan } from "../../align/scanned.ts";
import { type Evidence, evidenceOf, type Made } from "../support/evidence.ts";

const MS = 1e6;
const S = 1e9;
const models = (scan: TracedScan): ClockModel[] => fitDaq(scan).segments.map((s) => s.model);
const codes = ({ findings }: ClockModel): string[] => findings.map((f) => f.code);
const one = (e: Evidence): ClockModel => models(evidenceOf(e).scan)[0]!;

/** At no period, a second's worth. */
const AT = [500, 545, 620, 672, 790, 833, 931, 1012].map((ms) => ms * MS);
const SHORT = [{ fromNs: 0.2 * S, toNs: 2.2 * S }];
const exchanges = Array.from(
  { length: 20 },
  (_, k) => [0.3 * S + k * 80 * MS, 20e3, 20e3] as const,
);

describe("one segment", () => {
  test("is exact where both rate and start are; one of them alone is to be fitted", () => {
    const sync = { syncNs: AT, starts: SHORT };
    expect(one({ ...sync, uRel: 0, startU: 3e-3 }).method).toBe("sync-edges");
    const { scan } = evidenceOf({ ...sync, startU: 0 });
    const stream = {
      ...scan.stream,
      firstTick: null,
      segments: scan.stream.segments.map((s) => ({ ...s, startStamp: { ns: 0.2 * S, halfNs: 0 } })),
    };
    const drifting = models({ ...scan, stream })[0]!;
    expect(drifting.method).not.toBe("identity");
  });

  test("edges and marks that fit nowhere are told if there are two of each", () => {
    const made = evidenceOf({ syncNs: AT.slice(0, 2), starts: SHORT });
    // Far from any mark.
    const edges = made.scan.edges.map((e) => ({ ...e, level: e.level === 1 ? 0 : 1 }) as const);
    const scan = { ...made.scan, edges };
    expect(codes(models(scan)[0]!)).toEqual(["clock-by-stamp", "edges-unmatched"]);
    const [mark] = scan.syncMarks;
    expect(codes(models({ ...scan, syncMarks: [mark!] })[0]!)).not.toContain("edges-unmatched");
    const [edge] = edges;
    expect(codes(models({ ...scan, edges: [edge!] })[0]!)).not.toContain("edges-unmatched");
  });

  test("edges that contradict each other leave the next best evidence, and no other word is said of them", () => {
    const made = evidenceOf({ syncNs: AT, starts: SHORT, exchanges });
    const edges = made.scan.edges.map((e, k) => (k < 4 ? e : { ...e, index: e.index! + 3 }));
    const [model] = models({ ...made.scan, edges }) as [ClockModel];
    expect([model.method, codes(model)]).toEqual(["exchange", ["edges-contradict"]]);
  });

  test("exchanges narrow the place where edges are looked for to three times what they know and a millisecond", () => {
    // A pulse each 20 ms and a stamp 60 ms late.
    const syncNs = Array.from({ length: 40 }, (_, k) => 0.4 * S + k * 20 * MS);
    const model = one({ syncNs, starts: SHORT, exchanges, stampLateNs: 60 * MS, startU: 0.1 });
    expect(model.method).toBe("sync-edges");
    expect(model.startDelayNs! / MS).toBeGreaterThan(-1);
    expect(model.startDelayNs! / MS).toBeLessThan(1);
  });
});

describe("segments of one device", () => {
  const starts = [
    { fromNs: 0.2 * S, toNs: 5.2 * S },
    { fromNs: 6.2 * S, toNs: 11.2 * S, firstRow: 60_000 },
  ];
  const arrivals = (): number => 0.4 * MS;
  const uRel = 50e-6;
  const over = (fromNs: number): number[] =>
    Array.from({ length: 40 }, (_, k) => fromNs + k * 97 * MS + ((k * 37) % 41) * MS);
  const both = { starts, arrivals, uRel, ppm: 35, startU: 20e-3 };
  const pair = (m: Made): [ClockModel, ClockModel] => models(m.scan) as [ClockModel, ClockModel];

  test("the one whose rate is known best tells the other, whichever came first", () => {
    for (const fromNs of [0.5 * S, 6.5 * S]) {
      const [first, second] = pair(evidenceOf({ ...both, syncNs: over(fromNs) }));
      const [tied, other] = fromNs < 5 * S ? [first, second] : [second, first];
      expect([tied.method, other.method]).toEqual(["sync-edges", "arrival"]);
      expect(other.uRate).toBeLessThanOrEqual(Math.hypot(tied.uRate, 0.1 * uRel));
      expect(Math.abs(ratePpm(other) - ratePpm(tied))).toBeLessThan(1);
      // And how long blocks take.
      expect(other.findings.map((f) => f.text).join()).toContain("another segment (0.400 ms)");
      expect(other.nominalHz).toBe(tied.nominalHz);
    }
  });

  test("exchanges tell the delay of blocks as edges do; what is tied itself is left as it is", () => {
    const early = Array.from(
      { length: 40 },
      (_, k) => [0.3 * S + k * 0.1 * S, 20e3, 20e3] as const,
    );
    const [first, second] = pair(evidenceOf({ ...both, exchanges: early }));
    expect([first.method, second.method]).toEqual(["exchange", "arrival"]);
    expect(second.findings.map((f) => f.text).join()).toContain("another segment (0.400 ms)");
    const tied = pair(evidenceOf({ ...both, syncNs: [...over(0.5 * S), ...over(6.5 * S)] }));
    expect(tied.map((m) => [m.method, codes(m)])).toEqual([["sync-edges", []], ["sync-edges", []]]); // prettier-ignore
  });

  test("where none is tied nobody knows the delay", () => {
    for (const m of pair(evidenceOf(both))) {
      expect(m.method).toBe("arrival");
      expect(m.findings.map((f) => f.text).join()).toContain("lags by the shortest delay");
    }
  });

  test("a segment that contradicts the other's rate keeps its own", () => {
    const made = evidenceOf({ ...both, uRel: 5e-3, ppm: 0, syncNs: over(0.5 * S) });
    // The second one's blocks come 0.5 % slower: ten times what a part differs from itself.
    const [a, b] = made.stream.segments as [TracedScan["stream"]["segments"][0], TracedScan["stream"]["segments"][0]]; // prettier-ignore
    const slower = b.arrivals.map((x) => ({ ...x, sessionNs: x.sessionNs + 0.005 * (x.sessionNs - 6.2 * S) })); // prettier-ignore
    const stream = { ...made.stream, segments: [a, { ...b, arrivals: slower }] };
    const [first, second] = models({ ...made.scan, stream }) as [ClockModel, ClockModel];
    expect(ratePpm(first)).toBeCloseTo(0, 0);
    expect(ratePpm(second) / 1e3).toBeCloseTo(-4.975, 0);
    expect(codes(second)).toEqual(["clock-by-arrival"]);
  });

  test("edges of one that fit nowhere are left out as uncertain", () => {
    const made = evidenceOf({ ...both, syncNs: [7 * S, 8.3 * S] });
    const edges = made.scan.edges.map((e) => ({ ...e, level: e.level === 1 ? 0 : 1 }) as const);
    const [, second] = models({ ...made.scan, edges }) as [ClockModel, ClockModel];
    expect(codes(second)).toEqual(["clock-by-arrival", "edges-uncertain"]);
  });

  test("only the first has a start that the rig foretold", () => {
    const [first, second] = pair(evidenceOf({ ...both, syncNs: over(0.5 * S) }));
    expect(first.startDelayNs).not.toBeNull();
    expect(second.startDelayNs).toBeNull();
  });
});
