// The sampler with real worker threads over the simulated driver.

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Compiled, compile } from "./compiled.ts";

let js: Compiled;
beforeAll(() => {
  js = compile();
});
afterAll(() => js.remove());

const SETUP = `
import { writeFileSync } from "node:fs";
import { readAt } from "./nvml/batch.js";
import { simGrids } from "./virtual/driver/sim-grids.js";
import { samplerNotes } from "./nvml/notes.js";
import { startSampler } from "./nvml/sampler.js";
writeFileSync("power.js", "export const power = ({ watts }) => () => watts;");
const powerModule = new URL("power.js", import.meta.url).href;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
async function sample(args, ms, periods = { fastNs: 5e6, slowNs: 50e6 }) {
  const sampler = await startSampler({ grids: simGrids({ powerModule, powerArgs: { watts: 250 }, ...args }, periods) });
  const reads = [];
  await sleep(ms / 2);
  sampler.onBatch((b) => { for (let i = 0; i < b.count; i++) reads.push(readAt(b, i, sampler.channels)); });
  await sleep(ms / 2);
  const report = await sampler.stop();
  return { sampler, reads, report };
}
const print = (x) => console.log(JSON.stringify(x, (_k, v) => typeof v === "bigint" ? String(v) : v));
`;

interface Row {
  channel: string;
  before: string;
  after: string;
  stamp: string | null;
  value: number | null;
  code: number;
}
interface Printed {
  names: string[];
  reads: Row[];
  grids: {
    poll: { reads: number[]; failed: number[]; grid: { ticks: number } };
    failure: string | null;
  }[];
  notes: { level: string; text: string }[];
}
const PRINT = `print({ names: sampler.channels.map((c) => c.name), reads, grids: report.grids, notes: samplerNotes(report) });`;

describe("sampler", () => {
  test("polls both paces, stamps every read, loses none on the way", async () => {
    const source = `${SETUP} const { sampler, reads, report } = await sample({}, 400); ${PRINT}`;
    const out = (await js.run(source)) as Printed;
    expect(out.names).toContain("nvml.power_instant");
    expect(out.names).toContain("nvml.energy_counter");
    expect(out.grids.map((g) => g.failure)).toEqual([null, null]);
    const counted = out.grids.flatMap((g) => g.poll.reads).reduce((a, b) => a + b);
    expect(out.reads).toHaveLength(counted);
    expect(out.grids[0]!.poll.grid.ticks).toBeGreaterThan(10);
    for (const r of out.reads) expect(BigInt(r.after) >= BigInt(r.before)).toBe(true);
    const power = out.reads.filter((r) => r.channel === "nvml.power_instant");
    expect(new Set(power.map((r) => r.value))).toEqual(new Set([250]));
    expect(power.every((r) => r.stamp !== null)).toBe(true);
    const t0 = BigInt(power[0]!.before);
    for (const r of power.slice(1)) expect(BigInt(r.before) > t0).toBe(true);
  });

  test("a lost GPU and a refusal are rows with their code, and notes", async () => {
    const args = `{ lostAfterNs: 2e9, refuse: { power_average: 3, pstate: 999 } }`;
    const source = `${SETUP} const { sampler, reads, report } = await sample(${args}, 3000); ${PRINT}`;
    const out = (await js.run(source)) as Printed;
    expect(out.names).not.toContain("nvml.power_average");
    expect(out.names).toContain("nvml.pstate");
    const codes = (name: string): number[] =>
      out.reads.filter((r) => r.channel === name).map((r) => r.code);
    expect(new Set(codes("nvml.power_usage"))).toEqual(new Set([0, 15]));
    expect(new Set(codes("nvml.pstate"))).toEqual(new Set([999, 15]));
    for (const r of out.reads) expect(r.value === null).toBe(r.code !== 0); // NaN prints as null
    expect(out.notes.some((n) => /nvml\.power_usage: \d+ of \d+ reads failed/.test(n.text))).toBe(
      true,
    );
  });

  test("providers open one after the other", async () => {
    const source = `${SETUP}
      import { readFileSync } from "node:fs";
      writeFileSync("slow.js", \`
        import { appendFileSync } from "node:fs";
        export async function open() {
          appendFileSync("opening.log", "+");
          await new Promise((r) => setTimeout(r, 50));
          appendFileSync("opening.log", "-");
          return { description: "d", channels: [], missing: [], maxRows: 1, read() {}, close() {} };
        }\`);
      const provider = { module: new URL("slow.js", import.meta.url).href, args: {} };
      const grids = ["a", "b", "c"].map((name) => ({ name, periodNs: 1e7, provider }));
      await (await startSampler({ grids })).stop();
      print(readFileSync("opening.log", "utf8"));`;
    expect(await js.run(source)).toBe("+-+-+-");
  });

  test("a provider that does not open is one error and leaves nothing running", async () => {
    const source = `${SETUP}
      const bad = { name: "bad", periodNs: 1e7, provider: { module: new URL("./nvml/nvml-provider.js", import.meta.url).href, args: { pace: "fast" } } };
      const good = simGrids({ powerModule, powerArgs: { watts: 1 } });
      const fail = { ...bad, provider: { module: "data:text/javascript,export function open() { throw new Error('no such meter') }", args: {} } };
      try { await startSampler({ grids: [...good, fail] }); print("started"); }
      catch (e) { print({ name: e.name, message: e.message }); }`;
    expect(await js.run(source)).toEqual({
      name: "SourceError",
      message: "telemetry grid bad: no such meter",
    });
  });

  test("a worker that dies in mid-run is reported, the others go on", async () => {
    const source = `${SETUP}
      const dying = { name: "dying", periodNs: 1e7, provider: { module: "data:text/javascript,export function open() { let n = 0; return { description: 'd', channels: [{ name: 'x', quantity: 'power', unit: 'W' }], missing: [], maxRows: 1, read(c, out) { if (n++ > 3) throw new Error('gone'); out.put(1, 0, NaN); }, close() {} } }", args: {} } };
      const sampler = await startSampler({ grids: [dying, simGrids({ powerModule, powerArgs: { watts: 1 } })[0]] });
      await sleep(200);
      const report = await sampler.stop();
      print({ grids: report.grids, notes: samplerNotes(report) });`;
    const out = (await js.run(source)) as Printed;
    expect(out.grids.map((g) => g.failure)).toEqual(["gone", null]);
    expect(out.notes[0]!.level).toBe("loss");
  });
});
