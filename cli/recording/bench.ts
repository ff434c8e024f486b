// A rig → what is recorded from: where the DAQ answers, what telemetry there is, and for the virtual
// bench the processes and marks that stand in for hardware.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FIFO_PRIORITY } from "../../host/scheduler.ts";
import { scratchFolder } from "../../host/own-folder.ts";
import { SIMULATED } from "../../gpio/sim-file.ts";
import { ttyPort } from "../../ingest/tty-port.ts";
import type { Environment } from "../../nvml/environment.ts";
import { availableGrids, simGrids } from "../../nvml/grids.ts";
import type { GridSpec } from "../../nvml/sampler.ts";
import type { LoadedRig } from "../../rigs/load.ts";
import type { Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { type Instant, instant, later } from "../../schema/time.ts";
import { type Device, deviceOf, startWire } from "./device.ts";

export interface Bench extends Device {
  readonly rig: LoadedRig;
  readonly grids: readonly GridSpec[];
  readonly environment: Environment;
  /** Session start; a moment in the near future, so that everything is up by then. */
  readonly epoch: Instant<"host">;
  /** Line that the host can drive and the DAQ sees (docs/gpio.md); null where the rig names none. */
  readonly triggerOutput: string | null;
  /** Marks that nobody else makes: the virtual bench's own load, as far as it is done by `until`. */
  readonly ownMarks: (session: Session, until?: Instant<"host">) => readonly Mark[];
  /** Told every mark as it is recorded: a load that follows the program. */
  readonly onMark?: (mark: Mark) => void;
  /** Kept with the run once the DAQ has stopped: what a simulation knows to be true. */
  readonly truth?: () => object | null;
  /** True Joules between two session instants, where somebody knows them. */
  readonly truthJ: ((t0Ns: number, t1Ns: number) => number) | null;
  /** Ends what it started; more than once is once. */
  close(): Promise<void>;
}

/** @throws InputError when no DAQ answers. */
export async function realBench(rig: LoadedRig, port: string | undefined): Promise<Bench> {
  const device = await deviceOf(rig.rig, port);
  const { readEnvironment } = await import("../../nvml/environment.ts");
  const environment = await readEnvironment();
  return {
    rig,
    ...device,
    grids: await availableGrids(),
    environment,
    epoch: instant<"host">(process.hrtime.bigint()),
    triggerOutput: rig.rig.trigger?.output ?? null,
    ownMarks: () => [],
    truthJ: null,
    close: async () => undefined,
  };
}

export interface VirtualOptions {
  readonly seed: number;
  readonly durationS: number;
  /** Passed to the virtual DAQ process (`--fault`, `--flat-out`, …). */
  readonly daqArgs?: readonly string[];
}

/** Time for the processes to come up before the simulated work begins. */
const LEAD_NS = 1.5e9;
/** After the end of some work its mark is surely written (rigs/virtual/host.ts). */
const LAST_MARK_NS = 1e6;

export async function virtualBench(rig: LoadedRig, o: VirtualOptions): Promise<Bench> {
  const { spawnVirtualDaq } = await import("../../rigs/virtual-daq/spawn.ts");
  const { virtualCard } = await import("../../rigs/virtual/card.ts");
  const { virtualMarks } = await import("../../rigs/virtual/host.ts");
  const { NO_FAULTS } = await import("../../rigs/virtual/faults.ts");
  const { triggerLine } = await import("../../rigs/virtual/trigger.ts");
  const { mixedWork } = await import("../../rigs/virtual/workloads.ts");
  const { siblingModule } = await import("../../capture/sibling.ts");
  const { readEnvironment } = await import("../../nvml/environment.ts");
  const { seed, durationS } = o;
  const schedule = mixedWork(seed, durationS);
  const card = virtualCard(rig.rig, schedule);
  const real = await availableGrids();
  const environment = await readEnvironment();
  const hasNvml = real.some((g) => g.name.startsWith("nvml"));
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
  const powerModule = siblingModule(import.meta.url, "../../rigs/virtual/sim-power").url.href;
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
      return startWire(rig.rig, ttyPort(daq.path, { fifoPriority: FIFO_PRIORITY }))(sink, onFatal);
    },
    source: "virtual",
    grids: hasNvml ? real : [...simGrids({ powerModule, powerArgs }), ...real],
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
    description: hasNvml
      ? "virtual bench (simulated DAQ and load) beside this machine's own GPU telemetry"
      : "virtual bench: DAQ, load and driver are simulated",
    close: () => (closing ??= close()),
  };
}

/** A trigger line to the virtual DAQ: a file that is there before either end opens it. */
export function simulatedLine(): { name: string; path: string; remove(): void } {
  const folder = scratchFolder("truejoule-line-");
  const path = join(folder.path, "edges");
  writeFileSync(path, "");
  return { name: `${SIMULATED}${path}`, path, remove: () => folder.remove() };
}
