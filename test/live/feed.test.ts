// What the page is told against what is true: Joules, clocks, windows, claims, lateness.

import { describe, expect, test } from "@jest/globals";
import { Integrator, Sum } from "../../energy/integrate.ts";
import { random } from "../../stats/random.ts";
import { BlockFlag, type Mark, type TelemetryChannel } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { later } from "../../schema/time.ts";
import { Channel } from "../../view/feed/claims.ts";
import { GridWatch } from "../../view/feed/grid-watch.ts";
import { LiveFeed } from "../../view/feed/live-feed.ts";
import { LiveWindows } from "../../view/feed/live-windows.ts";
import { RowClock } from "../../view/feed/row-clock.ts";
import { RunningEnergy } from "../../view/feed/running-energy.ts";
import { block, EPOCH, fedWith, LAYOUT, powerW, RIG, ROW_HZ, session } from "./small-bench.ts";

const S = 1e9;
const mark = (name: string, phase: Mark["phase"], tS: number, span?: string): Mark => ({
  name,
  phase,
  clock: "host",
  t: later(EPOCH, tS * S),
  ...(span === undefined ? {} : { fields: { span } }),
});

describe("running energy", () => {
  const device = { rowHz: 1000, sampling: "instant" } as const;

  test("is the trapezoid between any two rows and between rows", () => {
    const e = new RunningEnergy(device);
    const p = Float64Array.from({ length: 1000 }, (_, i) => 100 + i);
    for (let i = 0; i < 1000; i += 37) e.add(p.slice(i, i + 37), i, Math.min(37, 1000 - i));
    const truth = (a: number, b: number): number => (((p[a]! + p[b]!) / 2) * (b - a)) / 1000;
    expect(e.at(700)! - e.at(200)!).toBeCloseTo(truth(200, 700), 9);
    expect(e.at(10.5)! - e.at(10)!).toBeCloseTo((p[10]! + 0.25) * 0.5e-3, 12);
    expect(e.at(999)).toBe(e.joules);
    expect(e.at(999.1)).toBeUndefined();
    expect(e.at(-1)).toBeNaN();
  });

  test("a row of means counts from its time to the next", () => {
    const e = new RunningEnergy({ rowHz: 1000, sampling: "interval_mean" });
    e.add(Float64Array.of(5, 7, 9, 11), 0, 4);
    expect(e.at(1)!).toBeCloseTo(0.005, 12);
    expect(e.at(2)!).toBeCloseTo(0.012, 12);
    expect(e.at(3.5)!).toBeCloseTo(0.0265, 12);
    expect(e.at(4)!).toBe(e.joules);
    expect(e.at(4.1)).toBeUndefined();
  });

  test("one row of means is enough", () => {
    const e = new RunningEnergy({ rowHz: 1000, sampling: "interval_mean" });
    e.add(Float64Array.of(80), 7, 1);
    expect(e.at(7.75)! - e.at(7.25)!).toBeCloseTo(0.04, 12);
  });

  test.each(["instant", "interval_mean"] as const)(
    "of %s rows the same as compare's, across gaps and between rows",
    (sampling) => {
      const r = random(31, sampling);
      const rowHz = 1000;
      const live = new RunningEnergy({ rowHz, sampling });
      const instants = Float64Array.from({ length: 500 }, () => r.uniform() * 1e9).sort();
      const rig = { ...RIG, device: { ...RIG.device, rowHz, sampling } };
      const integrator = new Integrator(rig, instants);
      for (let at = 0, end = 0; at < 1000;) {
        const rows = Math.min(1000 - at, 1 + Math.floor(20 * r.uniform()));
        const totalW = Float64Array.from({ length: rows }, () => 300 * r.uniform());
        live.add(totalW, at, rows);
        integrator.add({
          tNs: totalW.map((_, i) => (at + i) * 1e6),
          totalW,
          rails: [{ name: "slot", powerW: totalW, currentA: null, voltageV: null }],
          flags: new Uint8Array(rows),
          from: 0,
          to: rows,
          gapBefore: at > end,
        });
        end = at + rows;
        at = end + 3 * Math.round(r.uniform());
      }
      const snapshots = integrator.finish();
      const off = Array.from(instants, (t) => {
        const joules = live.at(t / 1e6) ?? live.joules;
        return Math.abs(joules - snapshots.value(t, Sum.energyJ));
      });
      expect(Math.max(...off)).toBeLessThan(1e-9);
    },
  );

  test("stands still over a gap and counts it", () => {
    const e = new RunningEnergy(device);
    e.add(new Float64Array(10).fill(100), 0, 10);
    e.add(new Float64Array(10).fill(100), 30, 10);
    expect(e.missingRows).toBe(20);
    expect(e.at(20)!).toBe(e.at(9)!);
    expect(e.joules).toBeCloseTo(1.8, 12);
  });

  test("says so when the ring has forgotten", () => {
    const e = new RunningEnergy(device);
    for (let i = 0; i < 2 ** 18 + 5000; i += 5000) e.add(new Float64Array(5000).fill(1), i, 5000);
    expect(e.at(100)).toBeNaN();
    expect(e.at(2 ** 18)).toBeGreaterThan(0);
  });
});

describe("row clock", () => {
  const PPM = -37;
  const START_S = 0.75;

  test("before exchanges the earliest arrival places the rows", () => {
    const clock = new RowClock(EPOCH, RIG.device);
    const r = random(3, "late");
    for (let i = 0; i < 200; i++) {
      const b = block(i * 100, 100, { ppm: PPM, startS: START_S });
      clock.block({ ...b, hostAfter: later(b.hostAfter!, r.exponential(5e6)) });
    }
    expect(clock.state.method).toBe("arrival");
    const trueNs = (START_S + 20_000 / (ROW_HZ * (1 + PPM * 1e-6))) * S;
    expect(Math.abs(clock.sessionNs(20_000) - trueNs)).toBeLessThan(3e6);
    expect(clock.rowAt(clock.sessionNs(1234))).toBeCloseTo(1234, 6);
  });

  test("exchanges tell rate and offset, whatever their delay", () => {
    const clock = new RowClock(EPOCH, RIG.device);
    const r = random(4, "exchange");
    const hz = ROW_HZ * (1 + PPM * 1e-6);
    for (let s = 0; s < 60; s++) {
      clock.block(block(s * ROW_HZ, 100, { ppm: PPM, startS: START_S }));
      const [out, back] = [50e3 + r.exponential(100e3), 50e3 + r.exponential(100e3)];
      const sentNs = s * S + 5e8;
      const tick = BigInt(Math.round(((sentNs + out) / S - START_S) * hz * 100));
      clock.exchange({
        stream: "main",
        sent: later(EPOCH, sentNs),
        deviceReceived: tick,
        deviceSent: tick,
        received: later(EPOCH, sentNs + out + back),
      });
    }
    const { method, ratePpm, uRatePpm, exchanges } = clock.state;
    expect([method, exchanges]).toEqual(["exchange", 59]); // the first had one block to go by
    expect(Math.abs(ratePpm - PPM)).toBeLessThan(3 * uRatePpm);
    expect(uRatePpm).toBeLessThan(2);
    const row = 30 * ROW_HZ;
    const offNs = Math.abs(clock.sessionNs(row) - (START_S + row / hz) * S);
    expect(offNs).toBeLessThan(3 * clock.state.uOffsetNs);
    expect(clock.state.uOffsetNs).toBeLessThan(100e3);
  });

  test("a device that restarted is not judged by its past", () => {
    const clock = new RowClock(EPOCH, RIG.device);
    clock.block(block(0, 100));
    clock.block(block(5000, 100, { startS: 3, flags: BlockFlag.restart }));
    expect(clock.state.exchanges).toBe(0);
    expect(Math.abs(clock.sessionNs(5000) - 3.5 * S)).toBeLessThan(1e6);
  });
});

describe("windows", () => {
  test("Joules of marked windows agree with the power, and with what telemetry claims", () => {
    const feed = new LiveFeed(RIG, session());
    feed.declareRows(LAYOUT);
    const channels: TelemetryChannel[] = [
      { name: "nvml.power_instant", quantity: "power", unit: "W" },
      { name: "nvml.energy_counter", quantity: "energy", unit: "J", wrapsAt: 500 },
      { name: "nvml.temperature", quantity: "temperature", unit: "degC" },
    ];
    const grid = { name: "fast", periodNs: 10e6, startNs: EPOCH, firstChannel: 0, channels: 3 };
    feed.declareTelemetry(channels, [grid]);
    expect(feed.claims).toEqual(["nvml.power_instant", "nvml.energy_counter"]);
    let joules = 490; // wraps within the first second
    for (let i = 0; i < 3 * ROW_HZ; i += 500) {
      const tS = i / ROW_HZ;
      if (i === 5000) feed.mark(mark("load", "begin", 0.5));
      if (i === 15000) feed.mark(mark("load", "end", 1.5));
      if (i === 16000) feed.mark(mark("load", "begin", 1.6));
      feed.rows(block(i, 500));
      const values = [0.9 * 180, (joules % 500) + 0, 60];
      joules += 0.05 * 180;
      const at = EPOCH + BigInt(Math.round(tS * S));
      const row = BigInt64Array.of(at, at, at);
      feed.reads({
        count: 3,
        before: row,
        after: row,
        stamp: new BigInt64Array(3).fill(-1n),
        value: Float64Array.from(values),
        channel: Uint16Array.of(0, 1, 2),
      });
      feed.settle(tS * S);
    }
    feed.settle(Infinity);
    const [w] = feed.windows.closed;
    expect(w!.name).toBe("load-1");
    const truth = 0.5 * powerW(0.6) + 0.5 * powerW(0.1);
    expect(Math.abs(w!.joules[0]! - truth)).toBeLessThan(0.2); // arrival places rows to a fraction of a ms
    expect(w!.joules[1]!).toBeCloseTo(0.9 * 180, 6);
    expect(w!.joules[2]!).toBeCloseTo(180, 6);
    expect(feed.windows.open(5, 2.5 * S).map((o) => o.name)).toEqual(["load-2"]);
  });

  test("spans that overlap are told apart, unknown ends are ignored, service marks make none", () => {
    const w = new LiveWindows([(t) => t], () => 0);
    const at = (m: Mark): void => w.mark(m, Number(m.t - EPOCH));
    at(mark("a", "begin", 1, "x"));
    at(mark("a", "begin", 2, "y"));
    at(mark("a", "end", 3, "x"));
    at(mark("a", "end", 5, "y"));
    at(mark("b", "end", 6));
    at(mark("sync", "begin", 6));
    at(mark("sync", "end", 7));
    at(mark("first_token", "instant", 7));
    w.settle(10 * S);
    expect(w.closed.map((c) => [c.name, c.t0Ns / S, c.t1Ns / S])).toEqual([
      ["a-1", 1, 3],
      ["a-2", 2, 5],
    ]);
    expect(w.open(9, 10 * S)).toEqual([]);
  });

  test("a window with a hole says how many rows are missing", () => {
    const feed = fedWith(10_000);
    feed.mark(mark("load", "begin", 0.9));
    feed.settle(1 * S);
    feed.rows(block(12_000, 1000));
    feed.rows(block(13_000, 1000));
    feed.mark(mark("load", "end", 1.3));
    feed.settle(1.4 * S);
    expect(feed.windows.closed.map((w) => w.lostRows)).toEqual([2000]);
    expect(feed.gaps).toEqual([[10_000, 12_000]]);
  });

  test("an account that never catches up leaves the window without its figure", () => {
    const w = new LiveWindows([(t) => t / S, () => undefined], () => 0);
    w.mark(mark("a", "begin", 1), 1 * S);
    w.mark(mark("a", "end", 2), 2 * S);
    w.settle(2.1 * S);
    expect(w.closed).toHaveLength(0);
    w.settle(6 * S);
    expect([...w.closed[0]!.joules]).toEqual([1, NaN]);
  });

  test("endless begins do not fill memory", () => {
    const w = new LiveWindows([() => undefined], () => 0);
    for (let i = 0; i < 10_000; i++) w.mark(mark("kernel", "begin", i * 1e-3), i * 1e6);
    expect(w.open(1e9, 0)).toHaveLength(4096);
  });
});

describe("channels", () => {
  test("a failed read adds nothing and bridges nothing", () => {
    const c = new Channel({ name: "nvml.power_usage", quantity: "power", unit: "W" });
    [100, 100, NaN, 100, 100].forEach((v, i) => c.add(i * S, v));
    expect(c.failed).toBe(1);
    expect(c.joulesAt(4 * S)! - c.joulesAt(0)!).toBeCloseTo(200, 9);
  });

  test("asked for what is to come it waits, for what it forgot it says so", () => {
    const c = new Channel({ name: "nvml.power_usage", quantity: "power", unit: "W" });
    for (let i = 0; i < 20_000; i++) c.add(i * 1e7, 50);
    expect(c.joulesAt(20_001 * 1e7)).toBeUndefined();
    expect(c.joulesAt(5)).toBeNaN();
    expect(c.joulesAt(19_000 * 1e7)! - c.joulesAt(18_900 * 1e7)!).toBeCloseTo(50, 6);
  });
});

describe("lateness", () => {
  test("is the start of a tick less the time it was due", () => {
    const watch = new GridWatch({
      name: "fast",
      periodNs: 10e6,
      startNs: 7n,
      firstChannel: 0,
      channels: 1,
    });
    // Tick 4 starts 1.2 periods late, which uses up tick 5.
    const starts = [0.1, 10.2, 20.1, 30.3, 52, 60.1].map((ms) => ms * 1e6);
    for (const s of starts) watch.tick(7n + BigInt(Math.round(s)));
    const { ticks, medianNs, worstNs } = watch.lateness;
    expect(ticks).toBe(6);
    expect(worstNs).toBeCloseTo(12e6, 0);
    expect(medianNs).toBeCloseTo(0.1e6, 0);
  });
});

describe("feed", () => {
  test("channels stand where the device says it samples them, whether it says so before rows or after", () => {
    // hpwr steps by 20 A half a row before its own sample: its row is on the step's middle.
    const device = Buffer.from(
      JSON.stringify({ channels: [{ channel: 1, name: "i1", skew_ns: 0.5e9 / ROW_HZ }] }),
    );
    const asRig = {
      ...RIG,
      rails: RIG.rails.map((r, k) => ({
        ...r,
        current: { ...r.current!, skewS: k === 1 ? 0.5 / ROW_HZ : 0 },
      })),
    };
    const joules = (rig: Rig, said: "before" | "after" | "never"): number => {
      const feed = new LiveFeed(rig, session());
      if (said === "before") feed.device(device);
      feed.declareRows(LAYOUT);
      if (said === "after") feed.device(device);
      for (let i = 0; i < 7000; i += 250) feed.rows(block(i, 250));
      return feed.energy.joules;
    };
    const byRig = joules(asRig, "never");
    expect(joules(RIG, "before")).toBe(byRig);
    expect(joules(RIG, "after")).toBe(byRig);
    expect(joules(RIG, "never") - byRig).toBeCloseTo((-240 * 0.5) / ROW_HZ, 6);
  });

  test("power over the last second, clipped rows, other streams ignored", () => {
    const feed = fedWith(20_500);
    expect(feed.powerW).toBeCloseTo((powerW(0.1) + powerW(0.6)) / 2, 0);
    expect(feed.clippedRows).toBe(0);
    const full = block(20_500, 250);
    new Uint16Array(full.bytes.buffer).fill(65535, 0, 20);
    feed.rows(full);
    expect(feed.clippedRows).toBe(10);
    feed.rows({ ...block(30_000, 250), stream: "main.ina226-40" });
    expect(feed.energy.end).toBe(20_750);
  });

  test("blocks longer than any before are taken", () => {
    const feed = fedWith(100, 100);
    feed.rows(block(100, 5000));
    expect(feed.energy.end).toBe(5100);
    expect(feed.pyramid!.complete(0)).toBe(510);
  });

  test("duplicates and latecomers change nothing", () => {
    const feed = fedWith(1000);
    const joules = feed.energy.joules;
    feed.rows(block(500, 250, { flags: BlockFlag.duplicate }));
    feed.rows(block(0, 250, { flags: BlockFlag.reordered }));
    expect(feed.energy.joules).toBe(joules);
  });

  test("a rig that names channels the device lacks is refused in words", () => {
    const feed = new LiveFeed(RIG, session());
    expect(() => feed.declareRows({ ...LAYOUT, fields: [] })).toThrow(/rail slot reads channel i0/);
  });

  test("samples of the driver's own buffer stand at their own time", () => {
    const feed = new LiveFeed(RIG, session());
    feed.declareTelemetry([{ name: "nvml.power_samples", quantity: "power", unit: "W" }], []);
    feed.reads({
      count: 1,
      before: BigInt64Array.of(EPOCH + 2_000_000_000n),
      after: BigInt64Array.of(EPOCH + 2_000_000_000n),
      stamp: BigInt64Array.of(session().startUnix! + 1_500_000_000n),
      value: Float64Array.of(123),
      channel: Uint16Array.of(0),
    });
    expect(feed.channels[0]!.tNs.at(0)).toBe(1.5 * S);
  });
});
