// marks/cuda where there is no GPU: the whole library against a fake driver and CUPTI (cuda/build.ts).

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { KernelCollector } from "../../align/clocks/cuda-kernels.ts";
import { kernelTimes } from "../../align/clocks/cuda-times.ts";
import { Header } from "../../marks/layout.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import { cudaEnvironment } from "../../record/cuda.ts";
import type { Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { Collected, record } from "./collect.ts";
import { runPtx } from "./cuda/ptx.ts";
import { buildFakeCuda, type FakeCuda, whose } from "./cuda/build.ts";
import { hasGcc, run } from "./programs.ts";
import { textsOf } from "../../schema/findings.ts";

const hook = new URL("../../scripts/ts-register.mjs", import.meta.url).href;
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
    for (const none of [dir, import.meta.filename]) {
      process.env["TRUEJOULE_CUDA_LIBRARY"] = none;
      expect(() => cudaEnvironment(["python"])).toThrow(/no shared library/);
    }
    process.env["TRUEJOULE_CUDA_LIBRARY"] = "/bin/sh";
    for (const [list, why] of [
      ["sumbit", /lists "sumbit"; known are submit, kernel/],
      ["submit,no-gate", /lists "no-gate"/],
      ["submit, kernel", /lists " kernel"/],
      ["clock", /without submit/],
    ] as const) {
      process.env["TRUEJOULE_CUDA"] = list;
      expect(() => cudaEnvironment(["python"])).toThrow(why);
    }
    process.env["TRUEJOULE_CUDA"] = "submit,kernel";
    expect(cudaEnvironment(["python"])["CUDA_INJECTION64_PATH"]).toBe("/bin/sh");
    delete process.env["TRUEJOULE_CUDA"];
    delete process.env["TRUEJOULE_CUDA_LIBRARY"];
    expect(() => cudaEnvironment([])).toThrow(/add -- CMD/);
  });
});

describe("marks 10: the ping kernel's PTX, run", () => {
  const header = readFileSync(join(source, "ping_ptx.h"), "utf8");
  const text = header.match(/(?<=^ *").*(?=\\n")/gm)!.join("\n");
  const PAGE = 4096;

  /** @param after looks that the host lets pass before each request. */
  function ping(after: number): { looks: number; replies: number; ended: boolean } {
    const seen = { looks: 0, replies: 0, ended: false };
    let since = 0;
    const memory = {
      read: (at: number): number => {
        expect(at).toBe(PAGE);
        seen.looks++;
        if (++since > after) return seen.replies + 1;
        return seen.replies;
      },
      write: (at: number, value: number): void => {
        expect(value).toBeGreaterThan(0);
        if (at === PAGE + 72) seen.ended = true;
        if (at < PAGE + 128) return;
        expect(at).toBe(PAGE + 128 + 8 * seen.replies);
        seen.replies++;
        since = 0;
      },
    };
    runPtx(text, { page: PAGE, count: 100 }, memory, 1e6);
    return seen;
  }

  test.each([
    ["at once", 0, 100, 100],
    ["never", Infinity, 16_384, 0],
    ["after 100 looks each", 100, 10_100, 100],
    ["after 10,000 looks each: the limit is the kernel's, not a request's", 10_000, 16_385, 1],
  ])("a host that answers %s", (_what, after, looks, replies) => {
    const seen = ping(after);
    expect([seen.ended, seen.replies]).toEqual([true, replies]);
    expect(seen.looks).toBeLessThanOrEqual(looks);
  });
});

(hasGcc ? describe : describe.skip)(
  `the library on a fake GPU, ${whose}${hasGcc ? "" : " (skipped: no gcc)"}`,
  () => {
    let fake: FakeCuda;
    const CUPTI_ERROR_NS = 300; // of fake.c
    beforeAll(() => void (fake = buildFakeCuda()), 60_000);
    afterAll(() => fake.remove());
    const program = (env: Record<string, string>, ...args: string[]) =>
      run(fake.program, [fake.library, ...args], env);

    test("every launch and kernel once, and the truth inside every bound", async () => {
      const sink = new Collected();
      const { result } = await record(sink, (env) => program(env, "300"));
      expect([result.code, result.stderr, result.stdout.trim()]).toEqual([0, "", "300"]);
      const session = { hostEpoch: instant<"host">(sink.marks[0]!.t) } as Session;
      const collector = new KernelCollector();
      const others = sink.marks.filter((m) => !collector.add(m, session));
      const k = kernelTimes(collector.finish(), sink.exchanges, session)!;
      expect([k.table.count, k.table.launches, k.table.launchesAlone]).toEqual([300, 300, 0]);
      expect([k.unbounded, k.early, textsOf(k.findings)]).toEqual([0, 0, []]);
      expect(k.clocks[0]!.exchanges).toBeGreaterThan(10); // a hundred where a core is free
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
      const ended = await program({}, "20");
      expect([ended.code, ended.stdout.trim(), ended.stderr]).toEqual([0, "20", ""]);
    });

    /** What align makes of one program's run. */
    async function aligned(args: string[], more: Record<string, string> = {}) {
      const sink = new Collected();
      const { result } = await record(sink, (env) => program({ ...env, ...more }, ...args));
      const session = { hostEpoch: instant<"host">(sink.marks[0]!.t) } as Session;
      const collector = new KernelCollector();
      for (const m of sink.marks) collector.add(m, session);
      return { sink, result, k: kernelTimes(collector.finish(), sink.exchanges, session)! };
    }

    test("a program that ends by _exit: its trace has no end, and what is missing is said", async () => {
      const { k } = await aligned(["300", "abrupt"]);
      expect(k.table.launches).toBe(300);
      expect(textsOf(k.findings)[0]).toMatch(/no end of the trace from process \d+ /);
    });

    test("launches that a graph captures are told apart from those whose record is lost", async () => {
      const captured = await aligned(["200", "capture"]);
      const { launchesAlone, launchesCaptured, count } = captured.k.table;
      expect([count, launchesAlone, launchesCaptured]).toEqual([160, 40, 40]);
      expect(textsOf(captured.k.findings)).toEqual([]);
      const dropped = await aligned(["200"], { FAKE_DROP: "10" });
      const lost = 200 - dropped.k.table.count;
      expect(lost).toBeGreaterThan(10);
      expect(textsOf(dropped.k.findings).join()).toMatch(/CUPTI dropped \d+ records/);
      expect(textsOf(dropped.k.findings).join()).toContain(
        `${lost} launches have no kernel record`,
      );
    });

    test("another profiler has CUPTI: nothing of its is touched, nothing is recorded, and that is said", async () => {
      const { sink, result, k } = await aligned(["50"], { FAKE_SUBSCRIBED: "1" });
      expect(result.stderr).toMatch(/kernels are not recorded: cuptiSubscribe/);
      expect(sink.marks.map((m) => m.name)).toEqual(["cuda_trace_begin"]);
      expect(textsOf(k.findings)).toEqual([
        expect.stringMatching(/another profiler had CUPTI in process \d+: nothing/),
      ]);
    });

    test("another user's clock: records from outside the run are left out and counted", async () => {
      const { k } = await aligned(["50"], { FAKE_TSC: "1" });
      expect(textsOf(k.findings).join()).toMatch(
        /\d+ records carry times at which they cannot have run/,
      );
      expect(k.source.every((s) => s === 2)).toBe(true);
    });

    test("a driver that takes no PTX: said once, and every kernel is without bounds", async () => {
      const { result, k } = await aligned(["50"], { FAKE_NO_PTX: "1" });
      expect(result.stderr).toMatch(/^truejoule: no clock exchanges with the GPU: [^\n]*\n$/);
      expect(k.unbounded).toBe(50);
    });

    test("a new context at the old address gets its clock exchanges", async () => {
      const { sink, k } = await aligned(["600", "reset"]);
      const half = sink.marks.filter((m) => m.fields?.["kind"] === "submit")[310]!;
      expect(sink.exchanges.filter((e) => e.sent > half.t).length).toBeGreaterThan(10);
      expect(k.unbounded).toBe(0);
    });

    test("two processes of one pid are two: the number that each drew tells", async () => {
      const sink = new Collected();
      await record(sink, (env) => Promise.all([program(env, "200"), program(env, "200")]));
      const session = { hostEpoch: instant<"host">(sink.marks[0]!.t) } as Session;
      const collector = new KernelCollector();
      // As from two containers: the same pid in both.
      const same = (m: Mark): Mark => ({ ...m, fields: { ...m.fields, pid: 7 } });
      const exchanges = sink.exchanges.map((e) => ({
        ...e,
        stream: e.stream.replace(/cupti:\d+\./, "cupti:7."),
      }));
      for (const m of sink.marks) collector.add(same(m), session);
      const table = collector.finish()!;
      expect([table.count, table.launchesAlone, table.processes.length]).toEqual([400, 0, 2]);
      const known = new Set(exchanges.map((e) => e.stream).filter((s) => s.includes("cupti:")));
      expect([...known].map((s) => s.split("cupti:")[1]).sort()).toEqual(
        [...table.processes].sort(),
      );
    });

    test("ranges whose text changes keep it to their end, and cost no kernel its name", async () => {
      const { sink } = await aligned(["5000", "nvtx"]);
      const name = new Map<unknown, string>();
      const wrong = sink.marks.filter((m) => {
        if (m.phase === "begin") name.set(m.fields!["span"], m.name);
        return m.phase === "end" && name.get(m.fields!["span"]) !== m.name;
      });
      expect(wrong).toEqual([]);
      expect(sink.marks.filter((m) => m.phase === "end")).toHaveLength(10_000);
    }, 30_000);

    test("long names beyond the names area stay apart", async () => {
      const { sink } = await aligned(["12000", "names"], { TRUEJOULE_CUDA: "submit" });
      const names = sink.marks.filter((m) => m.fields?.["kind"] === "submit").map((m) => m.name);
      expect(names.length + sink.lost).toBe(12_000);
      expect(new Set(names).size).toBe(names.length);
    }, 30_000);

    test("a program that outlives the recorder runs on, unwatched", async () => {
      const source = new MarksSource(new Collected());
      const ended = program(source.environment, "200000", "outlive");
      while (!source.totals.opened || source.totals.received < 2) {
        source.poll();
        await sleep(5);
      }
      source.close();
      const { code, signal } = await ended;
      expect([code, signal]).toEqual([0, null]);
    }, 60_000);

    test("a recorder that was killed holds nobody: its lock is free, so it is gone", async () => {
      const recorder = spawn(process.execPath, ["--import", hook, join(here, "recorder.ts")]);
      const folder = await new Promise<string>((resolve) =>
        recorder.stdout.once("data", (d: Buffer) => resolve(d.toString().trim())),
      );
      recorder.kill("SIGKILL");
      await once(recorder, "exit");
      const { code } = await program({ TRUEJOULE_MARKS: folder }, "40000", "names");
      expect(code).toBe(0);
      const ring = openSync(join(folder, "shared.ring"), "r");
      const closed = Buffer.alloc(4);
      readSync(ring, closed, 0, 4, Header.closed);
      closeSync(ring);
      rmSync(folder, { recursive: true });
      expect(closed.readUInt32LE()).toBe(1);
    }, 60_000);

    test("marks 10: a launch in a further context does not wait for a burst, nor for the driver that makes its kernel", async () => {
      // The driver takes the ping kernel only after 120 launches in 40 contexts: a launch that waited would for ever.
      const { result, k } = await aligned(["200", "contexts"], { FAKE_HOLD: "120" });
      expect(result).toMatchObject({ code: 0, stdout: "200\n" });
      expect([k.table.count, k.table.launchesAlone]).toEqual([200, 0]);
    }, 30_000);

    test("marks 10: contexts beyond those that are kept launch and are recorded, without clock exchanges of their own", async () => {
      const { k, sink } = await aligned(["400", "contexts"]);
      expect([k.table.count, k.table.launches]).toEqual([400, 400]);
      expect(sink.lost).toBe(0);
    }, 30_000);

    test("marks 9: the last bursts have their time: of many contexts on a full GPU none begins after the end", async () => {
      const { result, k } = await aligned(["200", "contexts"], { FAKE_FULL: "1" });
      expect(result).toMatchObject({ code: 0, stderr: "", stdout: "200\n" });
      expect([k.table.count, k.unbounded]).toEqual([200, 200]);
    }, 30_000);

    test("marks 11: records delivered in any thread, the ping thread's own launch included, lock nobody", async () => {
      const { result, k, sink } = await aligned(["300"], { FAKE_SYNC: "1" });
      expect(result).toMatchObject({ code: 0, stderr: "", stdout: "300\n" });
      expect([k.table.count, k.table.launchesAlone, k.unbounded]).toEqual([300, 0, 0]);
      expect(sink.exchanges.filter((e) => e.stream.includes("cupti:")).length).toBeGreaterThan(0);
    }, 30_000);

    test("marks 11: a kernel whose name CUPTI does not know is one like others", async () => {
      const { k } = await aligned(["50", "nameless"]);
      expect(k.table.count).toBe(50);
      expect(k.table.names).toContain("kernel without a name");
    });

    test("texts of any kind: 64 KiB, no UTF-8, escapes, empty; each range ends as it began", async () => {
      const { sink } = await aligned(["70", "texts"]);
      const begins = sink.marks.filter((m) => m.phase === "begin");
      const ends = sink.marks.filter((m) => m.phase === "end");
      const shown = (marks: readonly Mark[]) =>
        marks.map((m) => `${String(m.fields!["span"])} ${m.name}`).sort();
      expect(begins).toHaveLength(70);
      expect(shown(ends)).toEqual(shown(begins));
      expect(begins.every((m) => m.name.length > 0 && m.name.length <= 96)).toBe(true);
    });

    test("a word that is part of another is not that other", async () => {
      const sink = new Collected();
      await record(sink, (env) => program({ ...env, TRUEJOULE_CUDA: "submits,kernel" }, "30"));
      expect(kernelsOf(sink.marks)).toHaveLength(30);
      expect(sink.marks.filter((m) => m.fields?.["kind"] === "submit")).toEqual([]);
    });

    test("parts can be left out", async () => {
      const sink = new Collected();
      await record(sink, (env) => program({ ...env, TRUEJOULE_CUDA: "submit" }, "30"));
      expect(kernelsOf(sink.marks)).toEqual([]);
      expect(sink.marks.filter((m) => m.fields?.["kind"] === "submit")).toHaveLength(30);
      expect(sink.exchanges).toEqual([]);
    });
  },
);
