// One recording from a virtual instrument by the built command, and what its own model says of it.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readCapture } from "../../capture/log-reader.ts";
import { loadRig } from "../../rigs/load.ts";
import { spawnVirtualDaq, type VirtualDaqAccount } from "../../virtual/daq/spawn.ts";
import { VirtualBench } from "../../virtual/bench/bench.ts";
import type { ClockExchange, Edge, Note } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { type Ran, truejoule } from "./built.ts";
import type { CompareDocument } from "./commands.ts";

/** The program that is recorded: two stages of its own, not where the load's edges are. */
const stages = (ms: number): string => `
  const fs = require("fs"), folder = process.env.TRUEJOULE_MARKS;
  const at = (ms, s) => setTimeout(() => fs.appendFileSync(folder + "/text", s + "\\n"), ms);
  at(700, "begin stage"); at(3300, "end stage"); at(4000, "begin after"); at(5300, "end after");
  setTimeout(() => process.exit(0), ${ms});`;

export interface Recording {
  readonly run: string;
  readonly ran: Ran;
  readonly doc: { readonly rows: number; readonly lost_rows: number; readonly marks: number };
  readonly comparison: CompareDocument & {
    readonly clock: { readonly method: string; readonly rate_ppm: number };
    readonly warnings: readonly string[];
  };
  readonly notes: readonly Note[];
  readonly edges: readonly Edge[];
  readonly exchanges: readonly ClockExchange[];
  /** Of each window: what was measured and what the model knows. */
  readonly joules: ReadonlyMap<string, Joules>;
  readonly bench: VirtualBench;
  /** Host's clock at the bench's zero. */
  readonly epoch: bigint;
  readonly account: VirtualDaqAccount & Readonly<Record<string, unknown>>;
}

export interface Joules {
  readonly measured: number;
  readonly expandedU: number;
  /** The same (k = 2) from every term of the budget but the noise. */
  readonly withoutNoiseU: number;
  /** The same from the sensors' terms alone: what a busy machine (late bytes, lost rows) cannot widen. */
  readonly sensorsU: number;
  readonly truth: number;
}

export interface Wanted {
  readonly dir: string;
  readonly name: string;
  readonly rigText: string;
  readonly seed?: number;
  /** How long, if longer than its stages. */
  readonly ms?: number;
  /** Of the virtual instrument. */
  readonly args?: readonly string[];
}

export async function recordInstrument(w: Wanted): Promise<Recording> {
  const { dir, name, seed = 1 } = w;
  const rigPath = join(dir, `${name}.yaml`);
  writeFileSync(rigPath, w.rigText);
  const { rig } = await loadRig(rigPath);
  const epoch = process.hrtime.bigint();
  const link = join(dir, `${name}.tty`);
  const device = await spawnVirtualDaq(rig, [
    ...["--seed", String(seed), "--seconds", "120", "--epoch", String(epoch), "--link", link],
    ...(w.args ?? []),
  ]);
  const run = join(dir, name);
  const ran = await truejoule(
    ...["record", "--rig", rigPath, "--port", link, "--out", run, "--json"],
    ...["--", process.execPath, "-e", stages(w.ms ?? 5600)],
  );
  const account = (await device.stop()) as Recording["account"];
  if (ran.code !== 0 && ran.code !== 3) throw new Error(ran.stderr);
  const comparison = JSON.parse(
    readFileSync(join(run, "compare.json"), "utf8"),
  ) as Recording["comparison"];
  const bench = new VirtualBench(timedByIndex(rig), { seed, durationS: 120 });
  const records = [...readCapture(join(run, "capture.mcap"))];
  const session = records.flatMap((r) => (r.kind === "session" ? [r.session] : []))[0]!;
  const zeroNs = Number(session.hostEpoch - epoch);
  const joules = new Map<string, Joules>();
  for (const window of comparison.windows as unknown as readonly TimedWindow[])
    if (window.physical)
      joules.set(window.name, {
        measured: window.physical.energy_j,
        expandedU: window.physical.expanded_uncertainty_j,
        withoutNoiseU: 2 * Math.hypot(...termsBut(/^noise$/, window)),
        sensorsU: 2 * Math.hypot(...termsBut(OF_MACHINE, window)),
        truth: bench.energyJ(zeroNs + window.t0_ns, zeroNs + window.t1_ns),
      });
  return {
    run,
    ran,
    doc: JSON.parse(ran.stdout) as Recording["doc"],
    comparison,
    notes: records.flatMap((r) => (r.kind === "note" ? [r.note] : [])),
    edges: records.flatMap((r) => (r.kind === "edge" ? [r.edge] : [])),
    exchanges: records.flatMap((r) => (r.kind === "exchange" ? [r.exchange] : [])),
    joules,
    bench,
    epoch,
    account,
  };
}

/** Terms of the budget that say when and whether rows came, and the noise. */
const OF_MACHINE = /^(noise|sampling|window edges|not observed|gaps|clock)/;

const termsBut = (names: RegExp, { physical }: TimedWindow): number[] =>
  physical!.budget.filter((b) => !names.test(b.term)).map((b) => b.contribution_j);

type TimedWindow = Omit<CompareDocument["windows"][number], "physical"> & {
  readonly physical: {
    readonly energy_j: number;
    readonly expanded_uncertainty_j: number;
    readonly budget: readonly { readonly term: string; readonly contribution_j: number }[];
  } | null;
  readonly t0_ns: number;
  readonly t1_ns: number;
};

/** The bench counts rows where the device has a counter of its own. */
function timedByIndex(rig: Rig): Rig {
  const { device } = rig;
  return { ...rig, device: { ...device, clock: { ...device.clock, hz: device.rowHz } } };
}
