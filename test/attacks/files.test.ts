// What the audit did to a user's files (A1, A7, A8, A10, C1, C3, C6), and what is like it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimOutput } from "../../capture/output.ts";
import { OwnFile, writeOwn } from "../../capture/own-file.ts";
import { derivedFiles, runPaths } from "../../capture/run.ts";
import { fileSha256 } from "../../capture/sha256.ts";
import { command as compare } from "../../cli/compare.ts";
import { command as exporting } from "../../cli/export.ts";
import { command as fuse } from "../../cli/fuse.ts";
import { command as importing } from "../../cli/import.ts";
import { command as record } from "../../cli/record.ts";
import { command as recover } from "../../cli/recover.ts";
import { command as report } from "../../cli/report.ts";
import { command as verify } from "../../cli/verify.ts";
import { type ArrowReader, openArrow } from "../../dataset/arrow-reader.ts";
import { ArrowFile } from "../../dataset/arrow-file.ts";
import { exportParquet } from "../../dataset/export-parquet.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { expectBuilt, truejoule } from "../end-to-end/built.ts";
import { call } from "../end-to-end/call.ts";
import { makeReadOnly, onSmallDisk } from "./small-disk.ts";

const root = mkdtempSync(join(tmpdir(), "truejoule-files-"));
afterAll(() => rmSync(root, { recursive: true }));
let base: string;
let other: string;
let dir: string;
const text = (...parts: string[]): string => readFileSync(join(...parts), "utf8");
const MAP = "time=TIME; v.gpu=V; a.gpu=I";
const csv = (rows: number, volts = 12): string =>
  ["TIME,V,I", ...Array.from({ length: rows }, (_, i) => `${i / 100},${volts},2`)].join("\n") +
  "\n";
const imp = (source: string, out: string, more: Record<string, string | boolean> = {}) =>
  call(importing, ["csv", source], { map: MAP, out, ...more });

beforeAll(async () => {
  [base, other] = [join(root, "base"), join(root, "other")];
  await writeVirtualCapture(base, { seed: 1, durationS: 2 });
  await writeVirtualCapture(other, { seed: 2, durationS: 2 });
  expect((await call(fuse, [base], { rate: "1kHz" })).code).not.toBeNull();
  expect((await call(report, [base])).code).toBe(0);
});

beforeEach(() => {
  dir = mkdtempSync(join(root, "case-"));
  writeFileSync(join(dir, "good.csv"), csv(20));
  writeFileSync(join(dir, "other.csv"), csv(20, 11));
});
const copy = (of = base): string => {
  const run = join(dir, "run");
  cpSync(of, run, { recursive: true });
  return run;
};

describe("A1: import", () => {
  let run: string;
  beforeEach(async () => {
    run = join(dir, "imp");
    expect((await imp(join(dir, "good.csv"), run)).code).toBe(0);
    writeFileSync(join(run, "notes.txt"), "mine");
    mkdirSync(join(run, "photos"));
    writeFileSync(join(run, "photos", "wiring.jpg"), "jpg");
  });
  const everythingElse = (): void => {
    expect([text(run, "notes.txt"), text(run, "photos", "wiring.jpg")]).toEqual(["mine", "jpg"]);
    expect(readdirSync(run).filter((n) => n.endsWith(".truejoule"))).toEqual([]);
  };

  test("a source in RUN, by its own name, a symlink in RUN or one to it, is refused and stays", async () => {
    copyFileSync(join(dir, "good.csv"), join(run, "source.csv"));
    symlinkSync(join(dir, "good.csv"), join(run, "link.csv"));
    symlinkSync(join(run, "source.csv"), join(dir, "into.csv"));
    symlinkSync(run, join(dir, "imp-link"));
    for (const [source, out] of [
      [join(run, "source.csv"), run],
      [join(run, "link.csv"), `${run}/`],
      [join(dir, "into.csv"), run],
      [join(run, "source.csv"), join(dir, "imp-link")],
      [join(dir, "imp-link", "source.csv"), run],
    ] as const)
      expect((await imp(source, out)).error?.message).toMatch(
        /lies in .*, where the import is to go/,
      );
    expect(text(run, "source.csv")).toBe(csv(20));
    everythingElse();
  });

  test("the same source again replaces the import and what was made of it, nothing else", async () => {
    await call(fuse, [run]);
    const before = fileSha256(runPaths(run).capture);
    expect((await imp(join(dir, "good.csv"), run)).code).toBe(0);
    expect(fileSha256(runPaths(run).capture)).not.toBe(before); // its session has a new id
    expect(readdirSync(run).sort()).toEqual(["capture.mcap", "notes.txt", "photos"]);
    everythingElse();
  });

  test("another source needs --replace", async () => {
    const before = fileSha256(runPaths(run).capture);
    const refused = await imp(join(dir, "other.csv"), run);
    expect(refused.error?.message).toMatch(/holds an import of another source; --replace/);
    expect(fileSha256(runPaths(run).capture)).toBe(before);
    expect((await imp(join(dir, "other.csv"), run, { replace: true })).code).toBe(0);
    everythingElse();
  });

  test("a failing import leaves the old one as it was", async () => {
    const before = fileSha256(runPaths(run).capture);
    writeFileSync(join(dir, "bad.csv"), "A,B\n1,2\n");
    for (const source of ["bad.csv", "nosuch.csv", "photos"]) {
      expect((await imp(join(dir, source), run, { replace: true })).error).not.toBeNull();
      expect(fileSha256(runPaths(run).capture)).toBe(before);
    }
    everythingElse();
  });

  test("a recorded run is never replaced, not even with --replace; one inside stays", async () => {
    const recorded = copy();
    const before = fileSha256(runPaths(recorded).capture);
    const refused = await imp(join(dir, "good.csv"), recorded, { replace: true });
    expect(refused.error?.message).toMatch(/a recorded run, which is never overwritten/);
    cpSync(recorded, join(run, "gemm"), { recursive: true });
    expect((await imp(join(dir, "good.csv"), run)).code).toBe(0);
    for (const kept of [recorded, join(run, "gemm")])
      expect(fileSha256(runPaths(kept).capture)).toBe(before);
    everythingElse();
  });

  test("C3: capture.mcap as a symlink: the link is replaced, the log behind it stays", async () => {
    const log = join(dir, "elsewhere.mcap");
    copyFileSync(runPaths(run).capture, log);
    const before = fileSha256(log);
    rmSync(runPaths(run).capture);
    symlinkSync(log, runPaths(run).capture);
    expect((await imp(join(dir, "good.csv"), run)).code).toBe(0);
    expect(fileSha256(log)).toBe(before);
  });

  onSmallDisk(
    "a disk that fills up on the way: the old import and the notes stay",
    async (disk) => {
      const small = join(disk, "imp");
      expect((await imp(join(dir, "good.csv"), small)).code).toBe(0);
      writeFileSync(join(small, "notes.md"), "mine");
      const before = fileSha256(runPaths(small).capture);
      writeFileSync(join(dir, "large.csv"), csv(400_000));
      const { error } = await imp(join(dir, "large.csv"), small, { replace: true });
      expect(error?.message).toMatch(/capture\.mcap: cannot write the log .*ENOSPC/);
      expect(readdirSync(small).sort()).toEqual(["capture.mcap", "notes.md"]);
      expect(fileSha256(runPaths(small).capture)).toBe(before);
    },
  );
});

describe("C6: a start that fails leaves no folder", () => {
  test("import of nothing, recover of no log, record of no such rig or port", async () => {
    mkdirSync(join(dir, "nolog"));
    writeFileSync(join(dir, "nolog", "capture.mcap"), "not a log");
    const out = join(dir, "a", "b");
    const tried = [
      await imp(join(dir, "nosuch.csv"), out),
      await call(recover, [join(dir, "nolog")], { out }),
      await call(record, [], { rig: join(dir, "nosuch.yaml"), out, quiet: true }),
      await call(record, [], {
        rig: "rigs/example-ina226.yaml",
        port: join(dir, "nosuch-port"),
        out,
        duration: "1s",
      }),
    ];
    for (const { error, code } of tried) expect(error ?? code).not.toBe(0);
    expect(existsSync(join(dir, "a"))).toBe(false);
  });

  test("what was there before stays, empty or not", async () => {
    mkdirSync(join(dir, "mine"));
    await imp(join(dir, "nosuch.csv"), join(dir, "mine"));
    expect(readdirSync(join(dir, "mine"))).toEqual([]);
    writeFileSync(join(dir, "mine", "notes"), "mine");
    const { error } = await imp(join(dir, "good.csv"), join(dir, "mine"));
    expect(error?.message).toMatch(/already exists and is not empty/);
    expect(text(dir, "mine", "notes")).toBe("mine");
  });
});

describe("A7: OUT", () => {
  const to = (out: string, more: Record<string, string | boolean> = {}) =>
    call(exporting, [base], { csv: out, ...more });

  test("a log is never replaced, by whatever way it is named", async () => {
    const run = copy(other);
    const log = runPaths(run).capture;
    const before = fileSha256(log);
    symlinkSync(run, join(dir, "run-link"));
    copyFileSync(log, join(dir, "moved.bin"));
    symlinkSync(log, join(dir, "log-link"));
    for (const out of [log, join(dir, "run-link", "capture.mcap"), "moved.bin", "log-link"].map(
      (p) => (p.startsWith("/") ? p : join(dir, p)),
    ))
      for (const force of [false, true]) expect((await to(out, { force })).error).not.toBeNull();
    for (const kept of [log, join(dir, "moved.bin")]) expect(fileSha256(kept)).toBe(before);
  });

  test("a user's file needs --force, an earlier output does not, a changed one does", async () => {
    const out = join(dir, "out.csv");
    writeFileSync(out, "mine");
    expect((await to(out)).error?.message).toMatch(/not an earlier output of truejoule.*--force/);
    expect(text(out)).toBe("mine");
    for (const force of [true, false]) expect((await to(out, { force })).code).toBe(0);
    writeFileSync(out, `${text(out)}a note of mine\n`);
    expect((await to(out)).error?.message).toMatch(/or changed since/);
  });

  test("killed before or after the new file has its name: what stands there is an earlier output", async () => {
    const out = join(dir, "out.csv");
    expect((await to(out)).code).toBe(0);
    const note = join(dir, ".out.csv.truejoule-output");
    claimOutput(out, false);
    const file = new OwnFile(out);
    file.write(Buffer.from("half of an export"));
    file.abort(); // before
    expect((await to(out)).code).toBe(0);
    claimOutput(out, false);
    writeOwn(out, "whole, and then killed"); // after
    expect(text(note).trim().split("\n")).toHaveLength(2);
    expect((await to(out)).code).toBe(0);
    expect(text(note).trim().split("\n")).toHaveLength(1);
    writeFileSync(out, "mine"); // a file of the user's does not become ours by it
    expect((await to(out)).error?.message).toMatch(/or changed since/);
  });

  test("a symlink is not followed, and is nobody's earlier output", async () => {
    const target = join(dir, "target");
    writeFileSync(target, "mine");
    symlinkSync(target, join(dir, "link.csv"));
    expect((await to(join(dir, "link.csv"))).error?.message).toMatch(/--force/);
    expect((await to(join(dir, "link.csv"), { force: true })).code).toBe(0);
    expect(text(target)).toBe("mine");
  });

  test("a calibration record, a device, a folder: never", async () => {
    writeFileSync(join(dir, "bench.json"), '{\n "schema": "calibration/1"\n}');
    for (const out of [join(dir, "bench.json"), "/dev/null", "/dev/stdout", dir])
      expect((await to(out, { force: true })).error).not.toBeNull();
    expect(text(dir, "bench.json")).toMatch(/calibration/);
    expect(existsSync("/dev/null") && existsSync("/dev/stdout")).toBe(true);
  });
});

describe("C1: what is shown is of the log as it is now", () => {
  const swapped = (): string => {
    const run = copy();
    copyFileSync(runPaths(other).capture, runPaths(run).capture);
    utimesSync(runPaths(run).capture, 1577836800, 1577836800); // older than everything made
    return run;
  };

  test.each([
    ["report", report],
    ["compare", compare],
    ["fuse", fuse],
  ])(
    "%s tells that the log is another one, once, with exit 3; verify keeps reporting it",
    async (_, command) => {
      const run = swapped();
      const first = await call(command, [run]);
      expect([first.code, first.warnings[0]]).toEqual([
        3,
        expect.stringMatching(
          /capture\.mcap is not the log that the files beside it were made from/,
        ),
      ]);
      const files = (await call(verify, [run])).document as { files: { problem: string | null }[] };
      const problems = files.files.map((f) => f.problem ?? "");
      expect(problems.join("\n")).toMatch(
        /the log changed: SHA-256 .*files were made again from it/,
      );
      const again = await call(report, [run]);
      expect(again.warnings.some((w) => w.includes("is not the log"))).toBe(_ === "compare");
      expect((await call(verify, [run])).code).toBe(3);
      expect(text(run, "SHA256SUMS")).toMatch(new RegExp(fileSha256(runPaths(base).capture)));
    },
  );

  test("an untouched run: nothing told, and the report stands in SHA256SUMS", async () => {
    const run = copy();
    expect((await call(verify, [run])).code).toBe(0);
    expect((await call(report, [run])).warnings).toEqual([]);
    expect(text(run, "SHA256SUMS")).toMatch(/ {2}report\.html\n/);
    expect((await call(verify, [run])).code).toBe(0);
    writeFileSync(runPaths(run).report, "<script>planted</script>");
    expect((await call(verify, [run])).code).toBe(3);
    expect((await call(report, [run])).code).toBe(0);
    expect(text(runPaths(run).report)).not.toMatch(/planted/);
  });

  onSmallDisk("a read-only run is compared, verified and exported", async (disk) => {
    const run = join(disk, "run");
    mkdirSync(run);
    copyFileSync(runPaths(base).capture, runPaths(run).capture);
    makeReadOnly(disk);
    const compared = await call(compare, [run]);
    expect(compared.warnings.some((w) => w.includes("compare.json is not kept"))).toBe(true);
    expect(compared.document).toMatchObject({ schema: "compare/1" });
    expect((await call(verify, [run])).code).toBe(0);
    expect((await call(exporting, [run], { csv: join(dir, "raw.csv"), raw: true })).code).toBe(0);
  });
});

test("C3: every name of ours as a symlink to elsewhere: what is there stays", async () => {
  const run = copy();
  const precious = derivedFiles(runPaths(run)).map((path, k) => {
    const at = join(dir, `precious-${k}`);
    writeFileSync(at, "mine");
    for (const link of [path, `${path}.part`]) {
      rmSync(link, { force: true });
      symlinkSync(at, link);
    }
    return at;
  });
  for (const command of [compare, fuse, report]) await call(command, [run]);
  expect(precious.map((p) => text(p))).toEqual(precious.map(() => "mine"));
  expect(text(run, "report.html")).toMatch(/^<!doctype html>/);
});

test("A8: six commands at once on one run, again and again: all end well, nothing is mixed", async () => {
  expectBuilt();
  const run = copy();
  for (let round = 0; round < 3; round++) {
    const ran = await Promise.all([
      truejoule("fuse", run),
      truejoule("fuse", run, "--rate", "1kHz"),
      truejoule("report", run),
      truejoule("compare", run, "--json"),
      truejoule("verify", run),
      truejoule("export", run, "--csv", join(dir, `${round}.csv`)),
    ]);
    expect(ran.map((r) => [r.code, /bug|EBADF/.test(r.stderr)])).toEqual(
      ran.map(() => [expect.any(Number), false]),
    );
    expect(ran.filter((r) => r.code !== 0 && r.code !== 3)).toEqual([]);
    expect((await call(verify, [run])).code).toBe(0);
    expect(readdirSync(run).filter((n) => n.startsWith("."))).toEqual([]);
  }
}, 600_000);

test.each([1, 3, 4, 5, 8, 12])("A10: Parquet of %i batches", async (batches) => {
  const path = join(dir, "table.arrow");
  const file = new ArrowFile(path, [{ name: "x", type: "float64", nullable: false }], {});
  for (let k = 0; k < batches; k++) file.write(10, [{ data: new Float64Array(10).fill(k) }]);
  file.close();
  const table: ArrowReader = await openArrow(path, "nothing");
  const out = join(dir, "table.parquet");
  expect(await exportParquet(table, out)).toBe(10 * batches);
  await table.close();
  const { asyncBufferFromFile, parquetReadObjects } = await import("hyparquet");
  const { gunzipSync } = await import("node:zlib");
  const rows = await parquetReadObjects({
    file: await asyncBufferFromFile(out),
    compressors: { GZIP: (bytes: Uint8Array) => gunzipSync(bytes) },
  });
  expect(rows.map((r) => Number(r["x"]))).toEqual(
    Array.from({ length: 10 * batches }, (_, i) => Math.floor(i / 10)),
  );
});
