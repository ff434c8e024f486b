// Long recordings, made up and then fused, compared and reported as a user would, each command a process of its
// own: seconds of processor time, the most memory it ever held, and how large what it wrote is. The hour of a
// fast DAQ stands beside a copy of the same bytes in the same minutes.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tmpdir } from "../host/temporary.ts";
import { runPaths, type RunPaths } from "../capture/run.ts";
import { FOUR_CHANNELS, LIVE_CHANNELS, type LongLog, writeLongLog } from "./long-logs.ts";
import { cpuSeconds, type Figure, figure } from "./memcpy.ts";
import type { BenchOptions } from "./options.ts";

const MOST_BYTES = 600e6;
const DAY_S = 86_400;

interface Case extends LongLog {
  readonly name: string;
}

export async function* run({ hours = 1, share = 1 }: BenchOptions = {}): AsyncGenerator<Figure> {
  const n = (all: number): number => Math.max(1, Math.round(all * share));
  const days = 3 * DAY_S * share;
  const cases: Case[] = [
    { name: "72 h of exchanges", seconds: days, rowHz: 100, windows: n(259_200) },
    { name: "10 million marks", seconds: n(36_000), rowHz: 100, windows: n(1e6), instants: n(8e6) },
    {
      ...{ name: "72 h of telemetry", seconds: days, rowHz: 100, windows: n(10_000) },
      telemetry: LIVE_CHANNELS,
    },
    { name: "2 million windows", seconds: n(36_000), rowHz: 100, windows: n(2e6) },
  ];
  for (const c of cases) yield* inFolder((paths) => documents(c, paths));
  yield* inFolder((paths) => hour(hours, paths));
}

async function* inFolder(
  work: (paths: RunPaths) => AsyncGenerator<Figure>,
): AsyncGenerator<Figure> {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  try {
    yield* work(runPaths(dir));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function* documents(c: Case, paths: RunPaths): AsyncGenerator<Figure> {
  await writeLongLog(paths.capture, c);
  for (const command of ["compare", "fuse", "report"] as const) {
    const used = spent(command, paths.dir);
    const written = command === "report" ? paths.report : paths.compare;
    const note = `${used.cpuS.toFixed(1)} s of processor time, ${megabytes(written)} MB written`;
    yield figure(`${c.name}: ${command}`, used.bytes, "bytes at most", MOST_BYTES, { note }, true);
  }
}

/** Seconds of processor time: of comparing an hour, and of fusing it at 10 kHz. */
const COMPARE_S = 5;
const FUSE_S = 8;
/** Of the speed of copying the bytes that a fuse at full rate writes. */
const LEAST_SHARE = 0.3;

async function* hour(hours: number, paths: RunPaths): AsyncGenerator<Figure> {
  const seconds = 3600 * hours;
  const log = { seconds, rowHz: 100_000, windows: Math.round(seconds), telemetry: FOUR_CHANNELS };
  const bytes = await writeLongLog(paths.capture, log);
  const name = `${hours} h of 4 × 100 kS/s`;
  const copyOf = join(paths.dir, "copy");
  const copied = (from: string): number => {
    const s = cpuSeconds(() => copyFileSync(from, copyOf));
    rmSync(copyOf);
    return s;
  };
  const targets = [
    { what: "compare", args: [], target: COMPARE_S * hours },
    { what: "fuse", args: ["--rate", "10kHz"], target: FUSE_S * hours },
  ] as const;
  for (const { what, args, target } of targets) {
    const used = spent(what, paths.dir, args);
    const note = `${Math.round(used.bytes / 1e6)} MB of memory at most; copying the log's ${Math.round(bytes / 1e6)} MB takes ${copied(paths.capture).toFixed(2)} s`;
    const unit = "s of processor time";
    yield figure(`${name}: ${[what, ...args].join(" ")}`, used.cpuS, unit, target, { note }, true);
  }
  const used = spent("fuse", paths.dir);
  const note = `${megabytes(paths.fused)} MB in ${used.cpuS.toFixed(1)} s of processor time`;
  const share = copied(paths.fused) / used.cpuS;
  yield figure(`${name}: fuse at full rate`, share, "of copying", LEAST_SHARE, { note });
}

const megabytes = (path: string): number => Math.round(statSync(path).size / 1e6);

/** Runs the command; its own account of itself comes on stderr, last. */
function spent(
  command: string,
  dir: string,
  args: readonly string[] = [],
): { cpuS: number; bytes: number } {
  const main = fileURLToPath(new URL("../cli/main.js", import.meta.url));
  const account =
    "process.on('exit',()=>process.stderr.write('\\n'+JSON.stringify(process.resourceUsage())))";
  const preload = `data:text/javascript,${encodeURIComponent(account)}`;
  const argv = ["--import", preload, main, command, dir, "--quiet", ...args];
  const { status, stderr } = spawnSync(process.execPath, argv, {
    stdio: ["ignore", "ignore", "pipe"],
    maxBuffer: 64e6,
  });
  const lines = stderr.toString().trimEnd().split("\n");
  if (status !== 0 && status !== 3) throw new Error(`${command}: ${lines.slice(0, -1).join("\n")}`);
  const usage = JSON.parse(lines.at(-1)!) as NodeJS.ResourceUsage;
  return {
    cpuS: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    bytes: usage.maxRSS * 1024,
  };
}
