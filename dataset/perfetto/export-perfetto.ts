// A fused run → a Perfetto trace: rails and telemetry as counters, windows and kernels as slices with their
// Joules, instant marks and trigger edges as instants (docs/perfetto.md). Holds one batch of a table at a time,
// the scan of the log, and of all events their times.

import { existsSync } from "node:fs";
import { fitClocks } from "../../align/clocks/fit.ts";
import { type ResolvedMark, resolvedMarks } from "../../align/log-marks.ts";
import { scanCapture } from "../../align/scan.ts";
import type { Scan, TelemetrySeries } from "../../align/scanned.ts";
import type { RunPaths } from "../../capture/run.ts";
import { SERVICE } from "../../energy/windows.ts";
import { inputError } from "../../schema/errors.ts";
import { type Finding, finding } from "../../schema/findings.ts";
import type { Needed } from "../arrow-layout.ts";
import { type ArrowReader, openArrow } from "../arrow-reader.ts";
import {
  EVENT_NEEDS,
  eventTimes,
  type EventTimes,
  lanes,
  nearEvents,
  writeSlices,
} from "./perfetto-events.ts";
import { POWER_NEEDS, PowerCounters } from "./perfetto-power.ts";
import { PerfettoTrace, type Track } from "./perfetto-trace.ts";
import { writeBytes } from "../text-file.ts";

type Progress = (done: number, total: number) => void;

export interface PerfettoExport {
  readonly packets: number;
  readonly findings: readonly Finding[];
}

/** Rows are shown one by one this near to where an event begins or ends. */
const NEAR_NS = 1e6;
/** Trace time of session start where the source has no clock: stamps cannot be negative. */
const ONE_HOUR_NS = 3_600_000_000_000n;

/** @throws InputError when the run is not fused. */
export async function exportPerfetto(
  paths: RunPaths,
  out: string,
  onProgress?: Progress,
): Promise<PerfettoExport> {
  if (!existsSync(paths.events))
    throw inputError(
      "not fused yet",
      paths.dir,
      "events.arrow, which truejoule fuse writes",
      "no such file",
    );
  const scan = scanCapture(paths.capture);
  const marks = resolvedMarks(scan, fitClocks(scan).marks);
  const findings: Finding[] = [];
  let packets = 0;
  await writeBytes(out, async (file) => {
    const trace = new PerfettoTrace((bytes) => file.write(bytes), baseNs(scan));
    if (scan.session.startUnix !== null) trace.wallClock(scan.session.startUnix);
    const root = trace.root(rootName(scan));
    const events = await readingTable(paths, paths.events, EVENT_NEEDS, eventTimes);
    await writePower(trace, root, paths, events, findings, onProgress);
    writeTelemetry(trace, root, scan.telemetry);
    await writeEvents(trace, root, paths, events);
    writeMarks(trace, root, marks);
    trace.flush();
    packets = trace.packets;
  });
  return { packets, findings };
}

/** `source` is in the name of everything: what is simulated is never shown as measured. */
function rootName({ session, rig }: Scan): string {
  const note = session.source === "virtual" ? "virtual: simulated, not measured" : session.source;
  return `truejoule ${rig?.name ?? "without a rig"} (${note})`;
}

/** CLOCK_BOOTTIME at session start, on which Perfetto's own traces stand, as far as it is known. */
function baseNs({ session, wall: { first: pair } }: Scan): bigint {
  if (pair) return pair.boot + (session.hostEpoch - pair.mono);
  if (session.hostClock === "trace") return ONE_HOUR_NS;
  return session.hostEpoch;
}

async function readingTable<T>(
  paths: RunPaths,
  path: string,
  needed: Needed,
  read: (table: ArrowReader) => Promise<T>,
): Promise<T> {
  const table = await openArrow(path, `truejoule fuse ${paths.dir}`, needed);
  try {
    return await read(table);
  } finally {
    await table.close();
  }
}

async function writePower(
  trace: PerfettoTrace,
  root: Track,
  paths: RunPaths,
  events: EventTimes,
  findings: Finding[],
  onProgress?: Progress,
): Promise<void> {
  if (!existsSync(paths.fused)) return;
  await readingTable(paths, paths.fused, POWER_NEEDS, async (table) => {
    const parent = trace.track(root, "physical");
    const near = nearEvents(events, NEAR_NS);
    const power = new PowerCounters(trace, parent, table, near);
    let done = 0;
    for await (const batch of table.batches) {
      power.add(batch);
      onProgress?.(++done, table.count);
    }
    power.finish();
    if (power.rawLeftOut > 0)
      findings.push(
        finding(
          "export-rows-thinned",
          "rows near events",
          `rows near events: the first ${power.rawRows} are shown one by one, ${power.rawLeftOut} more only as cells of ${power.cellNs / 1e6} ms`,
          power.rawLeftOut,
        ),
      );
  });
}

function writeTelemetry(trace: PerfettoTrace, root: Track, all: readonly TelemetrySeries[]): void {
  const read = all.filter((s) => s.tNs.length > 0);
  if (read.length === 0) return;
  const parent = trace.track(root, "telemetry");
  for (const { channel, tNs, value, code } of read) {
    const counter = trace.counter(parent, channel.name, channel.unit);
    let failures: Track | undefined;
    for (let i = 0; i < tNs.length; i++) {
      const [t, v] = [tNs.at(i), value.at(i)];
      if (!Number.isNaN(v)) {
        trace.value(counter, t, v);
        continue;
      }
      // A counter goes on holding what was read last: the failure stands beside it.
      failures ??= trace.track(parent, `${channel.name}, failed reads`);
      trace.instant(failures, t, "read failed", { code: code.at(i) });
    }
  }
}

async function writeEvents(
  trace: PerfettoTrace,
  root: Track,
  paths: RunPaths,
  events: EventTimes,
): Promise<void> {
  const parents = new Map<boolean, Track>();
  const parent = (isKernel: boolean): Track => {
    const made = parents.get(isKernel) ?? trace.track(root, isKernel ? "kernels" : "windows");
    parents.set(isKernel, made);
    return made;
  };
  const track = lanes(events, trace, parent);
  await readingTable(paths, paths.events, EVENT_NEEDS, (table) =>
    writeSlices(table, events, track, trace),
  );
}

/** Begin and end of a pair are its window's slice. */
function writeMarks(trace: PerfettoTrace, root: Track, marks: readonly ResolvedMark[]): void {
  const instants = marks.filter((m) => m.mark.phase === "instant" && !SERVICE.has(m.mark.name));
  if (instants.length === 0) return;
  const track = trace.track(root, "marks");
  for (const { mark, tNs } of instants) trace.instant(track, tNs, mark.name, mark.fields ?? {});
}
