// The library, as a script uses it: the built package under its own name, the example, errors by their class.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import * as api from "../../index.ts";

const dir = mkdtempSync(join(tmpdir(), "truejoule-api-"));
afterAll(() => rmSync(dir, { recursive: true }));

const CSV = "t,p\n" + Array.from({ length: 2001 }, (_, i) => `${i / 1000},100\n`).join("");

describe("an import, compared and reported without a command line", () => {
  const source = join(dir, "trace.csv");
  const out = join(dir, "imported");
  writeFileSync(source, CSV);
  const request = { format: "csv", source, out, map: "time=t; w.card=p" };

  test("importRun, fuse, compare, report: what the commands write, and their figures", async () => {
    const stages: string[] = [];
    const onProgress = (stage: string) => {
      stages.push(stage);
      return () => undefined;
    };
    const imported = await api.importRun(request, { onProgress });
    expect(imported).toMatchObject({ run: out, rows: 2001, reads: 0, marks: 0 });
    const fused = await api.fuse(out, { onProgress });
    expect(fused.rows).toBe(2001);
    const { document } = await api.compare(out, { onProgress });
    const { physical } = document.windows[0]!;
    expect(Math.abs(physical!.energy_j! - 200)).toBeLessThan(
      1e-6 + physical!.expanded_uncertainty_j!,
    );
    expect(JSON.parse(readFileSync(join(out, "compare.json"), "utf8"))).toEqual(
      JSON.parse(JSON.stringify(document)),
    );
    const { report, degraded } = await api.report(out);
    expect([existsSync(report), degraded]).toEqual([true, false]);
    expect(new Set(stages)).toEqual(new Set(["importing", "reading", "fusing", "integrating"]));
    const kinds = new Set([...api.readCapture(join(out, "capture.mcap"))].map((r) => r.kind));
    expect(kinds.has("rows")).toBe(true);
  });

  test("a log that changed is a finding, and degrades", async () => {
    const changed = join(dir, "changed");
    await api.importRun({ ...request, out: changed });
    await api.compare(changed);
    writeFileSync(join(changed, "capture.mcap"), readFileSync(join(out, "capture.mcap")));
    const codes: string[] = [];
    const { degraded } = await api.compare(changed, { onFinding: (f) => codes.push(f.code) });
    expect([degraded, codes]).toEqual([true, ["log-changed"]]);
  });
});

describe("what cannot be is refused before anything is made", () => {
  const out = join(dir, "never");
  const rig = "virtual";
  const refused: readonly [string, () => Promise<unknown>, RegExp][] = [
    ["no time", () => api.record({ out, rig, durationS: 0 }), /longer than 0 s/],
    ["not a number", () => api.record({ out, rig, durationS: NaN }), /longer than 0 s/],
    ["too long", () => api.record({ out, rig, durationS: 1e12 }), /100 years/],
    ["no rig", () => api.record({ out, rig: "nothing", durationS: 1 }), /no built-in rig/],
    ["no program", () => api.record({ out, rig, program: [] }), /no name/],
    ["a strange program", () => api.record({ out, rig, program: ["/no/such"] }), /no such program/],
    ["a port", () => api.record({ out, rig, durationS: 1, port: "/dev/x" }), /brings its own/],
    [
      "a fault",
      () => api.record({ out, rig, durationS: 1, simulation: { faults: ["fire@1"] } }),
      /fire/,
    ],
    ["kernels of nothing", () => api.record({ out, rig, durationS: 1, cuda: true }), /-- CMD/],
    [
      "a format",
      () => api.importRun({ format: "toString", source: dir, out }),
      /no format "toString"/,
    ],
    ["no run", () => api.fuse(out), /not a run/],
  ];
  test.each(refused)("%s", async (_, call, words) => {
    const error = await call().then(
      () => null,
      (e: unknown) => e as Error,
    );
    expect(error?.message).toMatch(words);
    expect(["InputError", "UsageError"]).toContain(error?.name);
    expect(existsSync(out)).toBe(false);
  });
});

const linux = process.platform === "linux" ? describe : describe.skip;

linux("record", () => {
  test("an abort ends the recording and its program, and takes no signal handlers", async () => {
    const ending = new AbortController();
    const before = process.listenerCount("SIGINT");
    let during = -1;
    const recording = await api.record(
      {
        out: join(dir, "aborted"),
        rig: "virtual",
        program: [process.execPath, "-e", "setInterval(() => {}, 1000)"],
        fuse: false,
        trigger: false,
        interrupted: ending.signal,
      },
      {
        onProgress(state) {
          during = process.listenerCount("SIGINT");
          if (state.rows > 0) ending.abort();
        },
      },
    );
    expect(during).toBe(before);
    expect(recording).toMatchObject({ ended: "interrupt", exitCode: 128 + 15 });
    expect(recording.rows).toBeGreaterThan(0);
  });

  test("the example measures a program, with the package under its own name", () => {
    const out = join(dir, "measured");
    const args = ["--no-warnings", "--import", "./scripts/ts-register.mjs", "examples/measure.ts"];
    const program = [process.execPath, "-e", "setTimeout(() => {}, 1500)"];
    const ran = spawnSync(process.execPath, [...args, "virtual", out, ...program], {
      encoding: "utf8",
    });
    expect(ran.stderr).not.toMatch(/Error|at file:/);
    expect([0, 3]).toContain(ran.status);
    expect(ran.stdout).toMatch(/^command-1: [\d.]+ ± [\d.]+ J$/m);
    expect(existsSync(join(out, "report.html"))).toBe(true);
  });
});
