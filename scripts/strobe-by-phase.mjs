// What each telemetry channel says one product costs, by the phase of the same periodic work.
//
//   node scripts/strobe-by-phase.mjs RUN        a run of examples/pytorch/strobe.py
//
// In: spans named `strobe` with period_ms, phase_ms and products. Out, as JSON: per period and channel the
// millijoules per product at each phase, and the spread max/min. Powers are integrated as `compare` does.

import { join } from "node:path";
import { compare, prepare } from "../dist/energy/compare.js";

const CHANNELS = /^nvml\.(0\.)?(power_instant|power_usage|power_samples|energy_counter)$/;
const run = process.argv[2];
if (!run) throw new Error("usage: strobe-by-phase.mjs RUN");

const prepared = prepare(join(run, "capture.mcap"));
const result = compare(prepared);
const periods = new Map();
for (const { window, telemetry } of result.windows) {
  if (!window.name.startsWith("strobe-")) continue;
  const { period_ms, phase_ms, on_ms, products, late } = window.fields;
  const series = periods.get(period_ms) ?? { period_ms, on_ms, phases: [] };
  periods.set(period_ms, series);
  const plain = telemetry.filter((t) => t.method !== "filter_matched" && CHANNELS.test(t.channel));
  const mj = plain.map((t) => [t.channel, (1e3 * t.energyJ) / products]);
  series.phases.push({ phase_ms, products, late, mj_per_product: Object.fromEntries(mj) });
}
for (const series of periods.values()) {
  series.spread = {};
  for (const channel of Object.keys(series.phases[0].mj_per_product)) {
    const mj = series.phases.map((p) => p.mj_per_product[channel]);
    series.spread[channel] = Math.max(...mj) / Math.min(...mj);
  }
}
const notes = prepared.scan.notes.map((n) => n.text);
process.stdout.write(`${JSON.stringify({ periods: [...periods.values()], notes }, null, 1)}\n`);
