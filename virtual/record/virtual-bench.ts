// The virtual bench in processes of its own: a DAQ that answers on a pseudoterminal, a simulated driver, and the
// marks that its load would write. Holds: nothing real is recorded beside it.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SIMULATED } from "../../gpio/sim-file.ts";
import { scratchFolder } from "../../host/own-folder.ts";
import { FIFO_PRIORITY } from "../../host/scheduler.ts";
import { siblingModule } from "../../host/sibling.ts";
import type { OpenPort } from "../../ingest/ports/port.ts";
import { ttyPort } from "../../ingest/ports/tty-port.ts";
import {
  type Environment,
  type EnvironmentOptions,
  readEnvironment,
} from "../../nvml/environment.ts";
import { availableGrids } from "../../nvml/grids.ts";
import type { GridSpec } from "../../nvml/sampler.ts";
import type { Bench } from "../../record/bench.ts";
import { truejouleDaq } from "../../ingest/instruments/truejoule-daq/kind.ts";
import type { LoadedRig } from "../../rigs/load.ts";
import { instant, later } from "../../schema/time.ts";
import { virtualCard } from "../bench/card.ts";
import { NO_FAULTS } from "../bench/faults.ts";
import { virtualMarks } from "../bench/host.ts";
import { triggerLine } from "../bench/trigger.ts";
import { mixedWork } from "../bench/workloads.ts";
import { spawnVirtualDaq } from "../daq/spawn.ts";
import { simGrids } from "../driver/sim-grids.ts";

export interface VirtualOptions {
  readonly seed: number;
  readonly durationS: number;
  /** Passed to the virtual DAQ process (`--fault`, `--flat-out`, …). */
  readonly daqArgs?: readonly string[];
}

/** Time for the processes to come up before the simulated work begins. */
const LEAD_NS = 1.5e9;
/** After the end of some work its mark is surely written (virtual/bench/host.ts). */
const LAST_MARK_NS = 1e6;

export async function virtualBench(rig: LoadedRig, o: VirtualOptions): Promise<Bench> {
  const { seed, durationS } = o;
  const schedule = mixedWork(seed, durationS);
  const card = virtualCard(rig.rig, schedule);
  const environment = await benchEnvironment({ nvml: null });
  const line = rig.rig.trigger ? simulatedLine() : null;
  const epoch = later(instant<"host">(process.hrtime.bigint()), LEAD_NS);
  const daq = await spawnVirtualDaq(rig.rig, [
    ...["--seed", String(seed), "--seconds", String(durationS), "--epoch", String(epoch)],
    ...(line ? ["--line", line.path] : []),
    ...(o.daqArgs ?? []),
  ]).catch((error: unknown) => {
    line?.remove();
    throw error;
  });
  const { spans } = schedule;
  const stamps = line ? [] : triggerLine(spans, seed, NO_FAULTS).stamps;
  const powerModule = siblingModule(import.meta.url, "../bench/sim-power").url.href;
  const powerArgs = { rig: rig.rig, pieces: card.trace, epochNs: Number(epoch) };
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await daq.stop().finally(() => line?.remove());
  };
  return {
    rig,
    async start(sink, onFatal) {
      // Its epoch is its power-up: before that nobody answers.
      await sleep(Math.max(0, Number(epoch - process.hrtime.bigint()) / 1e6));
      const open = (): OpenPort => ttyPort(daq.path, { fifoPriority: FIFO_PRIORITY });
      return truejouleDaq.start(open, rig.rig, sink, onFatal);
    },
    source: "virtual",
    grids: simGrids({ powerModule, powerArgs }),
    environment,
    epoch,
    triggerOutput: line && line.name,
    ownMarks: (session, until) => {
      const untilNs = until === undefined ? Infinity : Number(until - epoch);
      const done = spans.filter((s) => s.doneNs + LAST_MARK_NS < untilNs);
      const edges = stamps.filter((s) => s.tNs < untilNs);
      return virtualMarks({ seed, spans: done, stamps: edges }, session);
    },
    truthJ: (t0, t1) => card.energyJ(t0, t1),
    description: "virtual bench: DAQ, load and driver are simulated",
    close: () => (closing ??= close()),
  };
}

/** The machine's, with a word on its own sensors, where it has some. */
export async function benchEnvironment(options?: EnvironmentOptions): Promise<Environment> {
  return besideSimulation(await readEnvironment(options), await availableGrids());
}

/** What a real card draws is nothing to hold against simulated rails: it is not read, and that is told. */
export function besideSimulation(
  environment: Environment,
  real: readonly Pick<GridSpec, "name">[],
): Environment {
  const sources = [...new Set(real.map((g) => g.name.split(" ")[0]!))];
  if (sources.length === 0) return environment;
  const text = `${sources.join(" and ")} of this machine is not read: it says nothing of simulated rails; record --rig none records it alone`;
  return { ...environment, warnings: [...environment.warnings, text] };
}

/** A trigger line to the virtual DAQ: a file that is there before either end opens it. */
export function simulatedLine(): { name: string; path: string; remove(): void } {
  const folder = scratchFolder("truejoule-line-");
  const path = join(folder.path, "edges");
  writeFileSync(path, "");
  return { name: `${SIMULATED}${path}`, path, remove: () => folder.remove() };
}
