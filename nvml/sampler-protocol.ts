// What the sampler and its workers say to each other.

import type { TelemetryChannel } from "../schema/records.ts";
import type { PollReport } from "./poll-loop.ts";
import type { ProviderSpec } from "./provider.ts";

/** Words of the shared control block: an Int32 state at 0, t_0 as an Int64 at 8. */
export const CONTROL_BYTES = 16;
export const State = { waiting: 0, running: 1, stopping: 2 } as const;

export interface WorkerInput {
  readonly control: SharedArrayBuffer;
  readonly provider: ProviderSpec;
  readonly periodNs: number;
  readonly realtime: boolean;
}

export type WorkerMessage =
  | {
      readonly kind: "ready";
      readonly description: string;
      readonly channels: readonly TelemetryChannel[];
      readonly missing: readonly string[];
      readonly schedulerClass: string;
    }
  | { readonly kind: "batch"; readonly buffer: ArrayBuffer; readonly count: number }
  | { readonly kind: "done"; readonly report: PollReport };
