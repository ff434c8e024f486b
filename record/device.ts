// A rig's kind of device → where one answers, and how to stream from it.

import { realpathSync } from "node:fs";
import { FIFO_PRIORITY } from "../host/scheduler.ts";
import { INSTRUMENTS, instrumentOf } from "../ingest/instruments/instruments.ts";
import {
  type InstrumentKind,
  type Recognised,
  SEARCH_PATIENCE_MS,
} from "../ingest/instruments/kind.ts";
import { couldAnswer } from "../ingest/instruments/recognise.ts";
import type { OpenAt } from "../ingest/ports/port.ts";
import { lastingPath, listPorts } from "../ingest/ports/port-list.ts";
import { ttyPort } from "../ingest/ports/tty-port.ts";
import type { LiveSource } from "../ingest/stream/live-source.ts";
import type { DaqSink } from "../ingest/stream/sink.ts";
import { InputError } from "../schema/errors.ts";
import type { Source } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";

export interface Device {
  /** Connects and starts streaming into the sink. @throws SourceError when nothing answers. */
  start(sink: DaqSink, onFatal: (error: unknown) => void): Promise<LiveSource>;
  readonly source: Source;
  /** In words, for the first lines of the recording. */
  readonly description: string;
}

/** @param port as named by the user. @throws InputError, SourceError when no such device answers. */
export async function deviceOf(rig: Rig, port: string | undefined): Promise<Device> {
  const instrument = instrumentOf(rig.device.kind);
  if (!instrument)
    throw new InputError(
      `rig ${rig.name} describes files of kind ${rig.device.kind}, which truejoule import reads; a live rig is of kind ${INSTRUMENTS.map((i) => i.kind).join(", ")}`,
    );
  const path = port ?? (await findPort(instrument, rig));
  const open = openLive(path);
  const answer = await instrument.ask?.(open);
  if (answer?.channels) checkChannels(rig, answer.channels, `the ${instrument.name} at ${path}`);
  return {
    source: answer?.source ?? sourceAt(path),
    description: `${answer ? nameOf(answer) : "text lines"} at ${path}`,
    start: (sink, onFatal) => instrument.start(open, rig, sink, onFatal),
  };
}

function nameOf({ model, serial, firmware }: Recognised): string {
  const own = serial === null ? model : `${model} ${serial}`;
  return firmware === null ? own : `${own}, firmware ${firmware},`;
}

/**
 * Asks for the reader thread's own scheduling class where it may be had. A device that is plugged in again is opened
 * under whatever number it has then.
 */
function openLive(path: string): OpenAt {
  const lasting = lastingPath(path);
  return (baud) =>
    ttyPort(lasting, { fifoPriority: FIFO_PRIORITY, ...(baud === undefined ? {} : { baud }) });
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

/** Behind a pseudo-terminal sits a program, not an instrument. */
const sourceAt = (path: string): Source =>
  realpathSync(path).startsWith("/dev/pts/") ? "virtual" : "hardware";

/** The only port where such a device answers; USB ids are shared by strangers and prove nothing. */
async function findPort(instrument: InstrumentKind, rig: Rig): Promise<string> {
  const { ask, name } = instrument;
  if (!ask)
    throw new InputError(
      `rig ${rig.name} is of a ${name}, which does not identify itself: name the port with --port`,
    );
  const found: string[] = [];
  for (const port of (await listPorts()).filter((p) => couldAnswer(instrument, p)))
    await ask(
      (baud) => ttyPort(port.path, baud === undefined ? {} : { baud }),
      SEARCH_PATIENCE_MS,
    ).then(
      () => found.push(port.path),
      () => undefined,
    );
  if (found.length === 1) return found[0]!;
  throw new InputError(
    found.length === 0
      ? `no ${name} answers on any serial port; plug it in, see truejoule devices and truejoule doctor, or name it with --port`
      : `several ${name}s answer (${found.join(", ")}); choose one with --port`,
  );
}
