// The edge worker's parts that know no clock and no line: the pattern, and when the line changes.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { drive, openOutput } from "../../gpio/output-line.ts";
import { PATTERN_MEAN_MS, PATTERN_PERIOD, syncPattern } from "../../gpio/sync-pattern.ts";
import { TriggerPulses } from "../../gpio/trigger-pulses.ts";
import { lineFile } from "../../virtual/daq/line-file.ts";
import { random } from "../../stats/random.ts";

test("any three neighbouring distances occur once in the pattern's period", () => {
  const next = syncPattern();
  const distances = Array.from({ length: PATTERN_PERIOD + 2 }, next);
  const seen = new Set<number>();
  for (let i = 0; i < PATTERN_PERIOD; i++)
    seen.add((distances[i]! * 256 + distances[i + 1]!) * 256 + distances[i + 2]!);
  expect(seen.size).toBe(PATTERN_PERIOD);
  expect([Math.min(...distances), Math.max(...distances)]).toEqual([40, 167]);
  const mean = distances.slice(0, PATTERN_PERIOD).reduce((a, b) => a + b) / PATTERN_PERIOD;
  expect(mean).toBeCloseTo(PATTERN_MEAN_MS, 1);
});

interface Change {
  readonly t: number;
  readonly level: 0 | 1;
  readonly cause: string;
}

/** The line over 60 s, looked at every `stepNs` or so. */
function changes(stepNs: number, submitted: () => boolean): Change[] {
  const r = random(1, "looks");
  const pulses = new TriggerPulses(0);
  const out: Change[] = [];
  for (let t = 0; t < 60e9; t += stepNs * (0.5 + r.uniform())) {
    const level = pulses.next(t, submitted());
    if (level >= 0) out.push({ t, level: level as 0 | 1, cause: pulses.cause });
  }
  return out;
}

test("levels alternate, pulses keep their distance, the pattern never waits for launches", () => {
  const r = random(2, "launches");
  const idle = changes(1e5, () => false);
  const busy = changes(1e5, () => r.uniform() < 0.3);
  for (const list of [idle, busy]) {
    list.forEach((c, i) => expect(c.level).toBe(i % 2 === 0 ? 1 : 0));
    const rises = list.filter((c) => c.level === 1);
    rises.slice(1).forEach((c, i) => expect(c.t - rises[i]!.t).toBeGreaterThanOrEqual(10e6));
  }
  const pattern = (list: Change[]): number => list.filter((c) => c.cause === "pattern").length;
  expect(idle.length).toBe(pattern(idle));
  expect(pattern(idle)).toBeGreaterThan(1000);
  expect(Math.abs(pattern(busy) - pattern(idle))).toBeLessThan(20);
  expect(busy.length - pattern(busy)).toBeGreaterThan(1000);
  expect(busy.length - pattern(busy)).toBeLessThanOrEqual((2 * 60e9) / 20e6);
});

test("a launch that comes too early raises nothing later", () => {
  const pulses = new TriggerPulses(0);
  expect(pulses.next(1e6, true)).toBe(1);
  expect(pulses.next(1.5e6, true)).toBe(-1);
  expect(pulses.next(2e6, true)).toBe(0);
  expect(pulses.next(3e6, true)).toBe(-1);
  expect(pulses.next(22e6, false)).toBe(-1);
  expect(pulses.next(22e6, true)).toBe(1);
});

test("a simulated line carries edges from one process's file to another's", async () => {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-line-"));
  const path = join(dir, "edges");
  writeFileSync(path, "");
  try {
    const input = lineFile(path);
    const output = await openOutput(`simulated:${path}`);
    const driven = ([1, 1, 0, 1] as const).map((level) => drive(output, level));
    const [up, down, again] = input.take();
    expect(up! >= driven[0]!.before && up! <= driven[0]!.after).toBe(true);
    expect(down! >= driven[2]!.before && down! <= driven[2]!.after).toBe(true);
    expect(again! >= driven[3]!.before && again! <= driven[3]!.after).toBe(true);
    output.close();
    appendFileSync(path, Buffer.alloc(5)); // an edge that is still being written
    expect(input.take()).toHaveLength(1);
    expect(input.take()).toHaveLength(0);
    input.close();
    await expect(openOutput(`simulated:${dir}/none/edges`)).rejects.toThrow(
      /cannot write the simulated line/,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
