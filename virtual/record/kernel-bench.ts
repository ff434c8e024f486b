// The virtual bench for CUDA programs: the card's power follows the program's own kernels. In: their marks, as
// the recorder gets them. Out: at the end, the rows that a DAQ would have sent. Kernel records come up to half
// a second after the kernels, so the rows cannot be made any earlier; nothing in them is ever called measured.

import type { LoadedRig } from "../../rigs/load.ts";
import { VirtualBench } from "../bench/bench.ts";
import type { VirtualKernel } from "../bench/gpu.ts";
import { virtualBlocks } from "../bench/host.ts";
import { kernelSchedule, kernelTruth } from "../bench/kernels.ts";
import { lineFile } from "../daq/line-file.ts";
import type { DaqSink } from "../../ingest/stream/sink.ts";
import type { Mark } from "../../schema/records.ts";
import { instant, NS_PER_S } from "../../schema/time.ts";
import type { Bench } from "../../record/bench.ts";
import { benchEnvironment, simulatedLine } from "./virtual-bench.ts";

/** The virtual bench needs a second; a program may take less. */
const LEAST_S = 1;

export async function kernelBench(rig: LoadedRig, seed: number): Promise<Bench> {
  const epoch = instant<"host">(process.hrtime.bigint());
  const line = rig.rig.trigger ? simulatedLine() : null;
  const kernels = new KernelLog(epoch);
  let truth: object | null = null;
  const render = (sink: DaqSink): void => {
    const durationS = Math.max(LEAST_S, Number(process.hrtime.bigint() - epoch) / NS_PER_S);
    const schedule = kernelSchedule(kernels.ran, durationS * NS_PER_S);
    const bench = new VirtualBench(rig.rig, { seed, durationS, schedule, outsideLine: true });
    if (line) {
      const input = lineFile(line.path);
      for (const t of input.take()) bench.edge(Number(t - epoch));
      input.close();
    }
    sink.declareRows(bench.layout);
    for (const block of virtualBlocks(bench, { hostEpoch: epoch })) sink.rows(block);
    const energyJ = (t0: number, t1: number): number => bench.energyJ(t0, t1);
    truth = { schema: "truth/1", seed, kernels: kernelTruth(kernels.ran, energyJ) };
  };
  return {
    rig,
    start: async (sink) => ({
      timing: "the simulation",
      device: null,
      rowsLost: () => 0,
      awayNs: () => 0,
      stop: async () => render(sink),
    }),
    source: "virtual",
    grids: [],
    environment: await benchEnvironment(),
    epoch,
    triggerOutput: line && line.name,
    ownMarks: () => [],
    onMark: (mark) => kernels.add(mark),
    truth: () => truth,
    truthJ: null,
    description:
      "virtual bench whose simulated load follows the program's own kernels; its rows are made when the program has ended",
    close: async () => line?.remove(),
  };
}

/** Kernels out of the marks that a kernel slot becomes (marks/to-marks.ts): a begin, then its end. */
class KernelLog {
  readonly ran: VirtualKernel[] = [];
  readonly #epoch: bigint;
  readonly #open = new Map<string, Mark>();

  constructor(epoch: bigint) {
    this.#epoch = epoch;
  }

  add(mark: Mark): void {
    if (mark.fields?.["kind"] !== "kernel") return;
    const span = String(mark.fields["span"]);
    const begin = this.#open.get(span);
    if (mark.phase === "begin") this.#open.set(span, mark);
    if (mark.phase !== "end" || !begin) return;
    this.#open.delete(span);
    const ns = (t: bigint): number => Number(t - this.#epoch);
    this.ran.push({ name: begin.name, t0Ns: ns(begin.t), t1Ns: ns(mark.t) });
  }
}
