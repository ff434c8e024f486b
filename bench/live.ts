// A whole recording as a user starts it, at 4 × 125 kS/s through a pty with telemetry and a looker on its
// live page, for ten minutes: what was lost, what it took of memory and processor, and how late its grids
// were beside a bare timer.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { tmpdir } from "../host/temporary.ts";
import { LEAN, siblingModule } from "../host/sibling.ts";
import { tellLine } from "../cli/terminal.ts";
import { builtInRig } from "../rigs/load.ts";
import type { BareTimer, BareTimerInput } from "./bare-timer.ts";
import { type Figure, figure } from "./memcpy.ts";

const SECONDS = 600;
const ROW_HZ = 125_000;
const MAX_RSS = 200e6;
const MAX_CPU = 0.25;
/** Flat: at the end within so much of what it was after the first minute. */
const MAX_GROWTH = 1.1;
/** At 100 Hz, where SCHED_FIFO is to be had; slower grids promise nothing. */
const FAST_PERIOD_MS = 10;
const MAX_LATENESS_MS = 1;
/** Linux counts processor time in hundredths of a second (man 5 proc, sysconf(_SC_CLK_TCK)). */
const TICKS_PER_S = 100;

export async function* run(): AsyncGenerator<Figure> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  try {
    const rig = join(dir, "rig.yaml");
    const { text } = await builtInRig("virtual");
    writeFileSync(
      rig,
      Buffer.from(text)
        .toString()
        .replaceAll('"100 kHz"', `"${ROW_HZ / 1e3} kHz"`),
    );
    const out = join(dir, "run");
    const timer = bareTimer();
    const recording = recorded(rig, out).finally(timer.stop);
    const [{ usage, result }, bare] = await Promise.all([recording, timer.result]);
    yield* figuresOf(usage, result);
    yield* latenessOf(result, bare);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** In this process: none of the recording's processor time is its. */
function bareTimer(): { readonly stop: () => void; readonly result: Promise<BareTimer> } {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const periodNs = FAST_PERIOD_MS * 1e6;
  const workerData: BareTimerInput = { stop, periodNs };
  const { url } = siblingModule(import.meta.url, "./bare-timer");
  const worker = new Worker(url, { workerData, resourceLimits: LEAN });
  const result = new Promise<BareTimer>((resolve, reject) => {
    worker.once("message", resolve).once("error", reject);
  });
  return { stop: () => void Atomics.store(stop, 0, 1), result };
}

/** What a recording takes is that of both: the page is a process of its own (view/live/page-process.ts). */
const PARTS = ["recorder", "page"] as const;
type Usage = Readonly<Record<(typeof PARTS)[number], ProcessUsage>> & { readonly atS: number };

interface ProcessUsage {
  readonly rssBytes: number;
  /** The most it ever was, between two looks too. */
  readonly peakBytes: number;
  readonly cpuS: number;
}

interface Result {
  readonly duration_s: number;
  readonly rows: number;
  readonly lost_rows: number;
  readonly reads: number;
  readonly failed_reads: number;
  readonly lost_marks: number;
  readonly trigger: {
    readonly spin: boolean;
    readonly cpu_s: number;
    readonly wall_s: number;
  } | null;
  readonly telemetry: readonly {
    readonly grid: string;
    readonly scheduler_class: string;
    readonly period_ms: number;
    readonly ticks: number;
    readonly dropped: number;
    readonly lateness_ms: { readonly p99: number };
  }[];
}

async function recorded(rig: string, out: string): Promise<{ usage: Usage[]; result: Result }> {
  const { url, execArgv } = siblingModule(import.meta.url, "../cli/main");
  const options = ["--rig", rig, "--out", out, "--duration", `${SECONDS}s`];
  const args = ["record", ...options, "--live", "--realtime", "--no-fuse", "--json", "--quiet"];
  const child = spawn(process.execPath, [...execArgv, fileURLToPath(url), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const said = textOf(child.stdout);
  createInterface({ input: child.stderr }).on("line", (line) => void look(line));
  const usage: Usage[] = [];
  const timer = setInterval(() => {
    const recorder = usageOf(child.pid!);
    const page = usageOf(pageOf(child.pid!) ?? -1);
    if (recorder && page) usage.push({ recorder, page, atS: performance.now() / 1e3 });
  }, 1000);
  const code = await ended;
  clearInterval(timer);
  if (code !== 0 && code !== 3) throw new Error(`the recording ended with code ${code}`);
  if (usage.length < 2) throw new Error("the recorder and its page were not seen at work");
  return { usage, result: JSON.parse(await said) as Result };
}

async function textOf(stream: Readable): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** Opens the live page's socket, as the page does (docs/live.md), and takes all that it sends. */
async function look(line: string): Promise<void> {
  const address = /live page: (\S+)/.exec(line)?.[1];
  if (address === undefined) return tellLine(line);
  const { WebSocket } = await import("ws");
  const { host, origin, searchParams } = new URL(address);
  const names = ["truejoule.live.1", `token.${searchParams.get("token")}`];
  const socket = new WebSocket(`ws://${host}/live`, names, { origin });
  socket.on("error", (error) => tellLine(`live page: ${error.message}`));
}

/** Among the processes that any thread of the recorder started. */
function pageOf(recorder: number): number | undefined {
  try {
    const tasks = `/proc/${recorder}/task`;
    const children = readdirSync(tasks).flatMap((t) =>
      readFileSync(`${tasks}/${t}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
    return children.find((pid) => /page-process\.[jt]s/.test(commandLineOf(pid)));
  } catch {
    return undefined;
  }
}

const commandLineOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "latin1");

/** Of the process and all its threads; undefined once it is gone. */
function usageOf(pid: number): ProcessUsage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    // The name in parentheses may hold spaces; user and system time are the 14th and 15th fields.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    const rss = /VmRSS:\s+(\d+) kB/.exec(status)?.[1];
    const peak = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
    if (rss === undefined || peak === undefined) return undefined;
    return {
      rssBytes: Number(rss) * 1024,
      peakBytes: Number(peak) * 1024,
      cpuS: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_S,
    };
  } catch {
    return undefined;
  }
}

function* figuresOf(usage: Usage[], result: Result): Generator<Figure> {
  const note = `${result.rows} rows in ${result.duration_s.toFixed(0)} s, ${result.reads} telemetry reads (${result.failed_reads} failed), ${result.lost_marks} marks lost`;
  yield figure("live: rows lost at 4 × 125 kS/s", result.lost_rows, "rows", 0, { note }, true);
  const [first, settled, last] = [
    usage[0]!,
    usage[Math.min(60, usage.length >> 1)]!,
    usage.at(-1)!,
  ];
  const both = (f: (part: (typeof PARTS)[number]) => number): Both => ({
    value: PARTS.reduce((n, part) => n + f(part), 0),
    each: PARTS.map((part) => [part, f(part)] as const),
  });
  const peak = both((part) => last[part].peakBytes);
  // Pages of the program text that both map are counted twice.
  const bytes = peak.each.map(([part, n]) => `${part} ${(n / 1e6).toFixed(0)} MB`).join(", ");
  yield figure("live: peak RSS", peak.value, "B", MAX_RSS, { note: bytes }, true);
  const grown = (u: Usage): number => both((part) => u[part].rssBytes).value;
  const growth = grown(last) / grown(settled);
  yield figure("live: RSS at the end over RSS after a minute", growth, "1", MAX_GROWTH, {}, true);
  const seconds = last.atS - first.atS;
  const cpu = both((part) => (last[part].cpuS - first[part].cpuS) / seconds);
  const cores = cpu.each.map(([part, n]) => `${part} ${n.toFixed(3)}`).join(", ");
  const worker = spinOf(result);
  const share = "live: processor time over real time, without the edge worker's own core";
  yield figure(share, cpu.value - worker, "of one core", MAX_CPU, { note: cores }, true);
  const how =
    result.trigger?.spin === true ? "it spins on a core of its own" : "it shares the cores";
  yield figure(
    "live: processor time of the edge worker",
    worker,
    "of one core",
    null,
    { note: how },
    true,
  );
}

/** Where there are four cores the edge worker takes one, by design (docs/gpio.md); elsewhere it is part of the rest. */
const spinOf = ({ trigger }: Result): number =>
  trigger?.spin === true ? trigger.cpu_s / trigger.wall_s : 0;

interface Both {
  readonly value: number;
  readonly each: readonly (readonly [string, number])[];
}

/** Each grid's, and as a ratio to what the machine gives a thread that only sleeps. */
function* latenessOf(result: Result, bare: BareTimer): Generator<Figure> {
  const bareMs = bare.lateness.p99Ns / 1e6;
  for (const g of result.telemetry) {
    const ratio = (g.lateness_ms.p99 / bareMs).toPrecision(2);
    const note = `${g.scheduler_class}, period ${g.period_ms} ms, ${g.ticks} ticks, ${g.dropped} dropped; ${ratio} × the bare timer's`;
    const target = g.period_ms <= FAST_PERIOD_MS ? MAX_LATENESS_MS : null;
    const name = `live: p99 lateness of ${g.grid}`;
    yield figure(name, g.lateness_ms.p99, "ms", target, { note }, true);
  }
  const note = `${bare.schedulerClass}, period ${FAST_PERIOD_MS} ms, ${bare.ticks} ticks; what this machine gives`;
  yield figure("live: p99 lateness of a bare timer beside it", bareMs, "ms", null, { note }, true);
}
