// truejoule record: DAQ, edges, marks and telemetry into one run, live.

import { recordRun, type RecordListener, type Recorded } from "../record/run.ts";
import { LONGEST_S, type RecordRequest } from "../record/request.ts";
import { UsageError } from "../schema/errors.ts";
import { quantity } from "../schema/units.ts";
import type { Command, Invocation, OptionValues } from "./command.ts";
import { finish, listener } from "./recording.ts";

export const command: Command = {
  summary: "records DAQ, edges, marks and telemetry until the duration or CMD ends",
  records: true,
  usage:
    "--rig FILE|NAME --out RUN [--duration 10s] [--port TTY] [--label k=v] [--live] [--cuda] [-- CMD …]",
  help: `
Writes RUN/capture.mcap as it goes (a kill loses less than a second), then fuses it. CMD finds the marks
folder in TRUEJOULE_MARKS (docs/marks.md); a window named command-1 spans it. Ctrl-C ends both cleanly, a
second one at once. A recording that fails says so at once and leaves CMD alone: it goes on unrecorded.
Only a log that takes nothing more (a full disk) and the DAQ's own fatal errors end it early; a terminal that
goes (SIGHUP, a closed pipe), the live page, marks and telemetry do not: they are reported, and the exit code is 3.
Exit: 1 if the recording failed, else CMD's code if not 0 (128 + n for signal n), else 3 or 0.
--rig virtual records the virtual bench over a pty in real time; everything in it is simulated. With --cuda
its simulated load follows CMD's own kernels.

example: truejoule record --rig bench.yaml --out runs/gemm --label batch=8 -- python train.py`,
  options: {
    rig: { type: "string" },
    out: { type: "string" },
    duration: { type: "string" },
    port: { type: "string" },
    label: { type: "string", multiple: true },
    seed: { type: "string" },
    realtime: { type: "boolean" },
    live: { type: "boolean" },
    cuda: { type: "boolean" },
    "no-trigger": { type: "boolean" },
    "no-fuse": { type: "boolean" },
    fault: { type: "string", multiple: true },
  },
  optionHelp: [
    ["--rig FILE|NAME", "the bench (rigs/README.md); virtual is the simulated one"],
    ["--out RUN", "folder to make; must not exist or be empty"],
    ["--duration TIME", "30s, 10min; without it until CMD ends or Ctrl-C"],
    ["--port TTY", "the DAQ's port, if several answer"],
    ["--label k=v", "kept with the run; any number of times"],
    [
      "--realtime",
      "ask for SCHED_FIFO for the telemetry grids (needs rtprio; which class ran is recorded)",
    ],
    ["--live", "a web page of it on 127.0.0.1 (docs/live.md); its address goes to stderr"],
    ["--cuda", "CMD's kernels and NVTX ranges too, unmodified (docs/cuda.md)"],
    [
      "--no-trigger",
      "leave the rig's trigger line alone (its worker takes a core where there are four)",
    ],
    ["--no-fuse", "leave fusing for later"],
    ["--seed N", "virtual bench: another card, another load (1)"],
    [
      "--fault KIND@S:N",
      "virtual bench: a fault of the DAQ, such as unplug@3:1, stall@2:100, garbage@1:50",
    ],
  ],

  async run(call) {
    const { out } = call.options;
    if (typeof out !== "string") throw new UsageError("record needs --out RUN");
    const request = await requestOf(call, out);
    return finish(await recordHere(request, listener(call.ui, request)), request, call.ui);
  },
};

/** Records from the bench that the request's rig names, real or virtual. */
export async function recordHere(request: RecordRequest, to: RecordListener): Promise<Recorded> {
  const { openBench } = await import("../virtual/record/open-bench.ts");
  return recordRun(request, openBench, to);
}

/** What the line asks for. @throws UsageError */
export async function requestOf(call: Invocation, out: string): Promise<RecordRequest> {
  const { options, rest, ui } = call;
  const { rig, port, duration } = options;
  if (call.positionals.length > 0) throw new UsageError("only options and -- CMD are taken");
  if (typeof rig !== "string") throw new UsageError("needs --rig FILE|NAME");
  return {
    out,
    rig,
    ...(typeof duration === "string" ? { durationS: await secondsOf("--duration", duration) } : {}),
    ...(typeof port === "string" ? { port } : {}),
    ...(rest.length > 0 ? { program: rest } : {}),
    labels: labels(options["label"]),
    programOutput: ui.json ? "stderr" : "inherit",
    cuda: options["cuda"] === true,
    realtime: options["realtime"] === true,
    trigger: options["no-trigger"] !== true,
    fuse: options["no-fuse"] !== true,
    live: options["live"] === true,
    simulation: { seed: seedOf(options), faults: list(options["fault"]) },
    signals: true,
  };
}

/** A time of the line. @throws UsageError */
export async function secondsOf(option: string, text: string): Promise<number> {
  let seconds = NaN;
  try {
    seconds = await quantity(text.replace(/^([\d.]+)\s*/, "$1 "), "s");
  } catch {
    // said below
  }
  if (seconds > LONGEST_S)
    throw new UsageError(
      `${option} ${text}: longer than 100 years; leave it away to record until CMD ends or Ctrl-C`,
    );
  if (seconds > 0) return seconds;
  throw new UsageError(`${option} ${text}: expected a time such as 10s, 5min, 2h`);
}

/** Of the virtual bench. @throws UsageError unless a whole number from 0. */
export function seedOf(options: OptionValues): number {
  const seed = options["seed"] ?? "1";
  if (typeof seed !== "string" || !/^\d{1,9}$/.test(seed))
    throw new UsageError(`--seed ${String(seed)}: expected a whole number`);
  return Number(seed);
}

const list = (o: unknown): string[] => (Array.isArray(o) ? (o as string[]) : []);

function labels(o: unknown): Record<string, string> {
  return Object.fromEntries(
    list(o).map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new UsageError(`--label ${text}: expected k=v`);
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
