// The whole public API: read a run, put it on one clock, compare, write tables; import and record are
// the command line's. Everything else is inside.

export type { CaptureRecord, Damage } from "./capture/log-reader.ts";
export { readCapture } from "./capture/log-reader.ts";
export { LogWriter } from "./capture/log-writer.ts";
export { openRun, type RunPaths } from "./capture/run.ts";
export type { ClockModel } from "./align/clocks/clock.ts";
export { ratePpm, tickHz, toSessionNs } from "./align/clocks/clock.ts";
export { type ClockSegment, type DaqClock, placeNs, segmentAt } from "./align/clocks/segments.ts";
export { type AlignedRun, Timeline } from "./align/timeline.ts";
export { compare, prepare } from "./energy/compare.ts";
export type {
  Comparison,
  PhysicalEnergy,
  Prepared,
  TelemetryEnergy,
  WindowResult,
} from "./energy/result.ts";
export { comparisonToJson } from "./dataset/documents/compare-json.ts";
export type { Folded } from "./energy/fold.ts";
export { foldKernels } from "./energy/fold-run.ts";
export { instantsOf, Integrator, type Snapshots, Sum } from "./energy/integrate.ts";
export { PowerPrefix } from "./energy/claims/prefix.ts";
export { fuseRun, type FuseOptions } from "./dataset/fuse.ts";
export { writeReport } from "./view/report.ts";
export { loadRig, type LoadedRig, resolveRig } from "./rigs/load.ts";
export { writeVirtualCapture } from "./virtual/bench/capture.ts";
export type { Truth } from "./virtual/bench/truth.ts";
export type { Mark, SampleBlock, Source, TelemetryRead } from "./schema/records.ts";
export type { Rig } from "./schema/rig.ts";
export type { Session } from "./schema/session.ts";
export { InputError, SourceError, UsageError } from "./schema/errors.ts";
