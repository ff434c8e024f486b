// Captures of a PMD-USB with no edge but the load's own: what the clock fit makes of a device whose tick the
// rig does not expect, of bursts as short as its doubt, and of marks that are another recording's.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { command as compareCommand } from "../../cli/compare.ts";
import { command as importCommand } from "../../cli/import.ts";
import { random } from "../../stats/random.ts";
import { call, type CompareDocument, type Outcome } from "./commands.ts";

let dir: string;
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), "truejoule-load-"))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const START_US = 1_700_000_000_000_000;
const FIRST_S = -0.05;
const [IDLE_A, LOAD_A, VOLTS] = [10, 30, 12.1] as const;
/** From a load mark to the rails. */
const LAG_S = 0.0004;

interface Bench {
  hz: number;
  /** Seconds on and off. */
  on: number;
  off: number;
  bursts: number;
  /** Marks stand this much later than the load that they are of. */
  marksLateS?: number;
}

/** Start of each burst, s after the start stamp; gaps differ, so that no whole period looks like another. */
function bursts({ on, off, bursts: n }: Bench): number[] {
  const r = random(3, "bursts");
  let t = 0.5;
  return Array.from({ length: n }, () => {
    const at = t;
    t += on + off * (0.8 + 0.4 * r.uniform());
    return at;
  });
}

function capture(name: string, bench: Bench): string {
  const folder = join(dir, name);
  mkdirSync(folder);
  const starts = bursts(bench);
  const endS = starts.at(-1)! + bench.on + 0.5;
  const r = random(4, "frames");
  const step = 612;
  const count = Math.floor(((endS + 1 - FIRST_S) * bench.hz) / step);
  const out = Buffer.alloc(count * 18);
  for (let i = 0, k = 0; i < count; i++) {
    const t = FIRST_S + (i * step) / bench.hz - LAG_S;
    while (k < starts.length && t >= starts[k]! + bench.on) k++;
    const amperes = k < starts.length && t >= starts[k]! ? LOAD_A : IDLE_A;
    out.writeUInt16LE((i * step) & 0xffff, i * 18);
    for (let input = 0; input < 4; input++) {
      const value = input === 0 ? amperes / 0.0488 : 1;
      out.writeInt16LE(Math.round(VOLTS / 0.007568) << 4, i * 18 + 2 + 4 * input);
      out.writeInt16LE(Math.round(value + r.normal()) << 4, i * 18 + 4 + 4 * input);
    }
  }
  const late = bench.marksLateS ?? 0;
  const stamps = [...starts.flatMap((t) => [t, t + bench.on]), endS];
  const us = stamps.map((t) => Math.round(START_US + (t + late) * 1e6));
  writeFileSync(join(folder, "PMD_data.bin"), out);
  writeFileSync(join(folder, "PMD_start_ts.txt"), `${START_US}\n`);
  writeFileSync(join(folder, "timestamps.csv"), us.join("\n") + "\n");
  return folder;
}

async function compared(name: string, bench: Bench): Promise<[CompareDocument, Outcome]> {
  const run = join(dir, `${name}-run`);
  await call(importCommand, ["yang-pmd", capture(name, bench)], { out: run });
  const outcome = await call(compareCommand, [run]);
  return [outcome.document as CompareDocument, outcome];
}

/** Joules of a burst, without the offsets of the three inputs that carry nothing. */
const BURST_W = VOLTS * LOAD_A;

test.each([2.9345e6, 2.96e6, 3e6])("the load's edges say that the tick is %d Hz", async (hz) => {
  const [doc, outcome] = await compared(`hz-${hz}`, { hz, on: 0.05, off: 0.05, bursts: 30 });
  expect(Math.abs(doc.clock.tick_hz / hz - 1)).toBeLessThan(5e-5);
  expect(doc.clock).toMatchObject({ edges_used: 60, edges_missing: 0 });
  const [lo, hi] = doc.clock.interval_ns;
  const trueOffset = doc.clock.offset_ns - doc.clock.start_delay_ns + FIRST_S * 1e9;
  expect(trueOffset).toBeGreaterThan(lo);
  expect(trueOffset).toBeLessThan(hi);
  const told = outcome.warnings.join("\n");
  if (hz === 2.9345e6) expect(told).not.toMatch(/ppm from the rate/);
  else expect(told).toMatch(/ppm from the rate that the rig declares/);
});

test("bursts hardly longer than what edges leave open hold their Joules within U", async () => {
  const [doc] = await compared("short", { hz: 2.936e6, on: 0.005, off: 0.02, bursts: 60 });
  const marks = doc.windows.filter((w) => /^load-/.test(w.name));
  expect(marks).toHaveLength(60);
  for (const { physical } of marks) {
    const trueJ = BURST_W * (0.005 - LAG_S) + VOLTS * IDLE_A * LAG_S;
    expect(Math.abs(physical!.energy_j - trueJ)).toBeLessThan(physical!.expanded_uncertainty_j);
  }
});

test("marks that fit no step of the power are told, and the stamp alone is used", async () => {
  const bench = { hz: 2.936e6, on: 0.3, off: 0.3, bursts: 1, marksLateS: 0.8 };
  const [doc, outcome] = await compared("late", bench);
  expect(doc.clock.edges_used).toBe(0);
  expect(outcome.code).toBe(3);
  expect(outcome.warnings.join("\n")).toMatch(/fit each other at no rate and start/);
});
