// A rig → what is recorded from: where the DAQ answers, what telemetry there is, and for the virtual
// bench the processes and marks that stand in for hardware.

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SIMULATED } from "../../gpio/sim-file.ts";
import { channelNames, deviceJson, probe, SEARCH_PATIENCE_MS } from "../../ingest/handshake.ts";
import type { OpenPort } from "../../ingest/port.ts";
import { listPorts } from "../../ingest/port-list.ts";
import type { DaqSink } from "../../ingest/sink.ts";
import { ttyPort } from "../../ingest/tty-port.ts";
import type { Environment } from "../../nvml/environment.ts";
import { availableGrids, simGrids } from "../../nvml/grids.ts";
import type { GridSpec } from "../../nvml/sampler.ts";
import type { LoadedRig } from "../../rigs/load.ts";
import { InputError } from "../../schema/errors.ts";
import type { Mark, Source } from "../../schema/records.ts";
import type { Identity } from "../../schema/frame-replies.ts";
import type { Rig, TextFormat } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import { type Instant, instant, later } from "../../schema/time.ts";

/** Whatever streams rows: a DAQ of ours, a text-line device. */
export interface LiveSource {
  /** How arrival is stamped. */
  readonly timing: string;
  /** device.json: what the device said of itself; null where it says nothing. */
  readonly device: string | null;
  rowsLost(): number;
  stop(): Promise<void>;
}

export interface Bench {
  readonly rig: LoadedRig;
  /** Connects and starts streaming into the sink. @throws SourceError when nothing answers. */
  start(sink: DaqSink, onFatal: (error: unknown) => void): Promise<LiveSource>;
  readonly source: Source;
  readonly grids: readonly GridSpec[];
  readonly environment: Environment;
  /** Session start; a moment in the near future, so that everything is up by then. */
  readonly epoch: Instant<"host">;
  /** Line that the host can drive and the DAQ sees (docs/gpio.md); null where the rig names none. */
  readonly triggerOutput: string | null;
  /** Marks that nobody else makes: the virtual bench's own load. */
  readonly ownMarks: (session: Session) => readonly Mark[];
  /** Told every mark as it is recorded: a load that follows the program. */
  readonly onMark?: (mark: Mark) => void;
  /** Kept with the run once the DAQ has stopped: what a simulation knows to be true. */
  readonly truth?: () => object | null;
  /** True Joules between two session instants, where somebody knows them. */
  readonly truthJ: ((t0Ns: number, t1Ns: number) => number) | null;
  /** In words, for the first lines of the recording. */
  readonly description: string;
  close(): Promise<void>;
}

/** What the handshake says runs the DAQ (docs/wire.md) → the word that travels with the data. */
const SOURCES: Readonly<Record<Identity["platform"], Source>> = {
  silicon: "hardware",
  emulator: "emulated",
  program: "virtual",
};

/** @throws InputError when no DAQ answers. */
export async function realBench(rig: LoadedRig, port: string | undefined): Promise<Bench> {
  const text = rig.rig.device.text;
  const device = text ? textDevice(rig.rig, text, port) : await wireDevice(rig.rig, port);
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

type Device = Pick<Bench, "start" | "source" | "description">;

/** A DAQ that speaks docs/wire.md. */
async function wireDevice(rig: Rig, port: string | undefined): Promise<Device> {
  const path = port ?? (await findDaq());
  const open = ttyPort(path, { fifoPriority: 10 });
  const { identity, capabilities } = await probe(open);
  const channels = channelNames(capabilities);
  checkChannels(rig, channels, `the DAQ at ${path}`);
  return {
    start: startWire(rig, open),
    source: SOURCES[identity.platform],
    description: `${identity.model} ${identity.serial} at ${path}`,
  };
}

/** @throws InputError when a sensor of the rig reads a channel that the device lacks. */
export function checkChannels(rig: Rig, channels: readonly string[], device: string): void {
  for (const rail of rig.rails)
    for (const sensor of [rail.voltage, rail.current, rail.power])
      if (sensor && !channels.includes(sensor.field))
        throw new InputError(
          `rig ${rig.name}: rail ${rail.name} reads channel ${sensor.field}, which ${device} does not have; it has ${channels.join(", ")}: name one of these in the rig file`,
        );
}

function startWire(rig: Rig, open: OpenPort): Bench["start"] {
  const { stream, rowHz } = rig.device;
  return async (sink, onFatal) => {
    const { startDaq } = await import("../../ingest/daq-source.ts");
    const daq = await startDaq({ open, stream, rowHz, onFatal }, sink);
    return {
      get timing() {
        return daq.timing;
      },
      device: deviceJson(daq),
      rowsLost: () => daq.counts().rowsLost,
      stop: () => daq.stop(),
    };
  };
}

/** A device that prints lines; nothing answers a handshake, so its port must be named. */
function textDevice(rig: Rig, format: TextFormat, port: string | undefined): Device {
  if (port === undefined)
    throw new InputError(
      `rig ${rig.name} reads text lines, which say nothing of who prints them: name the port with --port`,
    );
  const open = ttyPort(port, { baud: format.baud, fifoPriority: 10 });
  const { stream, rowHz } = rig.device;
  return {
    // Behind a pseudo-terminal sits a program, not an instrument.
    source: realpathSync(port).startsWith("/dev/pts/") ? "virtual" : "hardware",
    description: `text lines at ${port}`,
    async start(sink, onFatal) {
      const { startText } = await import("../../ingest/text-source.ts");
      const device = await startText({ open, stream, format, rowHz, onFatal }, sink);
      return {
        get timing() {
          return device.timing;
        },
        device: null,
        rowsLost: () => device.counts().rowsLost,
        stop: () => device.stop(),
      };
    },
  };
}

/** The only port where a DAQ of ours answers; USB ids are shared by strangers and prove nothing. */
async function findDaq(): Promise<string> {
  const found: string[] = [];
  for (const { path } of await listPorts())
    await probe(ttyPort(path), SEARCH_PATIENCE_MS).then(
      () => found.push(path),
      () => undefined,
    );
  if (found.length === 1) return found[0]!;
  throw new InputError(
    found.length === 0
      ? "no DAQ answers on any serial port; plug it in, see truejoule devices and truejoule doctor, or name it with --port"
      : `several DAQs answer (${found.join(", ")}); choose one with --port`,
  );
}

export interface VirtualOptions {
  readonly seed: number;
  readonly durationS: number;
  /** Passed to the virtual DAQ process (`--fault`, `--flat-out`, …). */
  readonly daqArgs?: readonly string[];
}

/** Time for the processes to come up before the simulated work begins. */
const LEAD_NS = 1.5e9;

export async function virtualBench(rig: LoadedRig, o: VirtualOptions): Promise<Bench> {
  const { spawnVirtualDaq } = await import("../../rigs/virtual-daq/spawn.ts");
  const { VirtualBench } = await import("../../rigs/virtual/bench.ts");
  const { virtualMarks } = await import("../../rigs/virtual/host.ts");
  const { siblingModule } = await import("../../capture/sibling.ts");
  const { readEnvironment } = await import("../../nvml/environment.ts");
  const epoch = later(instant<"host">(process.hrtime.bigint()), LEAD_NS);
  const line = rig.rig.trigger ? simulatedLine() : null;
  const daq = await spawnVirtualDaq(rig.rig, [
    ...["--seed", String(o.seed), "--seconds", String(o.durationS), "--epoch", String(epoch)],
    ...(line ? ["--line", line.path] : []),
    ...(o.daqArgs ?? []),
  ]);
  const bench = new VirtualBench(rig.rig, {
    seed: o.seed,
    durationS: o.durationS,
    outsideLine: line !== null,
  });
  const card = { rig: rig.rig, seed: o.seed, durationS: o.durationS, epochNs: Number(epoch) };
  const real = await availableGrids();
  const hasNvml = real.some((g) => g.name.startsWith("nvml"));
  const powerModule = siblingModule(import.meta.url, "../../rigs/virtual/sim-power").url.href;
  return {
    rig,
    async start(sink, onFatal) {
      // Its epoch is its power-up: before that nobody answers.
      await sleep(Math.max(0, Number(epoch - process.hrtime.bigint()) / 1e6));
      return startWire(rig.rig, ttyPort(daq.path, { fifoPriority: 10 }))(sink, onFatal);
    },
    source: "virtual",
    grids: hasNvml ? real : [...simGrids({ powerModule, powerArgs: card }), ...real],
    environment: await readEnvironment(),
    epoch,
    triggerOutput: line && line.name,
    ownMarks: (session) => virtualMarks(bench, session),
    truthJ: (t0, t1) => bench.energyJ(t0, t1),
    description: hasNvml
      ? "virtual bench (simulated DAQ and load) beside this machine's own GPU telemetry"
      : "virtual bench: DAQ, load and driver are simulated",
    close: async () => {
      await daq.stop();
      line?.remove();
    },
  };
}

/** A trigger line to the virtual DAQ: a file that is there before either end opens it. */
export function simulatedLine(): { name: string; path: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), "truejoule-line-"));
  const path = join(dir, "edges");
  writeFileSync(path, "");
  const name = `${SIMULATED}${path}`;
  return { name, path, remove: () => rmSync(dir, { recursive: true, force: true }) };
}
