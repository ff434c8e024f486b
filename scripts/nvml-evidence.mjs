// Measures what NVML is like on this host, for docs/evidence: what is supported, what each call costs,
// how often each field changes, how the sampler's grid holds beside a load, what the sample ring gives.
//
//   node scripts/nvml-evidence.mjs OUT [seconds = 60] [section …]
//
// Sections: calls, observer, updates, grid, beat, busy; all by default. Needs an NVIDIA GPU, and python3
// with PyTorch for the load. Reads only: no clock, limit or mode is set. Writes OUT/evidence.json and, for
// grids and beat, OUT/<name>.mcap: every read, with marks of the load.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { LogWriter } from "../dist/capture/log-writer.js";
import { readAt } from "../dist/nvml/batch.js";
import { loadNvml } from "../dist/nvml/bindings.js";
import { readEnvironment } from "../dist/nvml/environment.js";
import { probeFeatures } from "../dist/nvml/features.js";
import { nvmlGrids } from "../dist/nvml/grids.js";
import { hostClocks } from "../dist/nvml/host-clocks.js";
import { samplerNotes } from "../dist/nvml/notes.js";
import { openSystemNvml } from "../dist/nvml/nvml-provider.js";
import { startSampler } from "../dist/nvml/sampler.js";

const out = process.argv[2];
const seconds = Number(process.argv[3] ?? 60);
if (!out) throw new Error("usage: nvml-evidence.mjs OUT [seconds]");
mkdirSync(out, { recursive: true });
const now = () => process.hrtime.bigint();
const nowMs = () => Number(now()) / 1e6;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const began = nowMs();
const say = (text) => console.log(`${((nowMs() - began) / 1e3).toFixed(1)} s  ${text}`);

const evidence = {};
const save = () => writeFileSync(join(out, "evidence.json"), JSON.stringify(evidence, null, 1));
const clocks = hostClocks();
const nvml = await openSystemNvml();
const device = nvml.devices[0];
say(`NVML ${nvml.driver} open`);

evidence.environment = await readEnvironment({ nvml });
evidence.features = probeFeatures(device);
evidence.scopes = await fieldScopes();
save();
say("probed");

const sections = {
  calls: async () => void (evidence.callsIdle = callTimes()),
  async observer() {
    evidence.observer = [];
    for (let i = 0; i < 2; i++)
      for (const polled of [false, true]) evidence.observer.push(await idlePower(polled, 5000));
  },
  updates: () =>
    underLoad(60, 1, 1, async () => {
      evidence.updates = updatePeriods(3000);
      evidence.callsLoaded = callTimes();
    }),
  grid: () =>
    underLoad(seconds + 60, 1, 1, async (load) => {
      evidence.grid = await sampleGrid(seconds, 10e6, false, { name: "grid", load });
      evidence.gridFifo = await sampleGrid(10, 10e6, true);
      evidence.grid1kHz = await sampleGrid(10, 1e6, false, { name: "grid-1kHz", load });
    }),
  /** 5 ms of work every 20.05 ms drifts once through a 20 ms sampling in 8 s: the counter's strobe, as a beat. */
  beat: () =>
    underLoad(60, 0.005, 0.01505, async (load) => {
      evidence.beat = await sampleGrid(25, 10e6, false, { name: "beat", load });
    }),
  /** Every core busy with something else. */
  async busy() {
    const spin = () => spawn(process.execPath, ["-e", "for (;;);"], { stdio: "ignore" });
    const spinners = Array.from({ length: cpus().length }, spin);
    evidence.gridBusy = await sampleGrid(15, 10e6, false);
    spinners.forEach((spinner) => spinner.kill("SIGKILL"));
  },
};

const chosen = process.argv.length > 4 ? process.argv.slice(4) : Object.keys(sections);
for (const name of chosen) {
  await sections[name]();
  save();
  say(name);
}
nvml.close();
for (const [key, report] of Object.entries(evidence))
  report.notes?.forEach((note) => console.log(`${key}: ${note.text}`));

async function underLoad(s, onS, offS, body) {
  const marks = join(out, "marks.txt");
  rmSync(marks, { force: true });
  const script = new URL("square-load.py", import.meta.url).pathname;
  const args = [script, marks, String(s), String(onS), String(offS)];
  const python = spawn("python3", args, { stdio: ["ignore", "inherit", "inherit"] });
  while (!existsSync(marks) || readFileSync(marks, "utf8").length === 0) await sleep(100);
  say("load runs");
  await sleep(2000);
  await body({ marks, text: `bf16 4096^3 products, ${onS} s on, ${offS} s off` });
  const ended = once(python, "exit");
  python.kill();
  await ended;
}

/** Fields 185 and 186 by scope: constants and comments of nvml.h disagree about their meaning. */
async function fieldScopes() {
  const native = await loadNvml();
  const { address, view } = native.allocate(64);
  native.c.nvmlDeviceGetHandleByIndex_v2(0, address);
  const handle = view.getBigUint64(0, true);
  const answers = [];
  for (const field of [83, 185, 186, 191, 82])
    for (let scope = 0; scope < 4; scope++) {
      view.setUint32(0, field, true);
      view.setUint32(4, scope, true);
      const code = native.c.nvmlDeviceGetFieldValues(handle, 1, address) || view.getInt32(28, true);
      const raw = code === 0 ? Number(view.getBigUint64(32, true)) : null;
      answers.push({ field, scope, code, type: view.getInt32(24, true), raw });
    }
  return answers;
}

function quantiles(values) {
  const sorted = Float64Array.from(values).sort();
  const at = (q) => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))];
  return { n: sorted.length, median: at(0.5), p99: at(0.99), worst: sorted.at(-1) };
}

/** Microseconds a call, each quantity alone, at most 2000 calls or 1 s. */
function callTimes() {
  const times = {};
  for (const { quantity, supported } of evidence.features) {
    if (!supported) continue;
    const us = [];
    let rows = 0;
    const sink = { put: () => rows++ };
    const end = nowMs() + 1000;
    while (us.length < 2000 && nowMs() < end) {
      const before = now();
      device.read[quantity](sink);
      us.push(Number(now() - before) / 1e3);
    }
    times[quantity] = { ...quantiles(us), rows };
  }
  return times;
}

/** Mean power of an idle stretch by the energy counter and by the ring, with the default grids or without. */
async function idlePower(polled, ms) {
  const counter = () => {
    let joules;
    device.read.energy_counter({ put: (v) => (joules = v) });
    return joules;
  };
  await sleep(1000);
  const sampler = polled ? await startSampler({ grids: nvmlGrids() }) : null;
  await sleep(500);
  device.read.power_samples({ put: () => undefined });
  const [e0, t0] = [counter(), nowMs()];
  await sleep(ms > 2000 ? 2000 : ms);
  const ring = [];
  device.read.power_samples({ put: (v) => ring.push(v) });
  await sleep(Math.max(0, ms - 2000));
  const [e1, t1] = [counter(), nowMs()];
  await sampler?.stop();
  const meanW = (e1 - e0) / ((t1 - t0) / 1e3);
  return {
    polled,
    meanW,
    ringMeanW: ring.reduce((a, b) => a + b, 0) / ring.length,
    ring: ring.length,
  };
}

/** Reads each field in a tight loop and keeps when it changed, ms apart. */
function updatePeriods(ms) {
  const periods = {};
  for (const quantity of [
    "power_usage",
    "power_average",
    "power_instant",
    "energy_counter",
    "clock_sm",
    "utilization_gpu",
  ]) {
    const changes = [];
    const stampSteps = [];
    const values = [];
    let [last, lastStamp, changedAt, reads] = [NaN, NaN, NaN, 0];
    const end = nowMs() + ms;
    const sink = {
      put(value, code, stamp) {
        reads++;
        const t = nowMs();
        if (value !== last) {
          if (!Number.isNaN(changedAt)) changes.push(t - changedAt);
          changedAt = t;
          values.push([t, value]);
        }
        if (stamp !== lastStamp) stampSteps.push((stamp - lastStamp) / 1e3);
        [last, lastStamp] = [value, stamp];
      },
    };
    while (nowMs() < end) device.read[quantity](sink);
    const steps = stampSteps.filter((step) => !Number.isNaN(step));
    periods[quantity] = {
      reads,
      changesMs: quantiles(changes),
      stampStepsMs: quantiles(steps),
      values,
    };
  }
  return periods;
}

/** Both default grids for `s` seconds; keeps every read when told under which name. */
async function sampleGrid(s, fastNs, realtime, keep) {
  const sampler = await startSampler({ grids: nvmlGrids({ fastNs, slowNs: 100e6 }), realtime });
  const reads = [];
  sampler.onBatch((batch) => {
    for (let i = 0; i < batch.count; i++) reads.push(readAt(batch, i, sampler.channels));
  });
  const pairs = [];
  for (const end = nowMs() + s * 1e3; nowMs() < end; await sleep(1000)) pairs.push(clocks());
  const report = await sampler.stop();
  if (keep) writeCapture(keep, sampler, reads, pairs, samplerNotes(report));
  const calls = {};
  for (const { name } of sampler.channels) {
    const own = reads.filter((r) => r.channel === name);
    const us = quantiles(own.map((r) => Number(r.after - r.before) / 1e3));
    calls[name] = { ...us, failed: own.filter((r) => r.code !== 0).length };
  }
  return { ...report, notes: samplerNotes(report), callsUs: calls, ring: ringFacts(reads) };
}

/** Spacing of the ring's stamps, their distance from the harvest, and their sum against the counter. */
function ringFacts(reads) {
  const own = (r) => /^nvml\.(0\.)?power_samples$/.test(r.channel) && r.code === 0;
  const ring = reads.filter(own);
  const stamps = ring.map((r) => Number(r.stamp / 1000n));
  const spacing = stamps.slice(1).map((t, i) => (t - stamps[i]) / 1e3);
  const { mono, unix } = clocks();
  const age = ring.map((r) => Number(r.after - mono + unix - r.stamp) / 1e6);
  return {
    samples: ring.length,
    spacingMs: quantiles(spacing),
    leastSpacingMs: Math.min(...spacing),
    ageMs: quantiles(age),
  };
}

function writeCapture({ name, load }, sampler, reads, pairs, notes) {
  const first = pairs[0];
  const log = new LogWriter(join(out, `${name}.mcap`), {
    id: "nvml-evidence",
    source: "hardware",
    hostClock: "monotonic",
    hostEpoch: first.mono,
    startUnix: first.unix,
    software: "truejoule nvml-evidence",
    labels: {
      gpu: device.name,
      driver: nvml.driver,
      load: "bf16 4096^3 products, 1 s on, 1 s off",
    },
  });
  log.attach(
    "environment.json",
    "application/json",
    Buffer.from(JSON.stringify(evidence.environment)),
  );
  sampler.channels.forEach((channel) => log.declareTelemetry(channel));
  pairs.forEach((pair) => log.clockPair(pair));
  reads.forEach((read) => log.read(read));
  for (const line of readFileSync(load.marks, "utf8").trim().split("\n")) {
    const [phase, t, products] = line.split(" ");
    const fields = products === undefined ? {} : { fields: { products: Number(products) } };
    log.mark({ name: "load", phase, clock: "host", t: BigInt(t), ...fields });
  }
  notes.forEach((note) => log.note(note));
  log.close();
}
