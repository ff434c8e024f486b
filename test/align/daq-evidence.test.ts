// What a scan has to tell the DAQ's clock by, number by number: edges, exchanges, priors, of one segment and of several.

import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  deviceEdges,
  type Evidence,
  evidenceOf,
  leastDelayNs,
  withDelay,
} from "../../align/clocks/daq-evidence.ts";
import { Outline } from "../../align/clocks/outline.ts";
import type { SegmentScan, TracedScan } from "../../align/scanned.ts";
import type { ClockExchange, Edge } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { clockModel } from "../support/clocks.ts";
import { evidenceOf as made, ROW_NS, SESSION } from "../support/evidence.ts";

const MS = 1e6;
const host = (ns: number) => instant<"host">(SESSION.hostEpoch + BigInt(ns));
/** 10,000 rows a second, from 0.2 to 10.2 s; 100 ticks a row, the first of them 1,000,000. */
let scan: TracedScan;
beforeAll(() => {
  ({ scan } = made({ startU: 3e-3 }));
});
const FIRST_TICK = 1_000_000n;
type Stream = TracedScan["stream"];
const withStream = (s: Partial<Stream>, of = scan): TracedScan => ({
  ...of,
  stream: { ...of.stream, ...s },
});
const segment = (known: Partial<SegmentScan>): SegmentScan => ({
  ...{ firstDevice: 0, lastDevice: 100_000, startStamp: null, arrivals: [], blockTicks: [] },
  ...known,
});
const edge = (known: Partial<Edge>): Edge => ({
  line: "line0",
  stream: "main",
  level: 1,
  ...known,
});

describe("edges of the trigger line", () => {
  const seen = (edges: readonly Edge[], of = scan) => deviceEdges({ ...of, edges });

  test("that the device stamped by its row are known to half a row, by its tick to a tick", () => {
    expect(seen([edge({ index: 7.5 }), edge({ tick: FIRST_TICK + 42n, level: 0 })])).toEqual([
      { device: 7.5, level: 1, halfNs: ROW_NS / 2 },
      { device: 42, level: 0, halfNs: expect.closeTo(1000, 6) },
    ]);
  });

  test("a tick is as long as the blocks say, a row's half at most, or where they do not say", () => {
    const halfNs = (blockTicks: SegmentScan["blockTicks"]): number =>
      seen([edge({ tick: 5n })], withStream({ segments: [segment({ blockTicks })] }))[0]!.halfNs;
    const at = (device: number, tick: bigint) => ({ device, tick });
    // 40 rows of 0.1 ms, 400 ticks: 10 µs.
    expect(halfNs([at(10, 500n), at(20, 1n), at(50, 900n)])).toBeCloseTo(10e3, 6);
    expect(halfNs([at(10, 500n), at(50, 501n)])).toBe(ROW_NS / 2);
    for (const none of [[], [at(10, 500n)], [at(10, 500n), at(50, 499n)]])
      expect(halfNs(none)).toBe(ROW_NS / 2);
  });

  test("ticks count from the stream's first, where it has one", () => {
    const edges = [edge({ tick: FIRST_TICK + 42n })];
    expect(seen(edges, withStream({ firstTick: null }))[0]!.device).toBe(1_000_042);
  });

  test("of another stream, of another input than the rig's, or without a place they are none", () => {
    const edges = [
      edge({ index: 1, stream: "other" }),
      edge({ index: 2, line: "line1" }),
      edge({}),
      edge({ index: 3 }),
    ];
    const devices = (of: TracedScan): number[] => seen(edges, of).map((e) => e.device);
    expect(devices(scan)).toEqual([2, 3]);
    const rig = { ...scan.rig, trigger: { output: "virtual", daqLine: 1 } };
    expect(devices({ ...scan, rig })).toEqual([2]);
  });

  test("that rows show as a bit are known to half a row", () => {
    const triggerEdges = [{ device: 9.5, level: 0 as const }];
    expect(seen([], withStream({ triggerEdges }))).toEqual([
      { device: 9.5, level: 0, halfNs: ROW_NS / 2 },
    ]);
  });
});

describe("what is known of a stream's start beforehand", () => {
  const priorOf = (s: TracedScan) => evidenceOf(s)[0]!.prior;
  const clocked = (clock: object, of = scan): TracedScan => {
    const device = { ...of.rig.device, clock: { ...of.rig.device.clock, ...clock } };
    return { ...of, rig: { ...of.rig, device } };
  };

  test("the host's stamp of its first row, less that row's own time", () => {
    const startStamp = { ns: 200 * MS, halfNs: 1000 };
    const at50 = withStream({
      firstDevice: 50,
      segments: [segment({ firstDevice: 50, startStamp })],
    });
    expect(priorOf(at50)).toEqual({
      ...{ hz: 10_000, uRel: 50e-6 },
      ...{ startNs: 195 * MS, startUNs: 3 * MS },
    });
    expect(priorOf(clocked({ startU: 1e-9 }, at50)).startUNs).toBe(1000);
    expect(priorOf(withStream({ segments: [segment({})] }))).toMatchObject({
      ...{ startNs: 0, startUNs: 3 * MS },
    });
  });

  test("a device on the host's own clock begins at its first tick; without one, at its stamp", () => {
    const own = clocked({ startU: 0 }, withStream({ firstTick: SESSION.hostEpoch + 123n }));
    expect(priorOf(own)).toEqual({ hz: 10_000, uRel: 0, startNs: 123, startUNs: 0 });
    const none = clocked({ startU: 0 }, withStream({ firstTick: null }));
    expect(priorOf(none)).toMatchObject({ uRel: 50e-6, startNs: 200 * MS, startUNs: 1000 });
  });

  test("a trace that is the session's clock is exact", () => {
    const session = { ...SESSION, hostClock: "trace" as const };
    expect(priorOf({ ...scan, session })).toEqual({
      ...{ hz: 10_000, uRel: 0, startNs: 0, startUNs: 0 },
    });
  });
});

describe("exchanges of four stamps", () => {
  const exchange = (
    sentNs: number,
    tick: number,
    insideTicks: number,
    tookNs: number,
  ): ClockExchange => ({
    stream: "main",
    sent: host(sentNs),
    deviceReceived: FIRST_TICK + BigInt(tick),
    deviceSent: FIRST_TICK + BigInt(tick + insideTicks),
    received: host(sentNs + tookNs),
  });
  const pairings = (exchanges: readonly ClockExchange[], of = scan) =>
    evidenceOf({ ...of, exchanges })[0]!.exchanges;

  test("pair the middles, uniform over the round trip less what the device itself took", () => {
    // 300 of 1,000 ticks are 3 of 10 rows, 0.3 ms: 0.7 ms are left of the millisecond.
    expect(pairings([exchange(2e9, 5000, 300, 1 * MS)])).toEqual([
      {
        device: expect.closeTo(51.5, 9),
        sessionNs: 2e9 + 0.5 * MS,
        uNs: expect.closeTo((0.7 * MS) / Math.sqrt(12), 6),
      },
    ]);
  });

  test("none is believed to better than a microsecond", () => {
    expect(pairings([exchange(2e9, 5000, 0, 3000)])[0]!.uNs).toBe(1000);
    expect(pairings([exchange(2e9, 5000, 0, 4000)])[0]!.uNs).toBeCloseTo(4000 / Math.sqrt(12), 6);
  });

  test("blocks that carry no ticks, or of which the last does not count on, place none", () => {
    const at = (device: number, tick: bigint) => ({ device, tick });
    const counted = (...blockTicks: SegmentScan["blockTicks"]) =>
      pairings([exchange(2e9, 5000, 0, MS)], withStream({ segments: [segment({ blockTicks })] }));
    expect(counted()).toEqual([]);
    expect(counted(at(0, 5n))).toEqual([]);
    expect(counted(at(0, 5n), at(10, 5n))).toEqual([]);
    // A tick from 999,000 on is a fifth of a row, from row 100 on.
    expect(counted(at(100, 999_000n), at(300, 1_000_000n))[0]!.device).toBeCloseTo(
      100 + 6000 / 5,
      9,
    );
  });

  test("another stream's are not this device's", () => {
    expect(pairings([{ ...exchange(2e9, 5000, 0, MS), stream: "gpu" }])).toEqual([]);
  });
});

describe("a device that restarted", () => {
  const arrivals = (...list: readonly (readonly [device: number, ns: number])[]) =>
    list.map(([device, sessionNs]) => ({ device, sessionNs }));
  /** Rows 0 to 50,000 from 0 s on; rows 60,000 to 110,000 from 6 s on. */
  const first = segment({
    lastDevice: 50_000,
    startStamp: { ns: 0, halfNs: 1000 },
    arrivals: arrivals([100, 12 * MS], [200, 21 * MS]),
    blockTicks: [
      { device: 0, tick: 0n },
      { device: 50_000, tick: 5_000_000n },
    ],
  });
  const second = segment({
    ...{ firstDevice: 60_000, lastDevice: 110_000 },
    arrivals: arrivals([60_100, 6012 * MS], [60_200, 6021.5 * MS], [60_300, 6033 * MS]),
    blockTicks: [
      { device: 60_000, tick: 0n },
      { device: 110_000, tick: 5_000_000n },
    ],
  });
  const rows = Float64Array.of(0, 49_999, 50_000, 55_000, 59_999, 60_000, 60_001, 109_999, 110_000);
  let outline: Outline;
  let twice: TracedScan;
  beforeAll(() => {
    outline = new Outline();
    outline.add(rows, rows.map((t) => t / 1000), rows.length); // prettier-ignore
    const segments = [first, second];
    twice = withStream({ segments, lastDevice: 110_000, outline, firstTick: 0n });
  });

  test("each segment is counted from its own first row", () => {
    const [a, b] = evidenceOf(twice);
    expect([a!.originDevice, b!.originDevice]).toEqual([0, 60_000]);
    expect([a!.observed, b!.observed]).toEqual([[0, 50_000], [0, 50_000]]); // prettier-ignore
    expect(a!.arrivals).toEqual(first.arrivals);
    expect(b!.arrivals.map((x) => x.device)).toEqual([100, 200, 300]);
    expect([a!.clock, a!.rowNs, a!.delayNs]).toEqual(["daq:main", ROW_NS, null]);
    expect([...a!.trace.t]).toEqual([0, 49_999]);
    expect([...b!.trace.t]).toEqual([0, 1, 49_999]);
    expect([...b!.trace.powerW]).toEqual([60, 60.001, 109.999]);
    const whole = evidenceOf(withStream({ outline, lastDevice: 50_000 }))[0]!;
    expect(whole.trace.t).toHaveLength(rows.length);
  });

  test("a later one begins where its least delayed block puts it", () => {
    // 6012 − 10, 6021.5 − 20, 6033 − 30 ms.
    const priorOf = (startU: number) => {
      const device = { ...twice.rig.device, clock: { hz: 10_000, uRel: 50e-6, startU } };
      return evidenceOf({ ...twice, rig: { ...twice.rig, device } })[1]!.prior;
    };
    expect(priorOf(3e-3)).toEqual({
      ...{ hz: 10_000, uRel: 50e-6 },
      ...{ startNs: expect.closeTo(6001.5 * MS, 3), startUNs: 3 * MS },
    });
    expect(priorOf(0.5e-3).startUNs).toBe(1 * MS);
  });

  test("without stamps of its blocks, where the log counts it, give or take the pause and the rate", () => {
    const { prior } = evidenceOf({
      ...twice,
      stream: { ...twice.stream, segments: [first, { ...second, arrivals: [] }] },
    })[1]!;
    // The start's 3 ms and its own, a pause of 10,000 rows, and 6 s of 50 ppm.
    expect(prior.startNs).toBeCloseTo(6e9, 3);
    expect(prior.startUNs).toBeCloseTo(Math.hypot(3, 3, 1000, 0.3) * MS, 0);
  });

  test("edges belong to the segment whose rows they fell into, a row beyond its ends at most", () => {
    const devices = [-5, 0, 49_000, 50_001, 50_002, 55_000, 59_998, 59_999, 60_000, 110_005];
    const [a, b] = evidenceOf({ ...twice, edges: devices.map((index) => edge({ index })) });
    expect(a!.edges.map((e) => e.device)).toEqual([-5, 0, 49_000, 50_001]);
    expect(b!.edges.map((e) => e.device)).toEqual([-1, 0, 50_005]);
  });

  test("so do exchanges, by when the segment's first block came", () => {
    const exchanges = [1e9, 6012 * MS - 1, 6012 * MS, 7e9].map((receivedNs): ClockExchange => ({
      ...{ stream: "main", deviceReceived: 100n, deviceSent: 100n },
      ...{ sent: host(receivedNs - 2 * MS), received: host(receivedNs) },
    }));
    const of = (segments: readonly SegmentScan[]): number[][] =>
      evidenceOf({ ...twice, exchanges, stream: { ...twice.stream, segments } }).map((e) =>
        e.exchanges.map((p) => p.sessionNs + MS),
      );
    expect(of([first, second])).toEqual([[1e9, 6012 * MS - 1], [6012 * MS, 7e9]]); // prettier-ignore
    // A segment whose blocks carry no stamps cannot say that any was its own.
    expect(of([first, { ...second, arrivals: [] }])[1]).toEqual([]);
    expect(evidenceOf({ ...twice, exchanges })[1]!.exchanges[0]!.device).toBeCloseTo(1, 9);
  });

  describe("what blocks take to the host", () => {
    let e: Evidence;
    beforeAll(() => {
      e = evidenceOf(twice)[1]!;
    });

    test("is told by a clock that does not rest on them: the least that one came late", () => {
      // By a clock of 0.1 ms a row from 6 s on: 2, 1.5 and 3 ms late.
      expect(leastDelayNs(e, clockModel(10_000, { refNs: 6e9 }))).toBeCloseTo(1.5 * MS, 3);
      expect(leastDelayNs({ ...e, arrivals: [] }, clockModel(10_000))).toBe(Infinity);
    });

    test("is taken off the blocks and off the start that they tell, which is then known to a millisecond", () => {
      const told = withDelay(e, 1.5 * MS);
      expect(told.arrivals.map((a) => a.sessionNs)).toEqual([6010.5 * MS, 6020 * MS, 6031.5 * MS]);
      expect(told.delayNs).toBe(1.5 * MS);
      expect(told.prior.startNs).toBeCloseTo(6000 * MS, 3);
      expect([told.prior.startUNs, told.prior.hz]).toEqual([1 * MS, 10_000]);
      const sharp = { ...e, prior: { ...e.prior, startUNs: 1000 } };
      expect(withDelay(sharp, 0).prior.startUNs).toBe(1000);
    });

    test("without blocks that are stamped it changes nothing", () => {
      const none = { ...e, arrivals: [] };
      expect(withDelay(none, 5)).toBe(none);
    });
  });
});
