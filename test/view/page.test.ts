// The page's own functions, as they run in the browser, against the truth of a synthetic run.

import { beforeAll, describe, expect, jest, test } from "@jest/globals";
import { readFileSync, rmSync } from "node:fs";
import { random } from "../../stats/random.ts";
import type { PageData } from "../../view/page-data.ts";
import { channelColumns } from "../../view/page/columns.ts";
import { channelBetween, energyBetween, seriesBetween } from "../../view/page/report/between.ts";
import {
  type Channel,
  loadDocument,
  type Run,
  type Trace,
} from "../../view/page/report/document.ts";
import { bucketColumns, excerptFor, rawColumns } from "../../view/page/report/trace-columns.ts";
import { writeReport } from "../../view/report.ts";
import { truthJ, truthW, writeSyntheticRun } from "./synthetic.ts";

jest.setTimeout(30_000); // a loaded machine is slow, not wrong

let run: Run;
let trace: Trace;
let gapped: Trace;

async function runOf(gap?: readonly [number, number]): Promise<Run> {
  const paths = writeSyntheticRun(gap ? { gap } : {}); // five rows a bucket
  await writeReport(paths);
  const text = /id="data">(.*?)<\/script>/s.exec(readFileSync(paths.report, "utf8"))![1]!;
  rmSync(paths.dir, { recursive: true });
  return loadDocument(JSON.parse(text) as PageData);
}

beforeAll(async () => {
  run = await runOf();
  trace = run.trace!;
  gapped = (await runOf([1.2, 1.7])).trace!;
});

describe("energy between two markers", () => {
  const truth = (a: number, b: number): number => Math.abs(truthJ(b) - truthJ(a));

  test("is exact at bucket ends", () => {
    const r = random(4, "bucket ends");
    for (let i = 0; i < 300; i++) {
      const [a, b] = [r.integer(trace.used), r.integer(trace.used)].map(
        (k) => trace.start + k * trace.width,
      ) as [number, number];
      const found = energyBetween(trace, a, b);
      expect(Math.abs(found.energyJ - truth(a, b))).toBeLessThan(2e-4); // float32 rows of the fixture
      expect(found.slackJ).toBeLessThan(1e-6);
    }
  });

  test("lies within the stated slack anywhere else", () => {
    const r = random(5, "anywhere");
    for (let i = 0; i < 2000; i++) {
      const [a, b] = [6 * r.uniform(), 6 * r.uniform()];
      const found = energyBetween(trace, a, b);
      expect(Math.abs(found.energyJ - truth(a, b))).toBeLessThan(found.slackJ + 2e-4);
    }
  });

  test("is not the slack's merit alone: the slack is small beside the energy", () => {
    expect(energyBetween(trace, 1.2345678, 3.3333333).slackJ).toBeLessThan(0.05);
  });

  test("does not care which marker comes first", () => {
    expect(energyBetween(trace, 3, 1)).toEqual(energyBetween(trace, 1, 3));
  });

  test("grows by nothing over a gap, and says how much was observed", () => {
    const found = energyBetween(gapped, 1.1, 1.8);
    expect(found.observedS).toBeCloseTo(0.2, 3);
    expect(found.energyJ).toBeCloseTo(62, 1);
    expect(found.meanW).toBeCloseTo(310, 0);
  });

  test("rails add up to the total", () => {
    const power = trace.series.slice(0, 3).map((s) => s.name);
    expect(power).toEqual(["total", "slot", "hpwr"]);
    const [total, slot, hpwr] = [0, 1, 2].map(
      (i) => seriesBetween(trace, trace.series[i]!, 0.7, 3.9).integral,
    ) as [number, number, number];
    expect((slot + hpwr) / total).toBeCloseTo(1, 6);
  });
});

describe("columns", () => {
  test.each([50, 333, 1180, 2360])("no peak is lost in %i columns", (n) => {
    const c = bucketColumns(trace, trace.series[0]!, { from: 0, to: 6, n });
    const top = Math.max(...c.max.filter((v) => v !== null));
    expect(top).toBe(trace.series[0]!.max.reduce((m, v) => Math.max(m, v)));
    expect(
      c.mean.every((v, i) => v === null || (v >= c.min[i]! - 1e-3 && v <= c.max[i]! + 1e-3)),
    ).toBe(true);
  });

  test("a gap is empty, its neighbours are not", () => {
    const c = bucketColumns(gapped, gapped.series[0]!, { from: 1.1, to: 1.8, n: 70 });
    expect(c.mean.slice(12, 58).every((v) => v === null)).toBe(true);
    expect([c.mean[5], c.mean[65]].every((v) => Math.abs(v! - 310) < 0.01)).toBe(true);
  });

  test("around a window's edge every sample is there", () => {
    const excerpt = excerptFor(trace, 0.9995, 1.001);
    expect(excerpt).not.toBeNull();
    const c = rawColumns(excerpt!.t, excerpt!.values[0]!, { from: 0.9995, to: 1.001, n: 300 });
    c.mean.forEach((v, i) => {
      const t = 0.9995 + ((i + 0.5) / 300) * 0.0015;
      expect(Math.abs(v! - truthW(t))).toBeLessThan(5); // half a row on a 0.5 W/µs edge
    });
  });

  test("far from any edge there are only buckets", () =>
    expect(excerptFor(trace, 2.5, 2.501)).toBeNull());
});

describe("telemetry", () => {
  const channel = (name: string): Channel => run.channels.find((c) => c.name === name)!;

  test("counts as last read; a failed read stands for nothing", () => {
    const found = channelBetween(channel("nvml.power_instant"), 1.05, 1.95);
    // The read at 1.0 s saw idle and stands until 1.1 s: 54 W for 50 ms, then 279 W for 850 ms.
    expect(found.mean).toBeCloseTo((54 * 0.05 + 279 * 0.85) / 0.9, 3);
    expect(found.reads).toBe(9);
  });

  test("a counter's growth keeps its millijoules at five million joules", () => {
    const found = channelBetween(channel("nvml.energy_counter"), 1, 4);
    expect(Math.abs(found.growth - (truthJ(4) - truthJ(1)))).toBeLessThan(2e-3);
  });

  test("its slope is a power", () => {
    const found = channelBetween(channel("nvml.energy_counter (slope)"), 1.2, 1.8);
    expect(found.mean).toBeCloseTo(310, 0);
  });

  test("columns hold a value until the next read", () => {
    const c = channelColumns(channel("nvml.power_instant"), { from: 1.1, to: 1.9, n: 80 });
    expect(c.mean.every((v) => Math.abs(v! - 279) < 0.01)).toBe(true);
  });
});
