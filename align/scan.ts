// The first pass: a capture log → everything in it that is small, plus an outline of the DAQ stream in
// device time. The second pass (timeline.ts) streams the samples again with the clocks known.

import { createHash } from "node:crypto";
import { type Damage, readCapture, type ReadOptions } from "../capture/log-reader.ts";
import { NumberPages } from "../capture/number-pages.ts";
import type { LogReading } from "../capture/unchanged.ts";
import { inputError } from "../schema/errors.ts";
import type { Edge, Mark, Note, TelemetryRead } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import { type Session, toSession } from "../schema/session.ts";
import { KernelCollector } from "./clocks/cuda-kernels.ts";
import { withDeviceSkew } from "./rows/device-skew.ts";
import { type Discipline, disciplinedRig } from "./reference/discipline.ts";
import { ExchangeTable } from "./exchange-table.ts";
import { loggedRig } from "./logged-rig.ts";
import { MarkTable } from "./mark-table.ts";
import { ReadColumn } from "./read-column.ts";
import type { Scan, StreamScan, TelemetrySeries } from "./scanned.ts";
import { StreamScanner } from "./stream-scanner.ts";
import { WallClock } from "./clocks/wall-clock.ts";
import type { Finding } from "../schema/findings.ts";

/**
 * Reads a log once. Damage is collected, not thrown.
 * @param pages where telemetry reads lie that are too many for memory.
 * @throws InputError when the log has no session header or its rig does not match its stream.
 */
export function scanCapture(
  path: string,
  onProgress?: (done: number, total: number) => void,
  pages = new NumberPages(),
): Scan {
  let session: Session | undefined;
  let wall: WallClock | undefined;
  let rig: Rig | null = null;
  let disciplines: readonly Discipline[] = [];
  let findings: readonly Finding[] = [];
  let scanner: StreamScanner | undefined;
  const attachments = new Map<string, Uint8Array>();
  const telemetry = new Map<string, TelemetrySeries>();
  let marks: MarkTable | undefined;
  const syncMarks: Mark[] = [];
  const kernels = new KernelCollector();
  const edges: Edge[] = [];
  const exchanges = new ExchangeTable();
  const notes: Note[] = [];
  const damages: Damage[] = [];
  const frames: number[] = [];
  let reading: LogReading | undefined;
  const options: ReadOptions = {
    borrowed: true,
    onRows: (offset) => frames.push(offset),
    onEnd: (r) => (reading = r),
  };
  for (const r of readCapture(path, onProgress ? { ...options, onProgress } : options)) {
    switch (r.kind) {
      case "session":
        session = r.session;
        marks ??= new MarkTable(session);
        wall = new WallClock(session);
        break;
      case "attachment":
        attachments.set(r.name, r.data);
        if (r.name === "rig.json")
          ({ rig, disciplines } = disciplinedRig(path, loggedRig(path, r.data)));
        // The device has answered before its rows come, so the rig that they are read by knows its skews.
        if (rig && r.name === "device.json") ({ rig, findings } = withDeviceSkew(rig, r.data));
        break;
      case "layout":
        if (rig && r.layout.stream === rig.device.stream) {
          if (!session) throw headless(path);
          scanner = new StreamScanner(r.layout, rig, session);
        }
        break;
      case "rows":
        if (scanner && r.block.stream === scanner.layout.stream)
          scanner.add(r.block, r.at, r.dataAt);
        break;
      case "channel":
        telemetry.set(r.channel.name, {
          channel: r.channel,
          tNs: new ReadColumn(pages),
          halfNs: new ReadColumn(pages),
          value: new ReadColumn(pages),
          code: new ReadColumn(pages),
        });
        break;
      case "read":
        if (!session) throw headless(path);
        addRead(telemetry.get(r.read.channel)!, r.read, session, wall!);
        break;
      case "mark":
        if (!session) throw headless(path);
        if (kernels.add(r.mark, session)) break;
        marks!.add(r.mark, r.at ?? 0);
        if (r.mark.name === "sync" && r.mark.clock === "host") syncMarks.push(r.mark);
        break;
      case "edge":
        edges.push(r.edge);
        break;
      case "pair":
        wall?.read(r.pair);
        break;
      case "exchange":
        exchanges.add(r.exchange);
        break;
      case "note":
        notes.push(r.note);
        break;
      case "damage":
        damages.push(r.damage);
        break;
    }
  }
  if (!session) throw headless(path);
  scanner?.end();
  const rigText = attachments.get("rig.yaml") ?? attachments.get("rig.json");
  return {
    ...reading!,
    session,
    rig,
    disciplines,
    findings,
    rigSha256: rigText ? createHash("sha256").update(rigText).digest("hex") : "",
    attachments,
    stream: scanner && scanner.rows > 0 ? finish(scanner, path, frames, damages) : null,
    telemetry: [...telemetry.values()],
    marks: marks!,
    syncMarks,
    kernels: kernels.finish(),
    edges,
    wall: wall!,
    exchanges,
    notes,
    damages,
  };
}

function finish(
  scanner: StreamScanner,
  path: string,
  frames: readonly number[],
  damages: readonly Damage[],
): StreamScan {
  const { late } = scanner;
  const seen = late.length > 0 ? scanner.inOrder(path) : scanner;
  const { learned } = seen;
  const s = learned ? scanner.inOrder(path, learned) : seen;
  const { layout, rows, blocks, firstDevice, lastDevice, outline } = s;
  const { missingRows, gaps, pausedRows, segments, triggerEdges, levels } = s;
  const firstTick = s.timebase.firstTick;
  return {
    layout,
    rows,
    blocks,
    firstDevice,
    lastDevice,
    missingRows,
    gaps,
    pausedRows,
    outline,
    levels,
    segments,
    triggerEdges,
    firstTick,
    late,
    frames,
    learned,
    oddities: seen.oddities,
    // A stretch of the log may hold damage, or messages that were left out for it.
    slices: damages.length === 0 ? s.slices : null,
  };
}

function addRead(s: TelemetrySeries, r: TelemetryRead, session: Session, wall: WallClock): void {
  const [sent, received] = [toSession(session, r.before), toSession(session, r.after)];
  // Samples out of a driver's buffer carry their own time; the read around them only says when they were fetched.
  const isOwn = s.channel.name.endsWith(".power_samples") && r.stamp !== null;
  const own = isOwn ? wall.place(r.stamp, received) : undefined;
  s.tNs.push(own ?? (sent + received) / 2);
  s.halfNs.push(own === undefined ? (received - sent) / 2 : 0);
  s.value.push(r.code === 0 ? r.value : NaN);
  s.code.push(r.code);
}

function headless(path: string): Error {
  return inputError(
    "no session header before the data",
    path,
    "session.json as the first attachment",
  );
}
