// align/1: what fuse writes of any run fits its definition and is all named there; what does not fit is one line.

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "valibot";
import { writeRestarted } from "../../bench/trials/restarted-capture.ts";
import { type RunPaths, runPaths } from "../../capture/run.ts";
import { command as fuseCommand } from "../../cli/fuse.ts";
import { command as reportCommand } from "../../cli/report.ts";
import { command as verifyCommand } from "../../cli/verify.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { builtInRig } from "../../rigs/load.ts";
import { ALIGN, type AlignDocument } from "../../schema/documents/align.ts";
import { COMPARE } from "../../schema/documents/compare.ts";
import { FUSE } from "../../schema/documents/fuse.ts";
import { VERIFY, type VerifyDocument } from "../../schema/documents/verify.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { foldWork } from "../../virtual/bench/workloads.ts";
import { writeDisciplined } from "../align/disciplined-bench.ts";
import { call } from "../end-to-end/call.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-align-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function fused(run: string): RunPaths {
  const paths = runPaths(join(dir, run));
  fuseRun(paths);
  return paths;
}

const jsonOf = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));
const alignOf = (run: RunPaths) => jsonOf(run.align) as AlignDocument;

/** Valibot gives back the keys that are named, so that one that is not would be missing. */
function expectNamed(run: RunPaths): AlignDocument {
  const align = jsonOf(run.align);
  expect(parse(ALIGN, align)).toEqual(align);
  const compare = jsonOf(run.compare);
  expect(parse(COMPARE, compare)).toEqual(compare);
  return alignOf(run);
}

describe("what fuse writes fits, and every key of it is in the definition", () => {
  test("of a run with CUDA kernels", async () => {
    const schedule = foldWork(1, 0.5);
    await writeVirtualCapture(join(dir, "cuda"), { seed: 1, durationS: 0.5, schedule });
    expect(expectNamed(fused("cuda")).gpu![0]!.segments.length).toBeGreaterThan(0);
  }, 60_000);

  test("of a plain one; what the command prints fits too", async () => {
    await writeVirtualCapture(join(dir, "printed"), { seed: 2, durationS: 0.5 });
    const { document } = await call(fuseCommand, [join(dir, "printed")]);
    expect(parse(FUSE, document)).toEqual(document);
    expectNamed(runPaths(join(dir, "printed")));
  }, 60_000);

  test("of a device that restarted", async () => {
    await writeRestarted(dir, 3, 2, "edges");
    const { clocks } = expectNamed(fused("run"));
    expect(clocks.map((c) => c.segment)).toEqual(clocks.map((_, k) => k + 1));
    expect(clocks.length).toBeGreaterThan(1);
  }, 60_000);

  test("of a bench with references", async () => {
    const { rig } = await builtInRig("emulated-pico");
    const clock = { ...rig.device.clock, hz: 20e3, startU: 1e-3 };
    const slow = { ...rig, device: { ...rig.device, rowHz: 20e3, clock } };
    writeDisciplined(join(dir, "references"), slow, { seed: 7, durationS: 3 });
    const { disciplines } = expectNamed(fused("references"));
    expect(disciplines!.some((d) => d.gain !== undefined)).toBe(true);
  }, 60_000);
});

describe("a spoiled align.json", () => {
  let run: RunPaths;
  beforeAll(async () => {
    await writeVirtualCapture(join(dir, "plain"), { seed: 5, durationS: 1 });
    run = fused("plain");
  }, 60_000);

  const first = (a: AlignDocument, change: object): object => ({
    ...a,
    clocks: [{ ...a.clocks[0], ...change }],
  });
  const spoilt: [string, (a: AlignDocument) => unknown, string][] = [
    [
      "a key missing",
      (a) => first(a, { method: undefined }),
      "clocks[0].method: expected text, found nothing",
    ],
    [
      "a text for a number",
      (a) => first(a, { residuals: [{ t_ns: "1", residual_ns: 0 }] }),
      'clocks[0].residuals[0].t_ns: expected a number, found "1"',
    ],
    [
      "another document",
      (a) => ({ ...a, schema: "compare/1" }),
      'schema: expected "align/1", found "compare/1"',
    ],
    ["a list", (a) => [a], "expected an object, found a list of 1"],
  ];

  test.each(spoilt)("%s: verify names the place and the remedy", async (_, change, said) => {
    const before = readFileSync(run.align);
    writeFileSync(run.align, JSON.stringify(change(alignOf(run))));
    const { code, document } = await call(verifyCommand, [run.dir], {});
    writeFileSync(run.align, before);
    expect(parse(VERIFY, document)).toEqual(document);
    const { files } = document as VerifyDocument;
    expect(code).toBe(3);
    expect(files.find((f) => f.path === "align.json")!.problem).toBe(
      `${said}; truejoule fuse writes it again`,
    );
  });

  test("report of a run without checksums: one line with file, place and remedy", async () => {
    const alone = fused("plain");
    rmSync(alone.checksums);
    writeFileSync(alone.align, JSON.stringify(first(alignOf(alone), { tick_hz: null })));
    const { error } = await call(reportCommand, [alone.dir], {});
    expect(error === null ? readFileSync(alone.report, "utf8") : error.message).toMatch(
      /^.*align\.json: clocks\[0\]\.tick_hz: does not fit; truejoule fuse writes it again \(expected a number, found null\)$/,
    );
  });
});
