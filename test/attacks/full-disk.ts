// Commands on a disk that fills up at a random moment → what that broke. Needs root: each trial has a small tmpfs of
// its own. What a recording tells of itself must be in its log, exactly; derived files are old or whole.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, statfsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readCapture } from "../../capture/log-reader.ts";
import { random } from "../../stats/random.ts";
import { BlockFlag } from "../../schema/records.ts";
import {
  ARGUMENTS,
  type Kind,
  KINDS,
  makeTemplate,
  newTrial,
  problemsAfter,
  problemsNow,
  readsFused,
  runToEnd,
  start,
  tree,
} from "./trial.ts";
import { inProcesses } from "./trial-pool.ts";

export interface FullDisk {
  readonly kind: Kind;
  /** Bytes that were left when the command began, or for a recording the time at which none were, ms. */
  readonly at: number;
  readonly code: number | null;
  /** It met the full disk. */
  readonly met: boolean;
  readonly problems: readonly string[];
}

export interface DiskPlan extends Pick<FullDisk, "kind" | "at"> {
  readonly template: string;
  readonly base: string;
}

export const isRoot = (): boolean => process.getuid?.() === 0;

/** A recording refuses to begin with less than half a gigabyte. */
const RECORD_BYTES = 640 << 20;
const OTHER_BYTES = 64 << 20;

export async function fillDisks(
  count: number,
  atOnce: number,
  seed: number,
  kinds: readonly Kind[] = KINDS,
  onTrial?: (trial: FullDisk, done: number) => void,
): Promise<FullDisk[]> {
  const base = mkdtempSync(join(tmpdir(), "truejoule-full-"));
  try {
    const template = join(base, "template");
    await makeTemplate(template);
    const needed = await bytesWritten(kinds, template, base);
    const r = random(seed, "full disks");
    const plans = Array.from({ length: count }, (_, k): DiskPlan => {
      const kind = kinds[k % kinds.length]!;
      return { kind, at: Math.round(r.uniform() * needed.get(kind)!), template, base };
    });
    return await inProcesses(plans, atOnce, onTrial);
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

export async function onSmallDisk({ kind, at, template, base }: DiskPlan): Promise<FullDisk> {
  const disk = mkdtempSync(join(base, "disk-"));
  const size = kind === "record" ? RECORD_BYTES : OTHER_BYTES;
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", disk]);
  try {
    const dir = join(disk, "work");
    mkdirSync(dir);
    cpSync(template, dir, { recursive: true });
    const before = tree(dir);
    const trial = kind === "record" ? recordUntilFull : runOnLittle;
    const { code, met, problems } = await trial(kind, at, dir, join(disk, "ballast"));
    problems.push(...(await problemsNow(kind, dir, before)));
    rmSync(join(disk, "ballast"), { force: true });
    problems.push(...(await problemsAfter(kind, dir, before)));
    return { kind, at, code, met, problems };
  } finally {
    execFileSync("umount", ["-l", disk]);
  }
}

type Trial = Omit<FullDisk, "kind" | "at" | "problems"> & { problems: string[] };

/** What each writes when there is room, bytes, and a little more; for a recording how long it lasts, ms. */
async function bytesWritten(
  kinds: readonly Kind[],
  template: string,
  base: string,
): Promise<Map<Kind, number>> {
  const needed = new Map<Kind, number>([["record", 2000]]);
  for (const kind of kinds) {
    if (kind === "record") continue;
    const dir = newTrial(template, base, readsFused(kind));
    const before = tree(dir);
    await runToEnd(ARGUMENTS[kind], dir);
    const written = [...tree(dir)].filter(([path, hash]) => before.get(path) !== hash);
    const bytes = written.reduce((n, [path]) => n + statSync(join(dir, path)).size, 0);
    needed.set(kind, 1.2 * bytes);
    rmSync(dir, { recursive: true, force: true });
  }
  return needed;
}

async function runOnLittle(kind: Kind, left: number, dir: string, ballast: string): Promise<Trial> {
  fill(dir, ballast, left);
  const { ended } = start(ARGUMENTS[kind], dir);
  const { code, stderr } = await ended;
  const problems: string[] = [];
  const met = /no space left|ENOSPC/i.test(stderr);
  const lines = stderr.trim().split("\n");
  if (code === 1 && !met) problems.push(`does not say what was wrong: ${stderr.trim()}`);
  if (/a bug in truejoule|^\s+at /m.test(stderr)) problems.push(lines.join(" | "));
  if (code !== 0 && code !== 1 && code !== 3) problems.push(`code ${code}: ${lines.join(" | ")}`);
  return { code, met, problems };
}

async function recordUntilFull(
  kind: Kind,
  at: number,
  dir: string,
  ballast: string,
): Promise<Trial> {
  const { child, ended } = start(ARGUMENTS[kind], dir);
  const log = new Promise<void>((begun) => {
    const look = setInterval(() => {
      if (rowsIn(join(dir, "made", "capture.mcap")) === null && child.exitCode === null) return;
      clearInterval(look);
      begun();
    }, 30);
  });
  await log;
  await Promise.race([sleep(at), ended]);
  fill(dir, ballast, 0);
  const { code, stdout, stderr } = await ended;
  const problems: string[] = [];
  if (/a bug in truejoule|^\s+at /m.test(stderr))
    problems.push(stderr.trim().replaceAll("\n", " | "));
  const told = toldBy(stdout);
  const there = rowsIn(join(dir, "made", "capture.mcap"));
  if (told === null) problems.push(`told nothing: ${stderr.trim().replaceAll("\n", " | ")}`);
  else if (told.rows !== there?.rows || told.marks !== there.marks)
    problems.push(
      `told ${told.rows} rows and ${told.marks} marks, the log has ${there?.rows} and ${there?.marks}`,
    );
  return { code, met: /no space left|ENOSPC|nearly full/i.test(stderr), problems };
}

function toldBy(stdout: string): { rows: number; marks: number } | null {
  try {
    return JSON.parse(stdout) as { rows: number; marks: number };
  } catch {
    return null;
  }
}

/** What a reader finds of the DAQ's rows and of marks; null where there is no log yet. */
function rowsIn(log: string): { rows: number; marks: number } | null {
  const streams = new Map<string, number>();
  let [marks, session] = [0, false];
  try {
    for (const x of readCapture(log)) {
      if (x.kind === "session") session = true;
      else if (x.kind === "mark") marks++;
      else if (x.kind === "rows" && !(x.block.flags & BlockFlag.duplicate))
        streams.set(x.block.stream, (streams.get(x.block.stream) ?? 0) + x.block.rows);
    }
  } catch {
    return null;
  }
  return session ? { rows: [...streams.values()][0] ?? 0, marks } : null;
}

/** Leaves so many bytes free on the folder's disk. */
function fill(dir: string, ballast: string, left: number): void {
  const { bavail, bsize } = statfsSync(dir);
  const bytes = bavail * bsize - left;
  if (bytes <= 0) return;
  try {
    execFileSync("fallocate", ["-l", String(bytes), ballast], { stdio: "ignore" });
  } catch {
    // A recording took some meanwhile: the rest, as far as it goes.
    execFileSync("sh", ["-c", `cat /dev/zero >> "$0" 2>/dev/null; true`, ballast]);
  }
}
