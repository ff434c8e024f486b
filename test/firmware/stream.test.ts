// The real image in the emulator, decoded by the real ingest: every sample, every edge, every loss.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { buildImage } from "../../firmware/image.ts";
import type { Scenario } from "../../firmware/emulator/trial.ts";
import { type Trial, trial, whyNot, wrongSamples } from "./trial.ts";

const suite = whyNot ? describe.skip : describe;
const MINUTES = 60_000;
const fullRate: Scenario = { rowHz: 125_000, mask: 15, seconds: 5, edgesHz: 300, seed: 1 };

suite(`firmware in the emulator${whyNot ? ` (skipped: ${whyNot})` : ""}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-image-"));
  let image = "";
  let singleIn = "";
  beforeAll(() => {
    image = buildImage(folder).bin;
    singleIn = buildImage(folder, { singleIn: true }).bin;
  }, MINUTES);
  afterAll(() => rmSync(folder, { recursive: true }));

  function expectNoLoss(t: Trial): void {
    const nothing = { badFrames: 0, otherVersion: 0, skippedBytes: 0, malformed: 0, unknown: 0 };
    const noGap = { framesLost: 0, rowsLost: 0, duplicates: 0, indexFaults: 0, edgesLost: 0 };
    expect(t.decoder.counts).toMatchObject({ ...nothing, ...noGap });
    expect(t.truth.usbErrors).toEqual([]);
    const last = t.statuses.at(-1)!;
    expect(last).toMatchObject({ framesDropped: 0, rowsOverrun: 0, edgesDropped: 0, stalls: 0 });
  }

  function expectEdges(t: Trial, tickUs: number): void {
    const { edges: truth } = t.truth;
    // Edges of the last moments may come after the stop.
    expect(t.edges.length).toBeGreaterThan(truth.length - 5);
    const wrongRow = t.edges.filter((e, i) => e.index !== truth[i]!.row);
    expect(wrongRow).toEqual([]);
    const off = t.edges.map((e, i) => truth[i]!.tNs / 1e3 - Number(e.tick));
    expect(Math.min(...off)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...off)).toBeLessThan(tickUs);
    expect(t.edges.map((e) => e.level)).toEqual(truth.slice(0, t.edges.length).map((e) => e.level));
    expect(t.edges.map((e) => e.count)).toEqual(t.edges.map((_, i) => i + 1));
  }

  test(
    "5 s at 500 kS/s: no bad frame, no gap, every sample and edge in place, the same bytes twice",
    async () => {
      const t = await trial(image, fullRate);
      expectNoLoss(t);
      const { compared, wrong } = wrongSamples(t, 15);
      expect(compared).toBeGreaterThan(2_490_000);
      expect(wrong).toBe(0);
      expect(t.edges.length).toBeGreaterThan(1000);
      expectEdges(t, 1);
      // The tick of a row: when its first conversion began.
      for (const b of t.blocks) {
        const trueUs = t.truth.firstRowNs / 1e3 + b.firstIndex * 8;
        expect(Math.abs(Number(b.deviceTick) - trueUs)).toBeLessThan(1);
      }
      const again = await trial(image, fullRate);
      expect(again.truth.sha256).toBe(t.truth.sha256);
    },
    20 * MINUTES,
  );

  test(
    "4 × 100 kS/s with a pause between samples, and readings of an INA226",
    async () => {
      const t = await trial(image, { ...fullRate, rowHz: 100_000, seconds: 1, edgesHz: 2000 });
      expectNoLoss(t);
      expect(wrongSamples(t, 15).wrong).toBe(0);
      expectEdges(t, 1);
      const good = t.readings.filter((r) => r.status === 0);
      expect(good.length).toBeGreaterThan(105);
      expect(t.readings.length).toBe(good.length);
      expect(good.map((r) => r.number)).toEqual(good.map((_, i) => i));
      for (const r of good) expect([r.shunt, r.bus, r.config]).toEqual([4920, 9640, 0x4327]);
      // Its own clock is 0.4 % slow; the alert stamps each end to 20 µs.
      const steps = good.slice(1).map((r, i) => Number(r.endTick - good[i]!.endTick));
      for (const step of steps) expect(Math.abs(step - 8800 * 1.004)).toBeLessThan(20);
    },
    5 * MINUTES,
  );

  test.each([10_000, 20_000, 30_000, 40_000, 60_000])(
    "%i edges a second: no stamp is wrong, every lost edge is counted, no row is lost",
    async (edgesHz) => {
      // The edges rest before the end, so that the last status knows of all of them.
      const more = { rowHz: 100_000, seconds: 0.45, edgesHz, edgesS: 0.3 };
      const t = await trial(image, { ...fullRate, ...more });
      const { edges: truth } = t.truth;
      const wrong = t.edges.filter((e) => {
        const x = truth[e.count - 1];
        const off = x ? x.tNs / 1e3 - Number(e.tick) : NaN;
        return !(off >= 0 && off < 1 && e.index === x!.row && e.level === x!.level);
      });
      expect(wrong).toEqual([]);
      expect(t.edges.length).toBeGreaterThan(edgesHz * 0.1);
      const last = t.statuses.at(-1)!;
      expect(t.edges.length + last.edgesDropped).toBe(truth.length);
      // Beside 4 × 100 kS/s nothing is lost up to here (firmware/README.md).
      if (edgesHz === 10_000) expect(last.edgesDropped).toBe(0);
      expect(t.decoder.counts).toMatchObject({ rowsLost: 0, badFrames: 0, edgesWrong: 0 });
      expect(last.rowsOverrun).toBe(0);
      expect(wrongSamples(t, 15).wrong).toBe(0);
      expect(t.truth.usbErrors).toEqual([]);
    },
    5 * MINUTES,
  );

  test(
    "edges lost before a run's first pass are counted, whatever the run before lost",
    async () => {
      const more = { rowHz: 100_000, seconds: 0.6, edgesHz: 60_000, edgesS: 0.45 };
      const lossy = { freeze: { atS: 0.1, ms: 20 }, again: { atS: 0.3, ms: 10 } };
      const t = await trial(image, { ...fullRate, ...more, ...lossy });
      const begins = t.edges.findLastIndex((e, i) => i === 0 || e.count < t.edges[i - 1]!.count);
      const second = t.edges.slice(begins);
      // They rest before the end, so that the last status knows of all of them.
      const first = t.truth.edges.findIndex((e) => e.tNs >= Number(second[0]!.tick) * 1e3);
      const made = second[0]!.count + t.truth.edges.length - (first + 1);
      expect(begins).toBeGreaterThan(0);
      expect(second[0]!.count).toBeGreaterThan(100);
      expect(second.length + t.statuses.at(-1)!.edgesDropped).toBe(made);
    },
    5 * MINUTES,
  );

  test.each([
    ["three inputs, whose blocks wrap in the ring", 0b1011, 100_000, 0.7],
    // 1,035 kB/s, more than USB takes (960): as long as the board's 64 kB last.
    ["one input at its fastest, for a while", 0b0100, 500_000, 0.5],
    ["two inputs, slow, a long pause between samples", 0b0011, 1_000, 1.3],
    ["rows that are no whole number of ticks", 0b1111, 120_000, 0.7],
  ])(
    "%s",
    async (_, mask, rowHz, seconds) => {
      const t = await trial(image, { ...fullRate, mask, rowHz, seconds });
      expectNoLoss(t);
      const { compared, wrong } = wrongSamples(t, mask);
      expect(compared).toBeGreaterThan(500);
      expect(wrong).toBe(0);
      expectEdges(t, 1);
    },
    5 * MINUTES,
  );

  test(
    "a host that takes nothing for 100 ms: what is lost is told, twice alike",
    async () => {
      const t = await trial(image, { ...fullRate, seconds: 1, stall: { atS: 0.4, ms: 100 } });
      const { framesLost, rowsLost, badFrames, skippedBytes } = t.decoder.counts;
      const last = t.statuses.at(-1)!;
      expect(framesLost).toBeGreaterThan(0);
      expect(rowsLost).toBeGreaterThan(0);
      expect(last.framesDropped).toBe(framesLost);
      expect([badFrames, skippedBytes]).toEqual([0, 0]);
      expect(last.stalls).toBe(1);
      expect(last.longestStallTicks / 1e5).toBeCloseTo(1, 1);
      expect(rowsLost % 512).toBe(0);
      const received = t.blocks.reduce((n, b) => n + b.rows, 0);
      const end = t.blocks.at(-1)!.firstIndex + 512;
      expect(received + rowsLost).toBe(end);
      expect(wrongSamples(t, 15).wrong).toBe(0);
      expect(t.truth.usbErrors).toEqual([]);
    },
    5 * MINUTES,
  );

  test(
    "a processor away for 20 ms: rows lost and counted, none under a wrong index",
    async () => {
      // More edges than are taken before the converter is set going again.
      const more = { seconds: 0.6, freeze: { atS: 0.3, ms: 20 }, edgesHz: 8000 };
      const t = await trial(image, { ...fullRate, ...more });
      const last = t.statuses.at(-1)!;
      expect(last.rowsOverrun).toBeGreaterThan(2000);
      expect(last.framesDropped).toBe(0);
      expect(t.decoder.counts).toMatchObject({ badFrames: 0, framesLost: 0 });
      expect(t.decoder.counts.rowsLost).toBe(last.rowsOverrun);
      // Edges in the pause are placed among the rows that were lost in it.
      const pause = t.blocks.find((b) => b.flags !== 0)!;
      const from = pause.firstIndex - last.rowsOverrun;
      const inside = t.edges.filter((e) => e.index > from && e.index < pause.firstIndex);
      expect(inside.length).toBeGreaterThan(100);
      expect(t.decoder.counts).toMatchObject({ edgesWrong: 0, edges: t.edges.length });
      // The converter was set going again: rows after it are told by tick, not by their count.
      const after = t.blocks.filter((b) => Number(b.deviceTick) > t.truth.firstRowNs / 1e3 + 330e3);
      expect(after.length).toBeGreaterThan(50);
      for (const b of t.blocks) {
        const trueUs = t.truth.firstRowNs / 1e3 + b.firstIndex * 8;
        expect(Math.abs(Number(b.deviceTick) - trueUs)).toBeLessThan(1.1);
      }
    },
    5 * MINUTES,
  );

  test(
    "behind a hub: 4 × 100 kS/s without a loss; one buffer would not do",
    async () => {
      const link = { hub: true };
      const base = { ...fullRate, seconds: 0.5, edgesHz: 0, link };
      expectNoLoss(await trial(image, { ...base, rowHz: 100_000 }));
      const one = await trial(singleIn, { ...base, rowHz: 100_000 });
      expect(one.decoder.counts.framesLost).toBeGreaterThan(0);
    },
    5 * MINUTES,
  );

  test(
    "one USB buffer at 500 kS/s: in order, by the rules",
    async () => {
      const t = await trial(singleIn, { ...fullRate, seconds: 1 });
      expectNoLoss(t);
      expect(wrongSamples(t, 15).wrong).toBe(0);
    },
    5 * MINUTES,
  );
});
