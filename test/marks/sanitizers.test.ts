// Ring and injection core under ThreadSanitizer, AddressSanitizer and UBSan: threads beside a reader in C, processes
// that fork, spawn and are killed beside the recorder's own. What must hold: nothing wrong is accepted, and every
// mark that was made is received or counted. A sanitizer that cannot run here is skipped, and says why.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Header } from "../../marks/layout.ts";
import { MarksSource } from "../../marks/marks-source.ts";
import type { Mark } from "../../schema/records.ts";
import { Collected, record } from "./collect.ts";
import { buildFakeCuda, type FakeCuda, whose } from "./cuda/build.ts";
import { compileWriter, type Ended, HEADER_FOLDER, run, WRITER_C } from "./programs.ts";
import { compile, type Sanitizer, SANITIZER_ENVIRONMENT, sanitizers } from "./sanitized.ts";

const STORM_C = WRITER_C.replace("writer.c", "storm.c");
const dir = mkdtempSync(join(tmpdir(), "truejoule-sanitizers-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const runUnder = (
  s: Sanitizer,
  path: string,
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<Ended> => {
  const [command, first] = s.command(path);
  return run(command, [...first, ...args], { ...SANITIZER_ENVIRONMENT, ...environment });
};

/** Where a sanitizer complains it ends the program with its own exit code. */
const SOUND = { code: 0, signal: null, stderr: "" };

for (const s of sanitizers) {
  const suite = s.missing ? describe.skip : describe;
  const why = s.missing ? ` (skipped: ${s.missing})` : "";
  suite(`ring, -fsanitize=${s.name}${why}`, () => ring(s));
  suite(`marks/cuda with ${whose}, -fsanitize=${s.name}${why}`, () => injection(s));
}

function ring(s: Sanitizer): void {
  let storm: string;
  beforeAll(() => {
    storm = compile(dir, STORM_C, s.flags);
  }, 60_000);

  test("every helper, threads that lap each other, a fork, a writer killed inside a slot", async () => {
    const writer = compileWriter(...s.flags);
    expect(writer.error).toBe("");
    const sink = new Collected();
    const { result, totals } = await record(
      sink,
      async (environment) => {
        const go = (...args: string[]) => runUnder(s, writer.path, args, environment);
        const killed = await go("die");
        const burst = ["burst", "20000", "4", "0", "0"];
        return [
          killed,
          ...(await Promise.all([go(...burst), go(...burst), go("api"), go("fork")])),
        ];
      },
      8,
    );
    expect(result.map((r) => r.stderr)).toEqual(Array(5).fill(""));
    expect(result.map((r) => r.code ?? r.signal)).toEqual(["SIGKILL", 0, 0, 0, 0]);
    expect(totals.received + totals.lost).toBe(160_000 + 2 + 10 + 3);
    writer.remove();
  }, 60_000);

  // Writers, marks each, slots, first number.
  test.each([
    ["4", "4000", "32768", "0", "a ring with room for all, each mark read in place"],
    ["4", "4000", "32768", `${2 ** 32 - 100}`, "the same across 2^32"],
    ["6", "10000", "8", "0", "thousands of laps"],
    ["4", "5000", "64", `${2 ** 31 - 100}`, "laps across 2^31"],
    ["4", "5000", "64", `${2 ** 33 - 100}`, "laps across 2^33"],
  ])(
    "%s writers × %s marks in %s slots from number %s: %s",
    async (...args) => {
      const ended = await runUnder(s, storm, ["threads", ...args.slice(0, 4)]);
      expect(ended).toMatchObject(SOUND);
      const [received, lost] = ended.stdout.match(/\d+/g)!.map(Number);
      expect(received! + lost!).toBe(Number(args[0]) * Number(args[1]));
      expect(received).toBeGreaterThan(0);
      if (Number(args[2]) > 1000) expect(lost).toBe(0);
    },
    60_000,
  );

  // At its end the ring's mapping is replaced under the threads, which ThreadSanitizer takes for a write.
  if (!s.name.includes("thread"))
    test("a program that ends while its threads mark, 8 times", async () => {
      const sink = new Collected();
      const { result } = await record(sink, async (environment) => {
        const all: Ended[] = [];
        for (let k = 0; k < 8; k++)
          all.push(await runUnder(s, storm, ["exit", "500"], environment));
        return all;
      });
      for (const ended of result) expect(ended).toMatchObject(SOUND);
    }, 60_000);

  test.each([
    ["a ring of 64 slots", 64],
    ["the usual ring", undefined],
  ])(
    "processes with threads that fork and spawn, half of them killed, in %s",
    async (_what, capacity) => {
      const t = await stormOfProcesses(s, storm, capacity);
      expect(t.wrong).toEqual([]);
      expect(t.complaints).toEqual([]);
      expect(t.killed).toBe(KILLED);
      expect(t.received + t.lost).toBe(t.head);
      for (const w of t.writers) {
        expect(w.begun - w.done).toBeLessThanOrEqual(w.killed ? 1 : 0);
        if (!w.killed) expect(w.done).toBe(MARKS);
        expect(w.received).toBeLessThanOrEqual(w.begun);
        expect(w.gaps).toBeGreaterThanOrEqual(w.done - w.received);
        expect(w.gaps).toBeLessThanOrEqual(w.begun - w.received);
      }
      const sum = (of: (w: WriterCount) => number) => t.writers.reduce((n, w) => n + of(w), 0);
      // What is missing is what was counted: exactly, but for the one mark that each killed thread had in hand.
      expect(t.lost).toBeGreaterThanOrEqual(sum((w) => w.done) - t.received);
      expect(t.lost).toBeLessThanOrEqual(sum((w) => w.begun) - t.received);
      expect(t.received).toBeGreaterThan(0);
    },
    120_000,
  );
}

// ---- Processes that are killed

const PROCESSES = 8;
const KILLED = 4;
const THREADS = 3;
const CHILDREN = 4;
const MARKS = 4000;
const EACH = THREADS + CHILDREN;

interface WriterCount {
  readonly begun: number;
  readonly done: number;
  received: number;
  /** Marks that did not come, as far as it is known to have begun them. */
  gaps: number;
  /** Its process was, so it may have ended anywhere. */
  readonly killed: boolean;
}

/** Half of the processes are killed, each once it has made some part of its marks; their children go on. */
async function stormOfProcesses(s: Sanitizer, storm: string, capacity: number | undefined) {
  const file = join(dir, `progress-${Math.random()}`);
  writeFileSync(file, Buffer.alloc(256 * 16));
  const progress = () => new BigUint64Array(new Uint8Array(readFileSync(file)).buffer);
  const sink = new Storm();
  const source = new MarksSource(sink, capacity);
  const ring = openSync(join(source.folder, "shared.ring"), "r");
  const [command, first] = s.command(storm);
  const children = Array.from({ length: PROCESSES }, (_, p) => {
    const marks = p < KILLED ? 1e12 : MARKS; // until it is killed
    const args = ["processes", file, EACH * p, THREADS, marks, CHILDREN, MARKS].map(String);
    return spawn(command, [...first, ...args], {
      env: { ...process.env, ...SANITIZER_ENVIRONMENT, ...source.environment },
      stdio: ["ignore", "pipe", "pipe"], // its children hold these, so a close is the end of all of them
    });
  });
  const ends = children.map((child) => watched(child));
  let running = true;
  const over = Promise.all(ends).finally(() => (running = false));
  while (running) {
    const made = progress();
    for (let p = 0; p < KILLED; p++)
      if (made[2 * EACH * p + 1]! > BigInt((p + 1) * 1000)) children[p]!.kill("SIGKILL");
    source.poll();
    await sleep(1);
  }
  const ended = await over;
  const { received, lost } = source.close();
  const head = Buffer.alloc(8);
  readSync(ring, head, 0, 8, Header.head);
  closeSync(ring);
  const made = progress();
  const killed = ended.map((e) => e.signal === "SIGKILL");
  const writers = Array.from({ length: PROCESSES * EACH }, (_, w): WriterCount => {
    const [begun, done] = [Number(made[2 * w]), Number(made[2 * w + 1])];
    // A killed process may not have come to fork all of its children.
    const isKilled = killed[Math.floor(w / EACH)]! && (w % EACH < THREADS || begun === 0);
    const got = sink.received.get(w) ?? 0;
    return { begun, done, received: got, gaps: begun - got, killed: isKilled };
  });
  return {
    writers,
    received,
    lost,
    head: Number(head.readBigUInt64LE()),
    wrong: sink.wrong,
    killed: killed.filter((k) => k).length,
    complaints: ended.map((e) => e.stderr).filter((text) => text !== ""),
  };
}

async function watched(child: ChildProcess): Promise<{ signal: string | null; stderr: string }> {
  let stderr = "";
  child.stderr!.on("data", (d: Buffer) => (stderr += d.toString()));
  child.stdout!.resume();
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  return { signal, stderr };
}

/** Checks storm.c's marks as they come. */
class Storm extends Collected {
  readonly received = new Map<number, number>();
  readonly wrong: string[] = [];
  readonly #next = new Map<number, number>();

  override onMark({ name, fields }: Mark): void {
    const { i, minus, w } = fields as { i: number; minus: number; w: number };
    const expected = i % 64 ? "w" : `a name that is kept ${String(i).padStart(100, "0")}`;
    // Where the names area is full the name goes inline, cut.
    const named = name === expected || (fields!["truncated"] && expected.startsWith(name));
    const sound = named && minus === (i === 0 ? 0 : -i) && i >= (this.#next.get(w) ?? 0);
    if (!sound) this.wrong.push(`${name} ${JSON.stringify(fields)}`);
    this.#next.set(w, i + 1);
    this.received.set(w, (this.received.get(w) ?? 0) + 1);
  }
}

// ---- The checks can fail

const thread = sanitizers.find((s) => s.name === "thread")!;
(thread.missing ? describe.skip : describe)(
  `the protocol with one step left out${thread.missing ? ` (skipped: ${thread.missing})` : ""}`,
  () => {
    test.each([
      ["seq is not released", "2 * i + 2, __ATOMIC_RELEASE)", "2 * i + 2, __ATOMIC_RELAXED)"],
      [
        "the claim does not acquire",
        "0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return id",
        "0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) return id",
      ],
      ["a slot that is held is taken", "if ((was & 1) || was > 2 * i) return id;", ""],
      [
        "the mapping is not released",
        "state, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE",
        "state, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED",
      ],
    ])(
      "%s: it is noticed",
      async (what, from, to) => {
        const header = readFileSync(join(HEADER_FOLDER, "truejoule.h"), "utf8");
        const changed = header.replace(from, to);
        expect(changed).not.toBe(header);
        const folder = mkdtempSync(join(dir, "mutant-"));
        writeFileSync(join(folder, "truejoule.h"), changed);
        for (const f of ["reader.h", "storm.c"])
          copyFileSync(STORM_C.replace("storm.c", f), join(folder, f));
        const path = compile(folder, join(folder, "storm.c"), thread.flags, folder);
        const runs = [
          await runUnder(thread, path, ["threads", "4", "4000", "32768", "0"]),
          await runUnder(thread, path, ["threads", "6", "10000", "8", "0"]),
        ];
        expect([
          what,
          runs.some((r) => r.code !== 0 && /data race|storm: /.test(r.stderr)),
        ]).toEqual([what, true]);
      },
      60_000,
    );
  },
);

// ---- The injection core

function injection(s: Sanitizer): void {
  let fake: FakeCuda;
  beforeAll(() => {
    fake = buildFakeCuda(...s.flags);
  }, 120_000);
  afterAll(() => fake.remove());

  const FULL = { FAKE_SYNC: "1" };
  test.each<[string, string, string, Record<string, string>]>([
    ["threads, contexts that come and go, captures, ranges", "1600", "threads", {}],
    ["the same with records delivered in the launching threads", "1600", "threads", FULL],
    ["ranges with changing texts", "1000", "nvtx", {}],
    ["texts that are none", "70", "texts", {}],
    ["a context that is reset", "200", "reset", FULL],
    ["more contexts than are kept", "400", "contexts", {}],
    ["kernels without names", "100", "nameless", FULL],
    ["more names than fit", "6000", "names", {}],
    ["an end by _exit", "100", "abrupt", {}],
    ["a clock that is another's", "50", "", { FAKE_TSC: "1" }],
    ["gates", "20", "", { TRUEJOULE_CUDA: "submit,kernel,clock,gate" }],
  ])(
    "%s",
    async (_what, n, mode, more) => {
      const sink = new Collected();
      const { result, totals } = await record(sink, (environment) =>
        Promise.all(
          [0, 1].map(() =>
            runUnder(s, fake.program, [fake.library, n, mode], { ...environment, ...more }),
          ),
        ),
      );
      for (const ended of result) expect(ended).toMatchObject(SOUND);
      accounted(sink, totals, mode === "abrupt" ? 0 : 2);
    },
    120_000,
  );
}

/** What each process says that it wrote is in the log or counted there as lost. */
function accounted(sink: Collected, totals: { lost: number }, ends: number): void {
  const of = (name: string) => sink.marks.filter((m) => m.name === name);
  expect(of("cuda_trace_end").length).toBeGreaterThanOrEqual(totals.lost === 0 ? ends : 0);
  let missing = 0;
  for (const { fields } of of("cuda_trace_end")) {
    const own = sink.marks.filter((m) => m.fields!["process"] === fields!["process"]);
    const kind = (k: string) =>
      own.filter((m) => m.fields!["kind"] === k && m.phase !== "end").length;
    const told = (k: string) => Number(fields![k]);
    expect(kind("submit")).toBeLessThanOrEqual(told("launches"));
    expect(kind("kernel")).toBeLessThanOrEqual(told("kernels"));
    missing += told("launches") - kind("submit") + told("kernels") - kind("kernel");
  }
  expect(missing).toBeLessThanOrEqual(totals.lost);
}
