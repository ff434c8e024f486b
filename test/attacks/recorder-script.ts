// A recording in a process of its own, with a DAQ of a few lines: what a test cannot do to its own process (a
// limit on file sizes, an exception in nobody's call). Arguments: RUN, and a JSON of what is to happen.
// Prints the result as JSON.

import { createRun } from "../../capture/new-run.ts";
import type { Bench } from "../../record/bench.ts";
import { record } from "../../record/recorder.ts";
import { builtInRig } from "../../rigs/load.ts";
import { BlockFlag, type RowLayout, type SampleBlock } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { session } from "../capture/small-log.ts";

export interface Script {
  readonly durationS: number;
  /** Blocks a millisecond; every tenth comes twice. */
  readonly blocks: number;
  /** Throw in a timer, reject a promise that nobody has. */
  readonly bug?: boolean;
  /** A telemetry worker: `dies` after some reads, or does not `open`. */
  readonly telemetry?: "dies" | "exits" | "does not open";
  /** Its module. */
  readonly provider?: string;
}

const ROWS = 4096;
const [run, text] = process.argv.slice(2);
const script = JSON.parse(text!) as Script;
const rig = await builtInRig("virtual");
const layout: RowLayout = {
  stream: rig.rig.device.stream,
  rowBytes: 2,
  fields: [{ name: "slot_v", bitOffset: 0, bits: 16, kind: "uint" }],
};
const epoch = instant<"host">(process.hrtime.bigint());
let made = 0;

const bench: Bench = {
  rig,
  source: "virtual",
  grids: (script.telemetry ? ["lives", script.telemetry] : []).map((how) => ({
    name: how,
    periodNs: 5e6,
    provider: { module: script.provider!, args: { how } },
  })),
  environment: { schema: "environment/1", warnings: [] } as never,
  epoch,
  triggerOutput: null,
  ownMarks: () => [],
  truthJ: null,
  description: "a DAQ of a few lines",
  close: async () => undefined,
  start: async (sink) => {
    sink.declareRows(layout);
    const bytes = new Uint8Array(ROWS * layout.rowBytes);
    const block = (flags: number): SampleBlock => ({
      ...{ stream: layout.stream, firstIndex: made, deviceTick: null, rows: ROWS, flags, bytes },
      ...{ hostBefore: null, hostAfter: instant<"host">(process.hrtime.bigint()) },
    });
    const timer = setInterval(() => {
      for (let i = 0; i < script.blocks; i++) {
        sink.rows(block(0));
        if ((made / ROWS) % 10 === 0) sink.rows(block(BlockFlag.duplicate));
        made += ROWS;
      }
    }, 1);
    if (script.bug) {
      setTimeout(() => {
        throw new Error("thrown in a timer");
      }, 100);
      setTimeout(() => void Promise.reject(new Error("nobody's promise")), 150);
    }
    return {
      ...{ timing: "nobody", device: null, rowsLost: () => 0, awayNs: () => 0 },
      stop: async () => clearInterval(timer),
    };
  },
};

const result = await record({
  paths: createRun(run!),
  session: { ...session, hostEpoch: epoch },
  bench,
  durationS: script.durationS,
  program: null,
  interrupted: new AbortController().signal,
  realtime: false,
  trigger: false,
  onProgress: () => undefined,
  onFailure: () => undefined,
});
process.stdout.write(JSON.stringify({ ...result, made }));
