// What marks cost and how many the reader keeps up with. Out: one object a measurement, each with its
// ratio to reading the clock in the same run, since the machines differ more than the clients.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { tmpdir } from "../host/temporary.ts";
import { MarksSource } from "./marks-source.ts";
import { ENVIRONMENT_VARIABLE } from "./names.ts";
import type { MarkSink } from "./to-marks.ts";

const execute = promisify(execFile);
const here = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "." : "../../marks/", import.meta.url),
);
/** Short, so that some of them are not preempted; the best one counts. */
const ROUND = 5000;
const none: MarkSink = { onMark() {}, onExchange() {}, onLoss() {} };

export type Measurement = Readonly<Record<string, string | number | null>>;

/** Yields measurements; what a machine lacks (gcc, python3) is one line that says so. */
export async function* benchMarks(): AsyncGenerator<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-bench-"));
  try {
    const c = await compiled(folder);
    yield c ? await foreign("C", [c, "cost", "5000"]) : missing("C", "gcc");
    yield await foreign("Python", ["python3", join(here, "python/bench.py")]).catch(() =>
      missing("Python", "python3"),
    );
    yield await node();
    yield c ? await sustained(c, 1_000_000) : missing("two processes", "gcc");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const missing = (client: string, what: string): Measurement => ({
  bench: "marks",
  client,
  skipped: `no ${what} on this machine`,
});

async function compiled(folder: string): Promise<string | undefined> {
  const path = join(folder, "bench");
  const args = ["-O2", "-I", join(here, "c"), join(here, "c/bench.c"), "-o", path, "-pthread"];
  return execute("gcc", args).then(
    () => path,
    () => undefined,
  );
}

interface Costs {
  clock_ns: number;
  mark_ns: number;
  [other: string]: number;
}

const withRatio = (client: string, costs: Costs): Measurement => ({
  bench: "marks",
  client,
  ...costs,
  mark_per_clock: Math.round((100 * costs.mark_ns) / costs.clock_ns) / 100,
});

/** A program that prints its costs; nobody reads its ring, as nobody does while a mark is made. */
async function foreign(client: string, [command, ...args]: string[]): Promise<Measurement> {
  const source = new MarksSource(none);
  const env = { ...process.env, ...source.environment, PYTHONPATH: join(here, "python") };
  try {
    const { stdout } = await execute(command!, args, { env });
    return withRatio(client, JSON.parse(stdout) as Costs);
  } finally {
    source.close();
  }
}

async function node(): Promise<Measurement> {
  const source = new MarksSource(none);
  process.env[ENVIRONMENT_VARIABLE] = source.folder;
  const { mark } = await import("./node-client.ts");
  const cost = (call: () => unknown) => {
    let best = Infinity;
    for (let round = 0; round < 100; round++) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < ROUND; i++) call();
      best = Math.min(best, Number(process.hrtime.bigint() - start) / ROUND);
    }
    return Math.round(10 * best) / 10;
  };
  const costs = {
    clock_ns: cost(() => process.hrtime.bigint()),
    mark_ns: cost(() => mark("first_token")),
    mark_with_field_ns: cost(() => mark("first_token", { batch_size: 8 })),
  };
  delete process.env[ENVIRONMENT_VARIABLE];
  source.close();
  return withRatio("Node", costs);
}

/** Two processes at half the rate each, the reader looking every 10 ms as a recorder does. */
async function sustained(program: string, perSecond: number): Promise<Measurement> {
  const source = new MarksSource(none);
  const env = { ...process.env, ...source.environment };
  const half = [String(perSecond / 2), String(perSecond / 2)];
  let running = true;
  const writers = Promise.all([0, 1].map(() => execute(program, ["rate", ...half], { env })));
  const ended = writers.finally(() => (running = false));
  const cpu = process.cpuUsage();
  while (running) {
    source.poll();
    await sleep(10);
  }
  await ended;
  const { received, lost } = source.close();
  const { user, system } = process.cpuUsage(cpu);
  const reader_ns = Math.round(((user + system) * 1000) / Math.max(1, received));
  return {
    bench: "marks",
    client: "two C processes",
    rate_hz: perSecond,
    received,
    lost,
    reader_ns,
  };
}
