// Real captures against the figures their publishers give. They live outside the repository.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { command as compareCommand } from "../../cli/compare.ts";
import { command as fuseCommand } from "../../cli/fuse.ts";
import { command as importCommand } from "../../cli/import.ts";
import { call, type CompareDocument, type Outcome } from "./commands.ts";

const traces = process.env["TRUEJOULE_TRACES"];
const onCaptures = traces ? describe : describe.skip;
if (!traces)
  process.stderr.write("skipped: TRUEJOULE_TRACES is not set, no real captures to test on\n");

let dir: string;
beforeAll(() => void (dir = mkdtempSync(join(tmpdir(), "truejoule-captures-"))));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let runs = 0;
async function load(
  format: string,
  source: string,
  options: Record<string, string> = {},
): Promise<{ run: string; imported: Outcome; compared: Outcome; doc: CompareDocument }> {
  const run = join(dir, `run-${++runs}`);
  const imported = await call(importCommand, [format, source], { out: run, ...options });
  const compared = await call(compareCommand, [run]);
  return { run, imported, compared, doc: compared.document as CompareDocument };
}

const windowOf = (d: CompareDocument, name: string) => d.windows.find((w) => w.name === name)!;
const close = (got: number, want: number, relative: number): void =>
  expect(Math.abs(got / want - 1)).toBeLessThanOrEqual(relative);

onCaptures("GPU shunt captures (Yang et al., PMD-USB)", () => {
  test("5050/3090: rate, start, residual, Joules and the driver's error are found, not assumed", async () => {
    const { doc, compared } = await load("yang-pmd", join(traces!, "yang-pmd/5050/3090"), {
      tz: "Europe/London",
    });
    expect(compared.code).toBe(0);
    close(doc.clock.tick_hz, 2.936e6, 3e-4);
    expect(Math.abs(doc.clock.start_delay_ns / 1e6 + 50)).toBeLessThanOrEqual(1);
    expect(doc.clock.residual_rms_ns).toBeLessThanOrEqual(0.5e6);
    expect(doc.clock.edges_missing).toBe(0);
    const whole = windowOf(doc, "load");
    close(whole.physical!.energy_j, 2384, 0.003);
    const of = (method: string) =>
      whole.telemetry.find((t) => t.channel.endsWith("instant") && t.method === method)!.error_pct!;
    expect(Math.abs(of("trapezoid") + 6.2)).toBeLessThanOrEqual(0.4);
    // The authors' own procedure gives −5.55 % (sd 0.21): the filter-matched figure is the one to meet it.
    expect(Math.abs(of("filter_matched") + 5.55)).toBeLessThanOrEqual(0.6);
  });

  test.each([
    ["3090_TR", 2581.2, "instant", -5.92],
    ["4090_TR", 2298.4, "draw", -1.98],
  ])("%s: two edges and the rig's prior are enough", async (name, joules, channel, error) => {
    const source = join(traces!, "yang-pmd/Transient_Response", name);
    const { doc } = await load("yang-pmd", source, { tz: "Europe/London" });
    const load_ = windowOf(doc, "load");
    close(load_.physical!.energy_j, joules, 0.003);
    close(doc.clock.tick_hz, 2.936e6, 2e-3);
    const claim = load_.telemetry.find(
      (t) => t.channel.includes(channel) && t.method === "trapezoid",
    )!;
    expect(Math.abs(claim.error_pct! - error)).toBeLessThanOrEqual(0.4);
  });

  /** The telemetry of a capture, line by line by its seconds of the log: other text for it, or none. */
  function withTelemetry(name: string, change: (line: string, s: number) => string | null): string {
    const source = join(dir, `changed-${++runs}`);
    cpSync(join(traces!, "yang-pmd", name), source, { recursive: true });
    const [header, ...lines] = readFileSync(join(source, "gpudata.csv"), "utf8").trim().split("\n");
    const at = (line: string): number => Date.parse(`${line.slice(0, 23).replaceAll("/", "-")}Z`);
    const kept = lines.flatMap((line) => change(line, (at(line) - at(lines[0]!)) / 1e3) ?? []);
    writeFileSync(join(source, "gpudata.csv"), `${[header, ...kept].join("\n")}\n`);
    return source;
  }
  const setAhead = (line: string, byS: number): string => {
    const t = Date.parse(`${line.slice(0, 23).replaceAll("/", "-")}Z`) + byS * 1e3;
    const stamp = new Date(t).toISOString().slice(0, 23).replaceAll("-", "/").replace("T", " ");
    return stamp + line.slice(23);
  };

  test.each([
    ["5050/3090", 2],
    ["5050/3090", 3600],
    ["Transient_Response/3090_TR", 2],
    ["Transient_Response/3090_TR", 3600],
    ["Transient_Response/4090_TR", 5],
  ])(
    "%s: a host's clock set ahead by %i s on the way is told, and what it spoils is no claim",
    async (name, byS) => {
      const source = withTelemetry(name, (line, s) => (s < 4 ? line : setAhead(line, byS)));
      const { compared, doc } = await load("yang-pmd", source, { tz: "Europe/London" });
      expect(compared.code).toBe(3);
      const told = compared.warnings.find((w) => w.includes("the log's clock was set"))!;
      expect(told).toContain("nvidia_smi.power_draw");
      const late = Number(/up to ([\d.]+) ±/.exec(told)![1]);
      expect(Math.abs(late - byS)).toBeLessThan(0.3);
      const whole = windowOf(doc, "load");
      for (const claim of whole.telemetry) expect(["gappy", "no_data"]).toContain(claim.quality);
      // Of the loads after it nothing is claimed.
      for (const w of doc.windows.filter((w) => w.kind === "mark" && w.t0_ns > whole.t0_ns + 5e9))
        for (const claim of w.telemetry) expect(claim.energy_j).toBeNull();
    },
  );

  test.each(["5050/3090", "Transient_Response/3090_TR", "Transient_Response/4090_TR"])(
    "%s: a logger that paused for a second or three says nothing of its clock",
    async (name) => {
      for (const [from, to] of [
        [2, 3],
        [4, 7],
        [7, 8],
      ] as const) {
        const source = withTelemetry(name, (line, s) => (s < from || s > to ? line : null));
        const { compared } = await load("yang-pmd", source, { tz: "Europe/London" });
        expect(compared.warnings.join("\n")).not.toMatch(/clock was set/);
      }
    },
  );

  test("a wrong zone is said, since then no read meets the trace", async () => {
    const source = join(traces!, "yang-pmd/5050/3090");
    const { compared, imported } = await load("yang-pmd", source);
    expect(imported.warnings.join()).toMatch(/--tz/);
    expect(compared.code).toBe(3);
    expect(compared.warnings.join("\n")).toMatch(/no read falls inside the physical trace/);
  });
});

const TINY = [
  "three-clock/syntiant_9120_0v9_30mhz-ic",
  "three-clock/syntiant_9120_0v9_30mhz-kws",
  "three-clock/syntiant_9120_1v1_98mhz-ic",
  "js110-fpga/arty-a7-100t-ad-AD08",
  "js110-fpga/pynq-z2-ic-RN07",
  "js110-fpga/pynq-z2-kws-KWS-W3A3",
  "lpm01a-mcu/greenwaves-gap9-kws",
  "lpm01a-mcu/stm-nucleo-h7a3-ic",
];

onCaptures("MLPerf Tiny captures", () => {
  test.each(TINY)("%s: every published energy within 0.02 %%", async (name) => {
    const source = join(traces!, "mlperf-tiny", name);
    const { doc } = await load("mlperf-tiny", source, { tz: "UTC" });
    const text = readFileSync(join(source, "results.txt"), "utf8");
    const published = [...text.matchAll(/Energy\s*:\s*([\d.]+)\s*uJ(?!\/)/g)].map(
      (m) => Number(m[1]) * 1e-6,
    );
    expect(published.length).toBeGreaterThanOrEqual(5);
    const ours = doc.windows.filter((w) => w.kind === "mark").map((w) => w.physical!.energy_j);
    published.slice(0, 5).forEach((joules, i) => close(ours[i]!, joules, 2e-4));
  });

  test("open runner: the published trials to 0.02 %", async () => {
    const source = join(traces!, "mlperf-tiny/open-runner-v1.3/stm-nucleo-l4r5-kws");
    const { doc } = await load("mlperf-tiny", source, { tz: "UTC" });
    const log = readFileSync(join(source, "log.txt"), "utf8");
    const published = [...log.matchAll(/Total Energy\s*:\s*([\d.]+)\s*uJ/g)].map(
      (m) => Number(m[1]) * 1e-6,
    );
    const trials = doc.windows.filter((w) => w.name.startsWith("trial-"));
    expect(published.length).toBe(trials.length);
    trials.forEach((t, i) => close(t.physical!.energy_j, published[i]!, 1e-6));
    for (const w of doc.windows)
      expect(w.physical!.expanded_uncertainty_j).toBeLessThan(0.2 * w.physical!.energy_j);
  });

  test.each([
    ["syntiant_9120_0v9_30mhz-ic", 1186.0, 0.064],
    ["syntiant_9120_0v9_30mhz-kws", 1181.0, 0.23],
    ["syntiant_9120_1v1_98mhz-ic", 1187.6, 0.244],
  ])("three-clock %s: the I/O clock's rate and residual", async (name, ppm, rmsMs) => {
    const { run } = await load("mlperf-tiny", join(traces!, "mlperf-tiny/three-clock", name), {
      tz: "UTC",
    });
    await call(fuseCommand, [run]);
    const align = JSON.parse(readFileSync(join(run, "align.json"), "utf8")) as {
      clocks: { clock: string; rate_ppm: number; residual_rms_ns: number }[];
    };
    const io = align.clocks.find((c) => c.clock === "io")!;
    expect(Math.abs(io.rate_ppm - ppm)).toBeLessThanOrEqual(5);
    expect(Math.abs(io.residual_rms_ns / 1e6 - rmsMs)).toBeLessThanOrEqual(0.01);
  });

  // The test edge (0) may be lost without harm; any other one bounds a window.
  test.each(Array.from({ length: 10 }, (_, i) => i + 1))(
    "without edge %i: flagged, exit 3, and no window swapped",
    async (lost) => {
      const source = join(traces!, "mlperf-tiny/three-clock/syntiant_9120_0v9_30mhz-ic");
      const whole = await load("mlperf-tiny", source, { tz: "UTC" });
      const copy = join(dir, `edge-${lost}`);
      cpSync(source, copy, { recursive: true });
      const file = join(copy, "trace1-timestamps.json");
      const edges = JSON.parse(readFileSync(file, "utf8")) as number[];
      rmSync(file);
      writeFileSync(file, JSON.stringify(edges.filter((_, i) => i !== lost)));
      const { compared, doc, run } = await load("mlperf-tiny", copy, { tz: "UTC" });
      expect(compared.code).toBe(3);
      expect(doc.clock.edges_missing).toBeGreaterThanOrEqual(1);
      await call(fuseCommand, [run]);
      const align = JSON.parse(readFileSync(join(run, "align.json"), "utf8")) as {
        incomplete: boolean;
      };
      expect(align.incomplete).toBe(true);
      for (let w = 1; w <= 5; w++) {
        const mine = windowOf(doc, `infer-${w}`);
        const good = windowOf(whole.doc, `infer-${w}`);
        const touched = lost === 2 * w - 1 || lost === 2 * w;
        if (touched) expect(mine.doubt).toMatch(/no hardware edge/);
        // Untouched windows are the same; a touched one is placed by the log clock, within its stated interval.
        const off = Math.abs(mine.physical!.energy_j - good.physical!.energy_j);
        expect(off).toBeLessThanOrEqual(touched ? mine.physical!.expanded_uncertainty_j : 1e-9);
      }
    },
  );
});

onCaptures("wall meters and telemetry logs", () => {
  test.each([
    ["v1.0-agx-xavier-maxq-bert99-singlestream", 18.36, 600],
    ["v4.1-h200x8-maxq-bert99-offline", 5531.25, 659],
  ])("%s: mean watts", async (name, watts, samples) => {
    const { doc } = await load("mlperf-power", join(traces!, "mlperf-inference", name), {
      tz: "UTC",
    });
    const load_ = windowOf(doc, "load");
    close(load_.physical!.mean_power_w, watts, 0.002);
    expect(Math.abs(load_.physical!.samples - samples)).toBeLessThanOrEqual(1);
  });

  test.each(["rtx4000ada-pmt-nvml.log", "w7700-pmt-rocm.log"])(
    "%s: a claim per mark, unchecked without a shunt",
    async (name) => {
      const { doc, compared } = await load("pmt", join(traces!, "powersensor3-results", name));
      const marks = doc.windows.filter((w) => w.kind === "mark");
      expect(marks.length).toBeGreaterThanOrEqual(4);
      for (const w of marks) {
        expect(w.physical).toBeNull();
        expect(w.telemetry.every((t) => t.energy_j! > 0 && t.error_pct === null)).toBe(true);
      }
      expect(compared.warnings.join()).toMatch(/no claim in it has been checked against a shunt/);
    },
  );
});
