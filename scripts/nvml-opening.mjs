// Two threads that open NVML at once, and one after the other: what does a reading of the power cost then?
//
//   node scripts/nvml-opening.mjs [trials = 60]
//
// Needs an NVIDIA GPU; reads only. Nothing else of this process may hold NVML open: that hides the effect.
// Out: for each way the median call of `nvml.power_usage` in every trial, µs, and how many were slow.

import { setTimeout as sleep } from "node:timers/promises";
import { readAt } from "../dist/nvml/batch.js";
import { nvmlGrids } from "../dist/nvml/grids.js";
import { startSampler } from "../dist/nvml/sampler.js";

/** A reading from the driver's memory takes some 30 µs on a grid, one from the GPU 3 ms. */
const SLOW_US = 500;
const TRIAL_MS = 350;
const trials = Number(process.argv[2] ?? 60);

const open = (grid) => startSampler({ grids: [grid] });
const ways = {
  at_once: () => Promise.all(nvmlGrids().map(open)),
  in_turn: async () => [await startSampler({ grids: nvmlGrids() })],
};
const medians = { at_once: [], in_turn: [] };
for (let i = 0; i < trials; i++)
  for (const way of Object.keys(ways)) medians[way].push(await trial(await ways[way]()));
for (const [way, us] of Object.entries(medians)) {
  const slow = us.filter((x) => x > SLOW_US).length;
  process.stdout.write(`${JSON.stringify({ way, trials, slow, median_us: us })}\n`);
}

async function trial(samplers) {
  const us = [];
  for (const sampler of samplers)
    sampler.onBatch((batch) => {
      for (let i = 0; i < batch.count; i++) {
        const read = readAt(batch, i, sampler.channels);
        const isPower = /^nvml\.(0\.)?power_usage$/.test(read.channel);
        if (isPower) us.push(Number(read.after - read.before) / 1e3);
      }
    });
  await sleep(TRIAL_MS);
  await Promise.all(samplers.map((s) => s.stop()));
  return us.sort((a, b) => a - b)[us.length >> 1];
}
