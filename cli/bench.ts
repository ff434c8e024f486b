// truejoule bench [NAME]: throughput as JSON lines, each with its ratio to memcpy in the same run.

import { UsageError } from "../schema/errors.ts";
import type { BenchOptions } from "../bench/options.ts";
import type { Command, Invocation } from "./command.ts";
import { printJson } from "./terminal.ts";

type Bench = (o?: BenchOptions) => AsyncIterable<object>;

const benches: Readonly<Record<string, { readonly summary: string; load(): Promise<Bench> }>> = {
  decode: {
    summary: "decode, calibrate and integrate raw blocks",
    load: async () => (await import("../bench/decode.ts")).run,
  },
  log: {
    summary: "write and verified read of the capture log",
    load: async () => (await import("../bench/log.ts")).run,
  },
  fuse: {
    summary: "rows of fused.arrow to a discarding sink",
    load: async () => (await import("../bench/fuse.ts")).run,
  },
  windows: {
    summary: "a million windows over 100 million samples",
    load: async () => (await import("../bench/windows.ts")).run,
  },
  long: {
    summary:
      "72 h, 10 million marks, 2 million windows, an hour of 4 × 100 kS/s (half an hour, 30 GB)",
    load: async () => (await import("../bench/long.ts")).run,
  },
  memory: {
    summary: "peak memory from 10 to 1,000 million samples",
    load: async () => (await import("../bench/memory.ts")).run,
  },
  ingest: {
    summary: "frame decoder alone, and from a pty into the log, flat out",
    load: async () => (await import("../bench/ingest.ts")).run,
  },
  marks: {
    summary: "nanoseconds a mark from C, Python and Node",
    load: async () => (await import("../marks/bench.ts")).benchMarks,
  },
  live: {
    summary: "a recording at 4 × 125 kS/s with its live page (10 minutes)",
    load: async () => (await import("../bench/live.ts")).run,
  },
  attack: {
    summary: "200,000 malformed requests and frames at a recording's live page (minutes)",
    load: async () => (await import("../bench/attack.ts")).run,
  },
  faults: {
    summary:
      "devices, lines and hosts that fail: made = logged + counted lost? (minutes; exit 1 if not)",
    load: async () => (await import("../bench/faults.ts")).run,
  },
  fuzz: {
    summary: "10^9 random and damaged bytes through the frame decoder (minutes)",
    load: async () => (await import("../bench/trials/fuzz.ts")).run,
  },
  edges: {
    summary: "10,000 seeded trials of lost, stray and bouncing trigger edges: wrong pairs",
    load: async () => (await import("../bench/trials/edge-figures.ts")).run,
  },
  coverage: {
    summary: "does the interval hold the truth? windows × conditions, virtual sessions (minutes)",
    load: async () => (await import("../bench/trials/coverage/figures.ts")).run,
  },
  claims: {
    summary: "does the interval of a matched claim hold the sensor's error? (minutes)",
    load: async () => (await import("../bench/trials/coverage/claim-figures.ts")).run,
  },
  restarts: {
    summary:
      "400 virtual sessions whose device restarted: clock and Joules on both sides (minutes)",
    load: async () => (await import("../bench/trials/restart-figures.ts")).run,
  },
  kernels: {
    summary: "100 virtual sessions: Joules per kernel, folded waveforms (minutes)",
    load: async () => (await import("../bench/trials/kernel-figures.ts")).run,
  },
};

/** These take minutes, so they must be asked for by name. */
const ONLY_BY_NAME = new Set([
  "live",
  "attack",
  "faults",
  "fuzz",
  "edges",
  "coverage",
  "claims",
  "restarts",
  "kernels",
]);

export const command: Command = {
  summary: "throughput as JSON lines, with ratios to memcpy in the same run",
  usage: "[NAME] [--hours H] [--share S] [--sessions M] [--seed N]",
  help: `
Without NAME, all run but those that take minutes. Times on shared machines are noisy: read the ratios, and \`noise\` (median
over best of the repeats) and \`load_average\` beside them. Exit 0 whatever the figures, 1 where a verdict is "wrong".

${Object.entries(benches)
  .map(([name, b]) => `  ${name.padEnd(10)}${b.summary}`)
  .join("\n")}`,
  options: {
    hours: { type: "string" },
    share: { type: "string" },
    sessions: { type: "string" },
    seed: { type: "string" },
  },
  optionHelp: [
    ["--hours H", "long: hours of the fast DAQ (default 1; full rate writes 20 GB an hour)"],
    ["--share S", "long: share of its marks, windows and hours of exchanges (default 1)"],
    [
      "--sessions M",
      "coverage, claims: sessions of each condition (default 100; 2000 for a verdict)",
    ],
    ["--seed N", "coverage, claims: seed of the first session (default 1)"],
  ],

  async run(call) {
    const [name, ...extra] = call.positionals;
    if (extra.length > 0) throw new UsageError("bench takes one NAME at most");
    if (name !== undefined && !(name in benches))
      throw new UsageError(`no bench "${name}"; there are ${Object.keys(benches).join(", ")}`);
    const chosen =
      name === undefined ? Object.keys(benches).filter((n) => !ONLY_BY_NAME.has(n)) : [name];
    const options = {
      hours: positive(call, "hours"),
      share: positive(call, "share"),
      sessions: whole(call, "sessions"),
      seed: whole(call, "seed"),
    };
    const lines: object[] = [];
    for (const each of chosen) {
      const run = await benches[each]!.load();
      for await (const line of run(options)) {
        lines.push(line);
        if (!call.ui.json) printJson(line);
      }
    }
    if (call.ui.json) call.ui.document({ schema: "bench/1", lines });
    return lines.some((l) => "verdict" in l && l.verdict === "wrong") ? 1 : 0;
  },
};

function whole(call: Invocation, name: string): number | undefined {
  const value = positive(call, name);
  if (value !== undefined && !Number.isSafeInteger(value))
    throw new UsageError(`--${name} takes a whole number above 0`);
  return value;
}

function positive({ options }: Invocation, name: string): number | undefined {
  const text = options[name];
  if (typeof text !== "string") return undefined;
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new UsageError(`--${name} takes a number above 0`);
  return value;
}
