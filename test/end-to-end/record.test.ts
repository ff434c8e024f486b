// record, live: the virtual DAQ over a pty, the simulated driver, a program with marks, and faults. Runs
// from the build, since workers and child processes are what is tested. Linux.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { scanCapture } from "../../align/scan.ts";
import { documentIn } from "../../schema/documents/document.ts";
import { RECORD, type RecordDocument } from "../../schema/documents/record.ts";
import { builtInRig } from "../../rigs/load.ts";
import { virtualCard } from "../../virtual/bench/card.ts";
import { mixedWork } from "../../virtual/bench/workloads.ts";
import { expectBuilt, type Ran, truejoule } from "./built.ts";
import type { CompareDocument } from "./commands.ts";

const onLinux = process.platform === "linux" ? describe : describe.skip;
if (process.platform !== "linux") process.stderr.write("skipped: record is tested on Linux only\n");

let dir: string;
beforeAll(() => {
  expectBuilt();
  dir = mkdtempSync(join(tmpdir(), "truejoule-record-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function recordRun(
  name: string,
  ...args: string[]
): Promise<{ run: string; ran: Ran; doc: RecordDocument }> {
  const run = join(dir, name);
  const ran = await truejoule("record", "--rig", "virtual", "--out", run, "--json", ...args);
  return {
    run,
    ran,
    doc: documentIn(RECORD, ran.stdout, "record --json", "it fits its definition"),
  };
}

function comparison(run: string): CompareDocument {
  return JSON.parse(readFileSync(join(run, "compare.json"), "utf8")) as CompareDocument;
}

interface PlacedWindow {
  readonly name: string;
  readonly doubt?: string;
  readonly t0_ns: number;
  readonly t1_ns: number;
  readonly physical: {
    readonly energy_j: number;
    readonly expanded_uncertainty_j: number;
    readonly gap_fraction: number;
  };
}

interface KernelRow {
  readonly name: string;
  readonly count: number;
  readonly energy_j: number;
  readonly expanded_uncertainty_j: number;
}

/** The attached truth of a simulated run. */
function truthOf(log: string): readonly { name: string; count: number; energy_j: number }[] {
  const truth = scanCapture(log).attachments.get("truth.json")!;
  return (JSON.parse(Buffer.from(truth).toString()) as { kernels: KernelRow[] }).kernels;
}

onLinux("record", () => {
  test("a program with marks: rows, telemetry, a clock by edges, Joules for its spans", async () => {
    const program = `
      const fs = require("fs"), folder = process.env.TRUEJOULE_MARKS;
      const now = () => process.hrtime.bigint();
      const line = (s) => fs.appendFileSync(folder + "/text", s + "\\n");
      line("begin my_stage"); line("no mark"); setTimeout(() => { line("end my_stage"); }, 600);
      setTimeout(() => process.exit(3), 2500);`;
    const { run, doc, ran } = await recordRun(
      "marks",
      "--label",
      "batch=8",
      "--",
      process.execPath,
      "-e",
      program,
    );
    expect(doc.ended).toBe("command");
    expect(doc.exit_code).toBe(3);
    expect(doc.lost_rows).toBe(0);
    expect(doc.lost_marks).toBe(1); // the line that was none
    expect(doc.rows).toBeGreaterThan(200_000);
    expect(doc.reads).toBeGreaterThan(300);
    expect(ran.stderr).toMatch(/ended with code 3/);
    const c = comparison(run);
    expect(c.source).toBe("virtual");
    const names = c.windows.map((w) => w.name);
    expect(names).toContain("command-1");
    expect(names).toContain("my_stage-1");
    const span = c.windows.find((w) => w.name === "my_stage-1")!;
    expect(span.duration_s).toBeGreaterThan(0.4);
    expect(span.physical!.energy_j).toBeGreaterThan(0);
    expect(c.clock.method).toBe("sync-edges");
    expect(c.clock.edges_used).toBeGreaterThan(20);
    expect(c.clock.residual_rms_ns).toBeLessThan(500_000);
    expect(doc.trigger).toMatchObject({ submit_pulses: 0, submits: 0 });
    expect(doc.trigger!.pattern_pulses).toBeGreaterThan(15);
  }, 60_000);

  test("cut short in the midst of its simulated work: what is not done has no mark", async () => {
    const { run, doc } = await recordRun("short", "--", "sleep", "2.3"); // "decode" runs from 2.1 to 2.7 s
    expect(doc.lost_rows).toBe(0);
    expect(comparison(run).warnings.join()).not.toMatch(/have no end/);
  }, 60_000);

  test("over before its program: the program's window ends with the recording", async () => {
    const { run } = await recordRun("outrun", "--duration", "1500ms", "--", "sleep", "3");
    const { windows, warnings } = comparison(run);
    const command = windows.find((w) => w.name === "command-1")!;
    expect(command.duration_s).toBeGreaterThan(1);
    expect(command.duration_s).toBeLessThan(2);
    expect(warnings.join()).toMatch(/the program ran on/);
  }, 60_000);

  test("launches raise the trigger line; --no-trigger leaves it alone", async () => {
    const program = [process.execPath, join(import.meta.dirname, "cuda-program.mjs"), "1"];
    const notes = join(dir, "kernels.json");
    const { doc } = await recordRun("launches", "--no-fuse", "--", ...program, notes);
    expect(doc.trigger!.submits).toBeGreaterThan(5);
    expect(doc.trigger!.submit_pulses).toBeGreaterThan(3);
    expect(doc.trigger!.submit_pulses).toBeLessThanOrEqual(doc.trigger!.submits);
    const off = await recordRun("off", "--no-fuse", "--no-trigger", "--", ...program, notes);
    expect(off.doc.trigger).toBeNull();
  }, 60_000);

  test("--cuda on the virtual bench: its load follows the program's kernels, Joules by name are the truth", async () => {
    const notes = join(dir, "true-kernels.json");
    const program = [process.execPath, join(import.meta.dirname, "cuda-program.mjs"), "3", notes];
    const { run, doc } = await recordRun("kernels", "--cuda", "--", ...program);
    const ran = JSON.parse(readFileSync(notes, "utf8")) as [string, string, string][];
    const c = comparison(run) as CompareDocument & {
      kernels: { count: number; launches: number; by_name: KernelRow[] };
    };
    expect([c.source, c.clock.method]).toEqual(["virtual", "sync-edges"]);
    expect([c.kernels.count, c.kernels.launches]).toEqual([ran.length, ran.length]);
    expect(doc.trigger!.submits).toBe(ran.length);
    const truth = truthOf(join(run, "capture.mcap"));
    expect(c.kernels.by_name.map((k) => k.name).sort()).toEqual(["other", "work"]);
    for (const k of c.kernels.by_name) {
      const t = truth.find((x) => x.name === k.name)!;
      expect([t.name, t.count]).toEqual([k.name, k.count]);
      expect(Math.abs(k.energy_j - t.energy_j)).toBeLessThan(k.expanded_uncertainty_j);
      expect(k.expanded_uncertainty_j / k.energy_j).toBeLessThan(0.05);
    }
    const folded = await truejoule("fold", run, "--json");
    expect(folded.code).toBe(0);
    const fold = JSON.parse(folded.stdout) as { out: string; kernels: { kernel: string }[] };
    expect(fold.out).toBe(join(run, "folded.arrow"));
    expect((await truejoule("report", run)).code).toBe(0);
    const page = readFileSync(join(run, "report.html"), "utf8");
    expect(page.match(/<svg\s+class="waveform"/g)).toHaveLength(fold.kernels.length);
    expect((await truejoule("verify", run)).stdout).toMatch(/folded\.arrow +ok/);
  }, 60_000);

  test("unplugging, garbage, lost, damaged and repeated blocks, a stall: counted, in the run, exit 3", async () => {
    const faults = [
      ...["unplug@0.5:300", "garbage@1.5:400", "lose@2:3", "flip@2.5:2"],
      ...["duplicate@3:2", "stall@3.5:400"],
    ].flatMap((f) => ["--fault", f]);
    const { run, ran, doc } = await recordRun("faults", "--duration", "9s", ...faults);
    expect(ran.code).toBe(3);
    expect(doc.lost_rows).toBeGreaterThan(512);
    const c = comparison(run);
    const said = c.warnings.join("\n");
    expect(said).toMatch(/rows of the DAQ stream are missing/);
    const session = c.windows.find((w) => w.name === "session")! as unknown as {
      physical: { gap_fraction: number; bridged_j: number; budget: { term: string }[] };
    };
    expect(session.physical.gap_fraction).toBeGreaterThan(0.01);
    expect(session.physical.bridged_j).toBeGreaterThan(0);
    expect(session.physical.budget.map((b) => b.term)).toContain("gaps");
    for (const fault of [
      /closed|unplugged|went away/,
      /frames? lost/,
      /damaged|bad frame/,
      /twice|duplicate/,
    ])
      expect(said).toMatch(fault);
    const verified = await truejoule("verify", run);
    expect(verified.code).toBe(3);
    const nowhere = await truejoule("export", run, "--csv", join(dir, "nowhere/rows.csv"));
    expect(nowhere.code).toBe(1);
    expect(nowhere.stderr).toMatch(/nowhere\/rows\.csv: no such file or folder; make the folder/);
  }, 60_000);

  test("a device that resets in the middle: a clock by edges on both sides, windows beside it undisturbed", async () => {
    const { run, ran } = await recordRun("reset", "--duration", "8s", "--fault", "restart@3");
    expect(ran.code).toBe(3);
    const c = comparison(run);
    const { segments } = c.clock as unknown as {
      segments: { method: string; t0_ns: number; t1_ns: number; expanded_uncertainty_ns: number }[];
    };
    expect(segments.map((s) => s.method)).toEqual(["sync-edges", "sync-edges"]);
    for (const s of segments) expect(s.expanded_uncertainty_ns).toBeLessThan(1e6);
    const [first, second] = segments as [(typeof segments)[0], (typeof segments)[0]];
    expect(second.t0_ns - first.t1_ns).toBeGreaterThan(1e6);
    const { rig } = await builtInRig("virtual");
    const card = virtualCard(rig, mixedWork(1, 8));
    let [before, across, after] = [0, 0, 0];
    for (const w of c.windows as unknown as PlacedWindow[]) {
      const said = w.doubt?.includes("restarted") ?? false;
      if (w.t1_ns < first.t1_ns - 5e6) before++;
      else if (w.t0_ns > second.t0_ns + 5e6) after++;
      else if (w.t0_ns < first.t1_ns - 5e6 && w.t1_ns > second.t0_ns + 5e6) {
        across++;
        expect([w.name, said, w.physical.gap_fraction > 0]).toEqual([w.name, true, true]);
        continue;
      } else continue;
      const { energy_j, expanded_uncertainty_j } = w.physical;
      expect([w.name, said]).toEqual([w.name, false]);
      const off = Math.abs(energy_j - card.energyJ(w.t0_ns, w.t1_ns)) / expanded_uncertainty_j;
      expect([w.name, off < 2]).toEqual([w.name, true]);
    }
    expect(Math.min(before, across, after)).toBeGreaterThan(0);
  }, 60_000);

  test("a disk that fills up: the recording ends in time, whole, and says why", async () => {
    const disk = join(dir, "disk");
    mkdirSync(disk);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=800m", "tmpfs", disk]);
    if (mounted.status !== 0)
      return void process.stderr.write("skipped: disk full needs the right to mount a tmpfs\n");
    try {
      const fill = `setTimeout(() => require("fs").writeFileSync(${JSON.stringify(join(disk, "fill"))}, Buffer.alloc(600e6)), 1500); setTimeout(() => {}, 8000)`;
      const run = join("disk", "run");
      const { ran, doc } = await recordRun(
        ...[run, "--duration", "20s", "--", process.execPath, "-e", fill],
      );
      expect(ran.code).toBe(1);
      expect(doc.ended).toBe("failure");
      expect(comparison(join(dir, run)).warnings.join("\n")).toMatch(/disk is nearly full/);
      rmSync(join(disk, "fill"));
      const tooSmall = await truejoule(
        ...["record", "--rig", "virtual", "--duration", "1h", "--out", join(disk, "long")],
      );
      expect(tooSmall.code).toBe(1);
      expect(tooSmall.stderr).toMatch(/GB free, a recording of this length needs/);
    } finally {
      spawnSync("umount", ["-l", disk]);
    }
  }, 60_000);

  test("a wrong command line, a missing rig, a run that exists", async () => {
    expect((await truejoule("record", "--rig", "virtual")).code).toBe(2);
    const missing = await truejoule(
      "record",
      "--rig",
      join(dir, "none.yaml"),
      "--out",
      join(dir, "x"),
    );
    expect(missing.code).toBe(1);
    expect(missing.stderr.trim().split("\n")).toHaveLength(1);
    const taken = await truejoule(
      "record",
      "--rig",
      "virtual",
      "--out",
      join(dir, "marks"),
      "--duration",
      "1s",
    );
    expect(taken.code).toBe(1);
    expect(taken.stderr).toMatch(/already exists/);
  }, 60_000);
});
