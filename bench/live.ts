// A whole recording as a user starts it, at 4 × 125 kS/s through a pty with telemetry and a looker on its
// live page, for ten minutes: what was lost, what it took of memory and processor, and how late its grids
// were beside a bare timer.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { LEAN, siblingModule } from "../capture/sibling.ts";
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

interface Usage {
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
    const now = usageOf(child.pid!);
    if (now) usage.push(now);
  }, 1000);
  const code = await ended;
  clearInterval(timer);
  if (code !== 0 && code !== 3) throw new Error(`the recording ended with code ${code}`);
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

/** Of the process and all its threads; undefined once it is gone. */
function usageOf(pid: number): Usage | undefined {
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
  const rss = usage.map((u) => u.rssBytes);
  const settled = rss[Math.min(60, rss.length >> 1)]!;
  yield figure("live: peak RSS", usage.at(-1)!.peakBytes, "B", MAX_RSS, {}, true);
  yield figure(
    "live: RSS at the end over RSS after a minute",
    rss.at(-1)! / settled,
    "1",
    MAX_GROWTH,
    {},
    true,
  );
  const [first, last] = [usage[0]!, usage.at(-1)!];
  const cpu = (last.cpuS - first.cpuS) / (usage.length - 1);
  yield figure("live: processor time over real time", cpu, "of one core", MAX_CPU, {}, true);
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
