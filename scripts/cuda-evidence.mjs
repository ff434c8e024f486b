// What a run with --cuda says about launches, kernels and the GPU's clock, for docs/evidence.
//
//   node scripts/cuda-evidence.mjs RUN [TRUTH]      TRUTH: what scripts/cuda-load.py truth wrote
//
// Out, as JSON: counts against the library's own, widths of the clock's bounds, CUPTI's error, bounds of the
// kernels' starts, time from launch to start, the table of kernels. Microseconds unless said.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gpuToSession, segmentFigures } from "../dist/align/clocks/gpu-clock.js";
import { compare, prepare } from "../dist/energy/compare.js";

const [run, truthFile] = process.argv.slice(2);
if (!run) throw new Error("usage: cuda-evidence.mjs RUN [TRUTH]");
const began = performance.now();
const prepared = prepare(join(run, "capture.mcap"));
const { clocks, scan } = prepared;
const k = clocks.kernels;
if (!k) throw new Error(`${run}: no kernels were recorded`);
const { table } = k;

const round = (x) => Math.round(x * 100) / 100;
function spread(values) {
  const sorted = Float64Array.from(values)
    .filter((x) => !Number.isNaN(x))
    .sort();
  if (sorted.length === 0) return null;
  const at = (q) => round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] / 1e3);
  return {
    n: sorted.length,
    least: at(0),
    p1: at(0.01),
    median: at(0.5),
    p99: at(0.99),
    most: at(1),
  };
}

const own = scan.marks.filter((m) => m.name.startsWith("cuda_trace_")).map((m) => m.fields);
const result = {
  source: scan.session.source,
  labels: scan.session.labels,
  library: Object.assign({}, ...own),
  kernels: table.count,
  launches: table.launches,
  launches_without_kernel: table.launchesAlone,
  without_bounds: k.unbounded,
  before_their_launch: k.early,
  by_name: count(),
  gpu_clock: k.clocks.map((c) => {
    const figures = c.segments.map(segmentFigures);
    return {
      clock: c.clock,
      step_ns: c.stepNs,
      exchanges: c.exchanges,
      bursts: c.segments.length,
      alone: c.segments.filter((s) => s.alone).length,
      contradictions: c.contradictions,
      half_width_at_bursts: spread(
        figures.map((f) => (f.offsetNs[1] - f.offsetNs[0] + c.stepNs) / 2),
      ),
      half_width_between: spread(between(c)),
      rate_ppm: figures
        .map((f) => (1e6 * (f.rate[0] + f.rate[1])) / 2)
        .filter((_, i) => i % 10 === 0),
    };
  }),
  round_trip: spread(trips()),
  cupti_error: k.cupti.map((e) => spread(e.atNs.map((_, i) => (e.loNs[i] + e.hiNs[i]) / 2))),
  cupti_error_half_width: k.cupti.map((e) =>
    spread(e.atNs.map((_, i) => (e.hiNs[i] - e.loNs[i]) / 2)),
  ),
  start_half_width: spread(k.startNs.map((_, i) => (k.hiNs[i] - k.loNs[i]) / 2)),
  submit_to_start: spread(k.startNs.map((t, i) => t - table.submitNs[i])),
  submit_to_start_idle_gpu: spread(idleStarts()),
  truth: truthFile ? truths() : undefined,
  warnings: k.warnings,
};
if (scan.stream) {
  const { kernels } = compare(prepared);
  result.trigger = trigger();
  result.table = kernels.byName.slice(0, 12).map((r) => {
    const true_j = trueJoules().get(r.name);
    return { ...r, name: r.name.slice(0, 90), true_j };
  });
}
result.seconds = round((performance.now() - began) / 1e3);
process.stdout.write(`${JSON.stringify(result, null, 1)}\n`);

/** The edges that tie the DAQ to the host, and the fit that rests on them. */
function trigger() {
  const edges = scan.marks.filter((m) => m.name === "sync");
  const rises = edges.filter((m) => m.phase === "begin");
  const { method, edgesUsed, edgesMissing, edgesExtra, residualRmsNs } = clocks.daq;
  return {
    pulses: {
      pattern: rises.filter((m) => m.fields.cause === "pattern").length,
      all: rises.length,
    },
    half_bracket: spread(edges.map((m) => m.fields.half_ns)),
    notes: scan.notes.map((n) => n.text).filter((t) => t.startsWith("trigger:")),
    fit: {
      method,
      edgesUsed,
      edgesMissing,
      edgesExtra,
      residual_rms_us: round(residualRmsNs / 1e3),
    },
  };
}

/** What the virtual bench knows, by kernel name. */
function trueJoules() {
  const truth = scan.attachments.get("truth.json");
  const list = truth ? JSON.parse(Buffer.from(truth).toString()).kernels : [];
  return new Map(list.map((k) => [k.name, k.energy_j]));
}

function count() {
  const n = new Map();
  for (let i = 0; i < table.count; i++) {
    const name = table.names[table.name[i]].slice(0, 120);
    n.set(name, (n.get(name) ?? 0) + 1);
  }
  return Object.fromEntries([...n].sort((a, b) => b[1] - a[1]).slice(0, 12));
}

/** Half-widths midway between neighbouring bursts. */
function between(c) {
  return Array.from({ length: c.segments.length - 1 }, (_, i) => {
    const [lo, hi] = gpuToSession(c, (c.centresNs[i] + c.centresNs[i + 1]) / 2);
    return (hi - lo) / 2;
  });
}

function trips() {
  return scan.exchanges
    .filter((e) => /^gpu\S*$/.test(e.stream))
    .map((e) => Number(e.received - e.sent));
}

/** Launches made when every kernel before had ended: what starting costs, without a queue. */
function idleStarts() {
  const rows = Array.from({ length: table.count }, (_, i) => i);
  rows.sort((a, b) => k.startNs[a] - k.startNs[b]);
  let busyUntil = -Infinity;
  const waits = [];
  for (const i of rows) {
    if (table.submitNs[i] > busyUntil) waits.push(k.startNs[i] - table.submitNs[i]);
    busyUntil = Math.max(busyUntil, k.endNs[i]);
  }
  return waits;
}

/** Kernels that noted the GPU's clock themselves, in launch order. */
function truths() {
  const notes = JSON.parse(readFileSync(truthFile, "utf8"));
  const rows = Array.from({ length: table.count }, (_, i) => i)
    .filter((i) => table.names[table.name[i]] === "truth")
    .sort((a, b) => table.correlation[a] - table.correlation[b]);
  const clock = k.clocks[0];
  const [first, last] = [[], []];
  let contradicted = 0;
  rows.forEach((i, n) => {
    const [begun, ended] = notes[n].map((g) =>
      gpuToSession(clock, Number(BigInt(g) - clock.epoch)),
    );
    const length = k.endNs[i] - k.startNs[i];
    if (k.loNs[i] > begun[1] || k.hiNs[i] + length < ended[0]) contradicted++;
    first.push((begun[0] + begun[1]) / 2 - k.startNs[i]);
    last.push(k.endNs[i] - (ended[0] + ended[1]) / 2);
  });
  const sums = {
    first_instruction_after_start: spread(first),
    end_after_last_instruction: spread(last),
  };
  return { kernels: rows.length, notes: notes.length, contradicted, ...sums };
}
