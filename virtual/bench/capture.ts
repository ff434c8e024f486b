// The virtual bench → a capture log, as a recorder would have written it, with the truth attached.
// In: a run folder and a seed. Out: capture.mcap (source `virtual`) and, in truth.json and as the
// result, what an analysis of it ought to find. Holds: same options, same bytes.

import { LogWriter } from "../../capture/log-writer.ts";
import { createRun } from "../../capture/new-run.ts";
import type { Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { builtInRig, type LoadedRig } from "../../rigs/load.ts";
import { BLOCK_ROWS, type BenchOptions, VirtualBench } from "./bench.ts";
import { gpuExchanges, kernelMarks } from "./gpu.ts";
import { pollGrids, virtualBlocks, virtualClockPairs, virtualMarks, virtualReads } from "./host.ts";
import { type Truth, trueWindows, truthJson } from "./truth.ts";

export interface VirtualCaptureOptions extends BenchOptions {
  /** Another rig for the same bench; its rails must be the virtual card's. */
  readonly rig?: LoadedRig;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A fixed moment (2026-01-01T00:00:00Z): a simulation has no wall clock, and the same seed must give the same bytes. */
const START_UNIX = instant<"unix">(1_767_225_600_000_000_000n);
const HOST_EPOCH = instant<"host">(86_400_000_000_000n);

/**
 * Writes `dir`/capture.mcap; `dir` must be new or empty.
 * @returns the truth, also attached to the log as truth.json.
 */
export async function writeVirtualCapture(
  dir: string,
  options: VirtualCaptureOptions,
): Promise<Truth> {
  const { rig, text } = options.rig ?? (await builtInRig("virtual"));
  const bench = new VirtualBench(rig, options);
  const session: Session = {
    id: `virtual-${options.seed}`,
    source: "virtual",
    hostClock: "monotonic",
    hostEpoch: HOST_EPOCH,
    startUnix: START_UNIX,
    software: "truejoule",
    labels: { seed: String(options.seed), ...options.labels },
  };
  const marks = virtualMarks(bench.hostWork, session);
  const lostRows = bench.lostBlocks.size * BLOCK_ROWS;
  const windows = trueWindows(bench, session, marks);
  const log = new LogWriter(createRun(dir).capture, session);
  log.attach("rig.yaml", "application/yaml", text);
  log.attach("rig.json", "application/json", Buffer.from(JSON.stringify(rig)));
  log.attach("environment.json", "application/json", Buffer.from(JSON.stringify(ENVIRONMENT)));
  log.attach("truth.json", "application/json", Buffer.from(truthJson(bench, windows, lostRows)));
  log.declareRows(bench.layout);
  for (const t of bench.telemetry) log.declareTelemetry(t.channel);
  writeInOrder(log, bench, session, marks);
  const { kernels } = bench.schedule;
  if (kernels.length > 0) {
    // Kernels are recorded late and in bulk; the order of marks on disk says nothing of their times.
    for (const m of kernelMarks(kernels, options.seed, session)) log.mark(m);
    for (const e of gpuExchanges(options.durationS, options.seed, session)) log.exchange(e);
  }
  log.close();
  return {
    seed: options.seed,
    energyJ: (t0, t1) => bench.energyJ(t0, t1),
    windows,
    bench,
    lostRows,
  };
}

/** docs/telemetry.md: the card is named so that nobody takes it for one. */
const ENVIRONMENT = {
  schema: "environment/1",
  nvml: {
    simulated: true,
    driver: "580",
    gpus: [{ index: 0, name: "virtual card", uuid: "GPU-virtual", architecture: "Hopper" }],
  },
  warnings: ["everything in this run is simulated"],
};

/** A record and when the host has it. */
interface Arrival {
  readonly t: bigint;
  readonly write: () => void;
}

function* arrivals<T>(
  records: Iterable<T>,
  at: (r: T) => bigint,
  write: (r: T) => void,
): Generator<Arrival> {
  for (const r of records) yield { t: at(r), write: () => write(r) };
}

/** Merges the sources by arrival, which is the order a recorder sees. */
function writeInOrder(
  log: LogWriter,
  bench: VirtualBench,
  session: Session,
  marks: readonly Mark[],
): void {
  const sources = [
    arrivals(
      virtualClockPairs(bench, session),
      (p) => p.mono,
      (p) => log.clockPair(p),
    ),
    arrivals(
      marks,
      (m) => m.t,
      (m) => log.mark(m),
    ),
    ...pollGrids(bench).map((grid) =>
      arrivals(
        virtualReads(bench, session, grid),
        (r) => r.after,
        (r) => log.read(r),
      ),
    ),
    arrivals(
      virtualBlocks(bench, session),
      (b) => b.hostAfter!,
      (b) => log.rows(b),
    ),
  ];
  let heads = sources.flatMap(headOf);
  while (heads.length > 0) {
    const first = heads.reduce((a, b) => (b.arrival.t < a.arrival.t ? b : a));
    first.arrival.write();
    heads = heads.flatMap((h) => (h === first ? headOf(h.source) : [h]));
  }
}

/** What a source brings next; none once it has ended. */
interface Head {
  readonly source: Generator<Arrival>;
  readonly arrival: Arrival;
}

function headOf(source: Generator<Arrival>): Head[] {
  const next = source.next();
  return next.done ? [] : [{ source, arrival: next.value }];
}
