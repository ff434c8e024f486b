// marks/cuda where there is no GPU: its names always, and the whole library against a fake driver and CUPTI
// where CUDA's headers are (CUDA_HOME, as for its Makefile).

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { KernelCollector } from "../../align/cuda-kernels.ts";
import { kernelTimes } from "../../align/cuda-times.ts";
import { cudaEnvironment } from "../../cli/recording/cuda.ts";
import type { Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { Collected, record } from "./collect.ts";
import { hasGcc, HEADER_FOLDER, run } from "./programs.ts";

const here = join(import.meta.dirname, "cuda");
const source = join(import.meta.dirname, "../../marks/cuda");
const dir = mkdtempSync(join(tmpdir(), "truejoule-cuda-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const strict = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];
const gcc = (...args: string[]): void =>
  void execFileSync("gcc", [...strict, ...args], { stdio: ["ignore", "ignore", "inherit"] });

const kernelsOf = (marks: readonly Mark[]): Mark[] =>
  marks.filter((m) => m.fields?.["kind"] === "kernel" && m.phase === "begin");

(hasGcc ? describe : describe.skip)(`names${hasGcc ? "" : " (skipped: no gcc)"}`, () => {
  test("kept once each, demangled, told apart though their address is the same", async () => {
    const program = join(dir, "names");
    const files = [join(here, "names-program.c"), join(source, "names.c")];
    gcc("-D_GNU_SOURCE", ...files, "-o", program, "-ldl");
    const sink = new Collected();
    const { result } = await record(sink, (env) => run(program, ["2000"], env));
    expect(result.code).toBe(0);
    const names = kernelsOf(sink.marks).map((m) => m.name);
    expect(names).toHaveLength(2000);
    expect(names.filter((_, i) => i % 2 === 1)).toEqual(
      Array.from({ length: 1000 }, (_, i) => `kernel_${(2 * i + 1) % 300}`),
    );
    // Demangled where the C++ runtime is installed.
    expect(["void at::native::gemm<4>(int)", "_ZN2at6native4gemmILi4EEEvi"]).toContain(names[0]);
    expect(sink.lost).toBe(0);
  });
});

describe("the library is not there", () => {
  const hasMake = spawnSync("make", ["--version"]).status === 0;
  (hasMake ? test : test.skip)("make says what is missing, in words", () => {
    const made = spawnSync("make", ["-C", source, "CUDA_HOME=/nonexistent"], { encoding: "utf8" });
    expect(made.status).not.toBe(0);
    expect(made.stderr).toMatch(/no CUPTI under "\/nonexistent".*install the CUDA toolkit/s);
  });

  test("record --cuda says how to build it; without a program it is a usage error", () => {
    process.env["TRUEJOULE_CUDA_LIBRARY"] = "/nonexistent/library.so";
    expect(() => cudaEnvironment(["python"])).toThrow(/make -C marks\/cuda/);
    delete process.env["TRUEJOULE_CUDA_LIBRARY"];
    expect(() => cudaEnvironment([])).toThrow(/add -- CMD/);
  });
});

const home = process.env["CUDA_HOME"] ?? "/usr/local/cuda";
const headers = [home, `${home}/extras/CUPTI`].map((h) => join(h, "include"));
const present = hasGcc && headers.some((h) => existsSync(join(h, "cupti.h")));

(present ? describe : describe.skip)(
  `the library on a fake GPU${present ? "" : " (skipped: no CUDA headers; set CUDA_HOME)"}`,
  () => {
    const library = join(dir, "libtruejoule-cuda.so");
    const CUPTI_ERROR_NS = 300; // of fake.c

    beforeAll(() => {
      const include = headers.flatMap((h) => ["-isystem", h]);
      const types = execFileSync(
        "sh",
        [
          "-c",
          `cat ${headers.join("/cupti_activity.h ")}/cupti_activity.h 2>/dev/null | grep -oE 'CUpti_Activity(Kernel|Marker)[0-9]*;' | tr -d ';' | sort -V`,
        ],
        { encoding: "utf8" },
      ).split("\n");
      const newest = (kind: string): string => types.filter((t) => t.includes(kind)).at(-1)!;
      const records = [
        `-DTJ_CUPTI_KERNEL=${newest("Kernel")}`,
        `-DTJ_CUPTI_MARKER=${newest("Marker")}`,
      ];
      const shared = ["-fPIC", "-shared", "-D_GNU_SOURCE", ...include, ...records];
      const fake = join(dir, "libcuda.so.1");
      gcc(...shared, "-Wl,-soname,libcuda.so.1", join(here, "fake.c"), "-o", fake);
      symlinkSync("libcuda.so.1", join(dir, "libcupti.so.13"));
      const files = ["injection.c", "ping.c", "names.c"].map((f) => join(source, f));
      gcc(
        ...shared,
        "-I",
        HEADER_FOLDER,
        ...files,
        fake,
        "-o",
        library,
        `-Wl,-rpath,${dir}`,
        "-ldl",
      );
      const program = ["-o", join(dir, "program"), join(here, "program.c"), fake];
      gcc(...include, ...program, `-Wl,-rpath,${dir}`);
    }, 30_000);

    test("every launch and kernel once, and the truth inside every bound", async () => {
      const sink = new Collected();
      const { result } = await record(sink, (env) =>
        run(join(dir, "program"), [library, "300"], env),
      );
      expect([result.code, result.stderr, result.stdout.trim()]).toEqual([0, "", "300"]);
      const session = { hostEpoch: instant<"host">(sink.marks[0]!.t) } as Session;
      const collector = new KernelCollector();
      const others = sink.marks.filter((m) => !collector.add(m, session));
      const k = kernelTimes(collector.finish(), sink.exchanges, session)!;
      expect([k.table.count, k.table.launches, k.table.launchesAlone]).toEqual([300, 300, 0]);
      expect([k.unbounded, k.early, k.warnings]).toEqual([0, 0, []]);
      expect(k.clocks[0]!.exchanges).toBeGreaterThanOrEqual(100);
      const wrong = k.table.startNs
        .slice(0, 300)
        .filter(
          (cupti, i) => cupti - CUPTI_ERROR_NS < k.loNs[i]! || cupti - CUPTI_ERROR_NS > k.hiNs[i]!,
        );
      expect([...wrong]).toEqual([]);
      const end = others.find((m) => m.name === "cuda_trace_end")!;
      expect(end.fields).toMatchObject({ launches: 300, kernels: 300, untimed: 0, dropped: 0 });
    }, 30_000);

    test("without a recorder it does nothing", async () => {
      const ended = await run(join(dir, "program"), [library, "20"], {});
      expect([ended.code, ended.stdout.trim(), ended.stderr]).toEqual([0, "20", ""]);
    });

    test("parts can be left out", async () => {
      const sink = new Collected();
      await record(sink, (env) =>
        run(join(dir, "program"), [library, "30"], { ...env, TRUEJOULE_CUDA: "submit" }),
      );
      expect(kernelsOf(sink.marks)).toEqual([]);
      expect(sink.marks.filter((m) => m.fields?.["kind"] === "submit")).toHaveLength(30);
      expect(sink.exchanges).toEqual([]);
    });
  },
);
