// What a board owner runs with a DAQ on the table (firmware/README.md, Hardware in the loop):
//     TRUEJOULE_HARDWARE=/dev/ttyACM0 npm test -- test/hardware
// TRUEJOULE_SECONDS    length of each stream (10)
// TRUEJOULE_TRIGGER_HZ frequency of a square wave on the trigger input, if one is connected
// Figures are printed as JSON lines; what must hold everywhere is asserted, speed is only told.

import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { FIFO_PRIORITY } from "../../host/scheduler.ts";
import { type DaqSource, startDaq } from "../../ingest/daq-source.ts";
import { type Greeting, probe } from "../../ingest/handshake.ts";
import { ttyPort } from "../../ingest/tty-port.ts";
import { ReadingStatus } from "../../schema/ina226.ts";
import { mostOf } from "../../schema/lists.ts";
import { Collector } from "../ingest/collect.ts";

const port = process.env["TRUEJOULE_HARDWARE"] ?? "";
const seconds = Number(process.env["TRUEJOULE_SECONDS"] ?? 10);
const triggerHz = Number(process.env["TRUEJOULE_TRIGGER_HZ"] ?? 0);
const LONG = (seconds + 20) * 1000;

interface Streamed {
  readonly sink: Collector;
  readonly counts: ReturnType<DaqSource["counts"]>;
  readonly timing: string;
}

const tell = (what: string, figures: object): void =>
  void process.stdout.write(`${JSON.stringify({ what, ...figures })}\n`);

describe(`a DAQ at ${port}`, () => {
  let greeting: Greeting;
  let daq: DaqSource | undefined;
  beforeAll(async () => {
    greeting = await probe(ttyPort(port));
    tell("device", { ...greeting.identity, seconds });
  });
  afterEach(async () => {
    await daq?.stop();
    daq = undefined;
  });

  /** Streams for a while; the daq is stopped. */
  async function stream(rowHz: number, mask: number): Promise<Streamed> {
    const sink = new Collector();
    const open = ttyPort(port, { fifoPriority: FIFO_PRIORITY });
    daq = await startDaq({ open, stream: "main", rowHz, mask, pingMs: 100 }, sink);
    await new Promise((r) => setTimeout(r, seconds * 1000));
    const { timing } = daq;
    await daq.stop();
    const counts = daq.counts();
    daq = undefined;
    return { sink, counts, timing };
  }

  test("says who it is; its channels make sense", () => {
    const { identity, capabilities } = greeting;
    expect(identity.serial).not.toBe("");
    expect(capabilities.maxSamplesHz).toBeGreaterThan(0);
    expect(capabilities.channels.length).toBeGreaterThan(0);
    for (const c of capabilities.channels) expect(c.fullScaleUv).toBeGreaterThan(0);
  });

  test(
    "4 × 100 kS/s: every frame whole, nothing lost, the crystal within its tolerance",
    async () => {
      const { sink, counts: c, timing } = await stream(100_000, 15);
      tell("4 x 100 kS/s", { ...c, timing });
      expect(c).toMatchObject({ badFrames: 0, framesLost: 0, rowsLost: 0, indexFaults: 0 });
      expect(c).toMatchObject({ deviceDropped: 0, deviceOverrun: 0 });
      expect(c.rows / 100_000).toBeGreaterThan(seconds * 0.95);
      expectClock(sink, greeting.capabilities.tickTolerancePpb);
      expectSamples(sink);
    },
    LONG,
  );

  test(
    "500 kS/s in all: whatever is lost is accounted for (that nothing is lost is not promised)",
    async () => {
      const { counts: c, timing } = await stream(125_000, 15);
      tell("4 x 125 kS/s", {
        ...c,
        timing,
        lostPerRow: c.rowsLost / (c.rows + c.rowsLost),
      });
      expect(c.badFrames).toBe(0);
      expect(c.framesLost).toBe(c.deviceDropped);
    },
    LONG,
  );

  const withWave = triggerHz > 0 ? test : test.skip;
  withWave(
    "a square wave on the trigger: every edge, evenly spaced to the tick (TRUEJOULE_TRIGGER_HZ)",
    async () => {
      const { sink, counts } = await stream(100_000, 15);
      const ticks = sink.edges.map((e) => Number(e.tick));
      const gaps = ticks.slice(2).map((t, i) => t - ticks[i]!);
      const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
      const worst = mostOf(gaps.map((g) => Math.abs(g - mean)));
      tell("trigger", { edges: ticks.length, periodUs: mean, worstUs: worst });
      expect(counts.edgesLost).toBe(0);
      expect(mean / 1e6).toBeCloseTo(1 / triggerHz, 4);
      expect(worst).toBeLessThanOrEqual(2);
      expect(sink.edges.every((e, i) => i === 0 || e.level !== sink.edges[i - 1]!.level)).toBe(
        true,
      );
    },
    LONG,
  );

  test(
    "INA226: whoever answers is read without a fault",
    async () => {
      const { sink } = await stream(10_000, 1);
      const streams = sink.layouts.map((l) => l.stream).filter((s) => s.includes("ina226"));
      for (const name of streams) {
        const blocks = sink.of(name);
        // An end that is known to a bound only is no fault: chips share the alert line.
        const fault = ReadingStatus.notRead | ReadingStatus.overflow;
        const bad = blocks.filter((b) => b.bytes[23]! & fault).length;
        tell(name, { readings: blocks.length, bad });
        expect(bad).toBe(0);
        expect(blocks.length).toBeGreaterThan(80 * seconds);
      }
      if (streams.length === 0) tell("ina226", { present: false });
    },
    LONG,
  );
});

/** Device clock against the host's, first exchange to last. */
function expectClock({ exchanges }: Collector, tolerancePpb: number): void {
  const trips = exchanges.map((e) => Number(e.received - e.sent)).sort((a, b) => a - b);
  const narrow = trips[Math.floor(trips.length / 4)]!;
  const good = exchanges.filter((e) => Number(e.received - e.sent) <= narrow);
  const [a, z] = [good[0]!, good.at(-1)!];
  const hostNs = Number(z.sent - a.sent);
  const ppm = (Number(z.deviceReceived - a.deviceReceived) * 1000) / hostNs - 1;
  const slackPpm = (2 * narrow + 2000) / hostNs;
  tell("clock", {
    ppm: ppm * 1e6,
    uncertaintyPpm: slackPpm * 1e6,
    medianTripUs: trips[trips.length >> 1]! / 1e3,
  });
  // The host's own clock is allowed 100 ppm.
  expect(Math.abs(ppm)).toBeLessThan(tolerancePpb * 1e-9 + 100e-6 + slackPpm);
}

/** Mean and spread of each input, for the eye: grounded inputs show the converter's noise. */
function expectSamples(sink: Collector): void {
  const [sum, squares] = [new Float64Array(4), new Float64Array(4)];
  let n = 0;
  for (const { bytes, rows } of sink.of("main"))
    for (let r = 0; r < rows; r++, n++)
      for (let c = 0; c < 4; c++) {
        const at = 6 * r + ((3 * c) >> 1);
        const pair = bytes[at]! | (bytes[at + 1]! << 8);
        const value = c % 2 === 0 ? pair & 0xfff : pair >> 4;
        sum[c]! += value;
        squares[c]! += value * value;
      }
  const mean = Array.from(sum, (s) => s / n);
  const sd = mean.map((m, c) => Math.sqrt(Math.max(0, squares[c]! / n - m * m)));
  tell("inputs, counts", { mean, sd });
  expect(n).toBeGreaterThan(0);
}
