// What the intervals are tried under. In: a seed and a length. Out: what makes the virtual session of each condition.
// Holds: a rig states what is true of its sensors, but for what the condition is about and its name says.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "../../../host/temporary.ts";
import { builtInRig, type LoadedRig, loadRig } from "../../../rigs/load.ts";
import type { Comparison } from "../../../energy/result.ts";
import type { VirtualCaptureOptions } from "../../../virtual/bench/capture.ts";
import type { Truth } from "../../../virtual/bench/truth.ts";
import type { Trial } from "./trial.ts";
import { POWER, repeatedLoads } from "../../../virtual/bench/workloads.ts";

const MS = 1e6;

/** All but the seed and the length. */
type Setup = Omit<VirtualCaptureOptions, "seed" | "durationS">;

export interface Condition {
  readonly name: string;
  readonly make: (durationS: number, seed: number) => Setup | Promise<Setup>;
  /** What is tried in each session; else windows' Joules. */
  readonly judge?: (truth: Truth, result: Comparison) => Trial[];
}

export const CONDITIONS: readonly Condition[] = [
  { name: "healthy", make: () => ({}) },
  {
    // As a USB bench has it: some blocks, some edges and some reads are lost.
    name: "loss",
    make: () => ({
      faults: { lostBlocks: 0.004, lostEdges: 0.02, extraEdges: 0.02, failedReads: 0.01 },
    }),
  },
  {
    name: "loss under load",
    make: (durationS) => ({
      faults: { lostLoadBlocks: 0.3 },
      schedule: repeatedLoads(durationS, 17 * MS, (b) => b.hold(POWER.burst, 3 * MS)),
    }),
  },
  { name: "1/f noise of 0.1 A", make: () => ({ sensorErrors: flicker(0.1) }) },
  { name: "1/f noise of 0.3 A", make: () => ({ sensorErrors: flicker(0.3) }) },
  {
    name: "sensors of 1 kHz, loads of 4 ms",
    make: async (durationS) => ({
      rig: await virtualRig((text) => text.replace(/bandwidth: "\d+ kHz"/g, 'bandwidth: "1 kHz"')),
      schedule: repeatedLoads(durationS, 16 * MS, (b) => b.hold(POWER.burst, 4 * MS)),
    }),
  },
  {
    name: "common gain",
    make: async () => ({
      rig: await virtualRig((text) => `${text}${COMMON_GAIN}`),
      sensorErrors: { commonGain: true },
    }),
  },
  {
    name: "gain drift of 1 %",
    make: async () => ({
      rig: await virtualRig((text) =>
        text.replace(/gain: "±0.[56] %"/g, (gain) => `${gain}\n        drift: "±1 %"`),
      ),
      sensorErrors: { gainDrift: 0.01 },
    }),
  },
  { name: "rectangular errors", make: () => ({ sensorErrors: { spread: "rectangular" } }) },
  {
    name: "load 0.3 % off the row rate",
    make: async (durationS) => ({
      rig: await virtualRig((text) =>
        text.replace(/rate: "100 kHz"/g, 'rate: "5 kHz"').replace('"±20 ms"', '"±200 ms"'),
      ),
      schedule: repeatedLoads(durationS, 50 * MS, (b) => {
        const turnNs = 1.003 * (1e9 / 5e3);
        for (let ns = 0; ns < 100 * MS; ns += turnNs)
          b.hold(POWER.burst, turnNs / 2).hold(POWER.ready, turnNs / 2);
      }),
    }),
  },
];

/** All sensors of the virtual rig. */
const COMMON_GAIN = `
shared:
  - cause: one reference
    of: gain
    sensors: [slot_12v.voltage, slot_12v.current, hpwr_12v.voltage, hpwr_12v.current]
`;

const flicker = (rms: number) => ({ flicker: { field: "hpwr_i", rms } });

/** The virtual rig with another text. */
async function virtualRig(change: (text: string) => string): Promise<LoadedRig> {
  const { text } = await builtInRig("virtual");
  const dir = mkdtempSync(join(tmpdir(), "truejoule-rig-"));
  const path = join(dir, "virtual.yaml");
  try {
    writeFileSync(path, change(Buffer.from(text).toString("utf8")));
    return await loadRig(path);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
