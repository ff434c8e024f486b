// What a board owner runs with a DAQ on the table (firmware/README.md, Hardware in the loop):
//     TRUEJOULE_HARDWARE=/dev/ttyACM0 npm test -- test/hardware
// TRUEJOULE_SECONDS    length of each stream (10)
// TRUEJOULE_TRIGGER_HZ frequency of a square wave on the trigger input, if one is connected
// Figures are printed as JSON lines; what must hold everywhere is asserted, speed is only told.

import { afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { FIFO_PRIORITY } from "../../host/scheduler.ts";
import { type DaqSource, startDaq } from "../../ingest/instruments/truejoule-daq/daq-source.ts";
import type { Capabilities } from "../../schema/wire/frame-replies.ts";
import { type Greeting, probe } from "../../ingest/instruments/truejoule-daq/handshake.ts";
import { lastingPath } from "../../ingest/ports/port-list.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import { spread, Watch } from "./watch.ts";

const port = process.env["TRUEJOULE_HARDWARE"] ?? "";
const seconds = Number(process.env["TRUEJOULE_SECONDS"] ?? 10);
const triggerHz = Number(process.env["TRUEJOULE_TRIGGER_HZ"] ?? 0);
const LONG = (seconds + 20) * 1000;

interface Streamed {
  readonly watch: Watch;
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
    const watch = new Watch(seconds);
    const open = ttyPort(lastingPath(port), { fifoPriority: FIFO_PRIORITY });
    daq = await startDaq({ open, stream: "main", rowHz, mask, pingMs: 100 }, watch);
    await new Promise((r) => setTimeout(r, seconds * 1000));
    const { timing } = daq;
    await daq.stop();
    const counts = daq.counts();
    daq = undefined;
    return { watch, counts, timing };
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
      const { watch, counts: c, timing } = await stream(100_000, 15);
      tell("4 x 100 kS/s", { ...c, timing });
      expect(c).toMatchObject({ badFrames: 0, framesLost: 0, rowsLost: 0, indexFaults: 0 });
      expect(c).toMatchObject({ deviceDropped: 0, deviceOverrun: 0 });
      expect(c.rows / 100_000).toBeGreaterThan(seconds * 0.95);
      expectClock(watch, greeting.capabilities);
      expectSamples(watch);
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
      const { watch, counts } = await stream(100_000, 15);
      const { count, alternate, periods } = watch.edges;
      const { mean, worst } = periods;
      tell("trigger", { edges: count, periodUs: mean, worstUs: worst });
      expect(counts.edgesLost).toBe(0);
      expect(mean / 1e6).toBeCloseTo(1 / triggerHz, 4);
      expect(worst).toBeLessThanOrEqual(2);
      expect(alternate).toBe(true);
    },
    LONG,
  );

  test(
    "INA226: whoever answers is read without a fault",
    async () => {
      const { watch } = await stream(10_000, 1);
      for (const [name, { count, unusable }] of watch.readings) {
        // An end that is known to a bound only is no fault: chips share the alert line.
        tell(name, { readings: count, bad: unusable });
        expect(unusable).toBe(0);
        expect(count).toBeGreaterThan(80 * seconds);
      }
      if (watch.readings.size === 0) tell("ina226", { present: false });
    },
    LONG,
  );
});

/** Device clock against the host's, first exchange to last. */
function expectClock(watch: Watch, { tickHz, tickTolerancePpb }: Capabilities): void {
  const { ppm, boundPpm } = watch.pace.against(tickHz)!;
  tell("clock", { ppm, uncertaintyPpm: boundPpm });
  // The host's own clock is allowed 100 ppm.
  expect(Math.abs(ppm)).toBeLessThan(tickTolerancePpb / 1000 + 100 + boundPpm);
}

/** Mean and spread of each input, for the eye: grounded inputs show the converter's noise. */
function expectSamples({ codes, rowCount }: Watch): void {
  const told = [...codes.values()].map(spread);
  tell("inputs, counts", { mean: told.map(([mean]) => mean), sd: told.map(([, sd]) => sd) });
  expect(rowCount).toBeGreaterThan(0);
}
