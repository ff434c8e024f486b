// The whole path without a board: virtual card → emulated converter → real firmware → USB → pty → record →
// fuse → compare, held against the Joules that the card really drew. The fast current paths begin wrong and
// are disciplined by INA226s.
//     node --import ./scripts/ts-register.mjs firmware/demo.ts [--out RUN] [--seconds 4]
// Exit 0 when the truth lies inside the stated interval, 1 when it does not, 3 when the emulator was too slow to say.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readCapture } from "../capture/log-reader.ts";
import { runPaths } from "../capture/run.ts";
import { siblingModule } from "../host/sibling.ts";
import { builtInRig } from "../rigs/load.ts";
import { VirtualBench } from "../virtual/bench/bench.ts";
import { COMPARE, type DisciplineFit } from "../schema/documents/compare.ts";
import { documentIn } from "../schema/documents/document.ts";
import { RECORD, type RecordDocument } from "../schema/documents/record.ts";
import { UsageError } from "../schema/errors.ts";
import type { Rig } from "../schema/rig.ts";
import { visible } from "../schema/visible.ts";
import { type EmulatorAccount, startEmulator } from "./emulator/start.ts";
import { script } from "./script.ts";

const SEED = 1;
/** The fast current paths begin 2 % and 0.3 A off; the INA226s that the rig declares must set that right. */
const CURRENT_ERROR = { gain: 0.02, offsetA: 0.3 };
/** The card idles until the recorder is up. */
const LEAD_NS = 2_000_000_000n;
/** Recorded before and after the window, since an emulator on a busy machine lags behind. */
const MARGIN_MS = 1500;

/** Marks a window named `work`, with a margin on both sides. */
const program = (ms: number): string => `
  const fs = require("fs"), file = process.env.TRUEJOULE_MARKS + "/text";
  const say = (line, after) => setTimeout(() => fs.appendFileSync(file, line + "\\n"), after);
  say("begin work", ${MARGIN_MS});
  say("end work", ${MARGIN_MS + ms});
  setTimeout(() => process.exit(0), ${2 * MARGIN_MS + ms});`;

export interface DemoResult {
  readonly source: string;
  readonly energyJ: number;
  readonly expandedUncertaintyJ: number;
  readonly trueJ: number;
  readonly durationS: number;
  readonly lostRows: number;
  /** What the references found of the fast sensors. */
  readonly disciplines: readonly DisciplineFit[];
  readonly emulator: EmulatorAccount;
}

/** Records a command of `seconds` from the emulated board into a new run. */
export async function demo(out: string, seconds: number): Promise<DemoResult> {
  const { rig } = await builtInRig("emulated-pico");
  const epoch = process.hrtime.bigint() + LEAD_NS;
  const work = { seed: SEED, seconds: seconds + 30, epoch };
  const emulator = await startEmulator({ rig, ...work, currentError: CURRENT_ERROR });
  const command = ["-e", program(1000 * seconds)] as const;
  const port = ["--port", emulator.tty, "--out", out] as const;
  let document: RecordDocument;
  try {
    const said = await truejoule(
      "record",
      "--rig",
      "emulated-pico",
      ...port,
      "--json",
      "--",
      process.execPath,
      ...command,
    );
    document = documentIn(RECORD, said, "record --json", "npm run build");
  } catch (error) {
    await emulator.stop();
    throw error;
  }
  const account = await emulator.stop();
  return { ...judge(out, rig, work), lostRows: document.lost_rows, emulator: account };
}

/** The marked window: what compare says, and what the card drew. */
function judge(
  run: string,
  rig: Rig,
  work: { seed: number; seconds: number; epoch: bigint },
): Omit<DemoResult, "emulator" | "lostRows"> {
  const paths = runPaths(run);
  const text = readFileSync(paths.compare, "utf8");
  const compare = documentIn(COMPARE, text, paths.compare, "npm run build");
  const window = compare.windows.find((w) => w.name === "work-1");
  const [energyJ, expandedUncertaintyJ] = [
    window?.physical?.energy_j ?? null,
    window?.physical?.expanded_uncertainty_j ?? null,
  ];
  if (!window || energyJ === null || expandedUncertaintyJ === null)
    throw new Error(`${paths.compare} has no Joules of window work-1`);
  const bench = new VirtualBench(rig, { seed: work.seed, durationS: work.seconds });
  const zeroNs = Number(sessionEpoch(paths.capture) - work.epoch);
  return {
    source: compare.source,
    energyJ,
    expandedUncertaintyJ,
    trueJ: bench.energyJ(window.t0_ns + zeroNs, window.t1_ns + zeroNs),
    durationS: window.duration_s,
    disciplines: compare.disciplines ?? [],
  };
}

function sessionEpoch(capture: string): bigint {
  for (const r of readCapture(capture)) if (r.kind === "session") return r.session.hostEpoch;
  throw new Error(`${capture} has no session header`);
}

/** The command line of this checkout. @returns its stdout; 3 is done with recorded loss. */
function truejoule(...args: string[]): Promise<string> {
  const { url, execArgv } = siblingModule(import.meta.url, "../cli/main");
  const program = ["--no-warnings", ...execArgv, fileURLToPath(url), ...args];
  const child = spawn(process.execPath, program, { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (d: Buffer) => (stdout += d.toString()));
  child.stderr.on("data", (d: Buffer) => (stderr += d.toString()));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0 || code === 3) resolve(stdout);
      else reject(new Error(`truejoule ${args[0]} ended with ${code}: ${stderr.trim()}`));
    });
  });
}

/** A board this far behind the host's clock is no longer the instrument that the recorder takes it for. */
const LAG_LIMIT_NS = 100e6;

const USAGE = "usage: npm run firmware:demo -- [--out RUN] [--seconds 4], at least one second";

async function main(args: readonly string[]): Promise<number> {
  const options = { out: { type: "string" }, seconds: { type: "string", default: "4" } } as const;
  const { values } = parseArgs({ args: [...args], options });
  const seconds = Number(values.seconds);
  if (!(seconds >= 1 && seconds < Infinity))
    throw new UsageError(`--seconds: found "${values.seconds}"`);
  const out = values.out ?? `runs/emulated-${Date.now()}`;
  const r = await demo(out, seconds);
  const off = r.energyJ - r.trueJ;
  const inside = Math.abs(off) <= r.expandedUncertaintyJ;
  const { virtualS, worstLagNs, usbErrors } = r.emulator;
  const late = worstLagNs > LAG_LIMIT_NS;
  console.log(`source      ${r.source}, ${r.durationS.toFixed(3)} s, ${r.lostRows} rows lost`);
  console.log(
    `measured    ${r.energyJ.toFixed(3)} J ± ${r.expandedUncertaintyJ.toFixed(3)} J (k = 2)`,
  );
  console.log(`drawn       ${r.trueJ.toFixed(3)} J by the model`);
  console.log(
    `difference  ${off.toFixed(3)} J (${((100 * off) / r.trueJ).toFixed(3)} %), ${inside ? "inside" : "OUTSIDE"} the interval`,
  );
  for (const d of r.disciplines)
    console.log(
      `reference   ${d.rail} ${d.quantity}: ${d.readings_used} readings, gain ${d.gain?.toFixed(4)}, offset ${d.offset?.toFixed(3)}: taken out`,
    );
  console.log(
    `emulator    ${virtualS.toFixed(1)} s, at worst ${(worstLagNs / 1e6).toFixed(0)} ms behind real time, ${usbErrors.length} USB faults`,
  );
  console.log(`run         ${visible(out)}`);
  if (inside && r.source === "emulated") return 0;
  if (late) console.log("undecided: the emulator did not keep up with real time on this machine");
  return late ? 3 : 1;
}

await script(import.meta.url, USAGE, main);
