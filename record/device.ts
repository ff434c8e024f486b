// A rig's kind of device → where one answers, and how to stream from it.

import { realpathSync } from "node:fs";
import { FIFO_PRIORITY } from "../host/scheduler.ts";
import {
  channelNames,
  deviceJson,
  probe,
  sourceOf,
} from "../ingest/instruments/truejoule-daq/handshake.ts";
import { lastingPath, listPorts } from "../ingest/ports/port-list.ts";
import type { OpenAt, OpenPort } from "../ingest/ports/port.ts";
import { couldAnswer, type Question, questionOf } from "../ingest/instruments/recognise.ts";
import type { DaqSink } from "../ingest/stream/sink.ts";
import { ttyPort } from "../ingest/ports/tty-port.ts";
import { InputError } from "../schema/errors.ts";
import type { Source } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";

/** Whatever streams rows: a DAQ of ours, somebody else's instrument. */
export interface LiveSource {
  /** How arrival is stamped. */
  readonly timing: string;
  /** device.json: what the device said of itself; null where it says nothing. */
  readonly device: string | null;
  rowsLost(): number;
  /** How long the device has sent nothing by now, where it is gone: not among {@link rowsLost} until it is back. */
  awayNs(): number;
  stop(): Promise<void>;
}

export interface Device {
  /** Connects and starts streaming into the sink. @throws SourceError when nothing answers. */
  start(sink: DaqSink, onFatal: (error: unknown) => void): Promise<LiveSource>;
  readonly source: Source;
  /** In words, for the first lines of the recording. */
  readonly description: string;
}

/** @param port as named by the user. @throws InputError, SourceError when no such device answers. */
export function deviceOf(rig: Rig, port: string | undefined): Promise<Device> {
  const { kind } = rig.device;
  const start = INSTRUMENTS.get(kind);
  if (start) return instrumentDevice(rig, port, start);
  return kind === "text-lines" ? textDevice(rig, port) : wireDevice(rig, port);
}

type Start = (open: OpenAt, rig: Rig, ...rest: Parameters<Device["start"]>) => Promise<LiveSource>;

/** Instruments of others, by the rig's kind: how to stream from one; recognise.ts says how to know it. */
const INSTRUMENTS: ReadonlyMap<string, Start> = new Map<string, Start>([
  [
    "powersensor3",
    async (open, ...rest) =>
      (await import("../ingest/instruments/powersensor3/source.ts")).startPowerSensor3(
        open(),
        ...rest,
      ),
  ],
  [
    "elmorlabs-pmd-usb",
    async (open, ...rest) =>
      (await import("../ingest/instruments/pmd-usb/source.ts")).startPmdUsb(open, ...rest),
  ],
  [
    "nordic-ppk2",
    async (open, ...rest) =>
      (await import("../ingest/instruments/ppk2/source.ts")).startPpk2(open(), ...rest),
  ],
]);

/**
 * Asks for the reader thread's own scheduling class where it may be had. A device that is plugged in again is opened
 * under whatever number it has then.
 */
const openLive = (path: string, baud?: number): OpenPort =>
  ttyPort(lastingPath(path), {
    fifoPriority: FIFO_PRIORITY,
    ...(baud === undefined ? {} : { baud }),
  });

/** A DAQ that speaks docs/wire.md. */
async function wireDevice(rig: Rig, port: string | undefined): Promise<Device> {
  const path = port ?? (await findPort(questionOf(rig.device.kind)));
  const { identity, capabilities } = await probe(openLive(path));
  checkChannels(rig, channelNames(capabilities), `the DAQ at ${path}`);
  return {
    start: startWire(rig, openLive(path)),
    source: sourceOf(identity),
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

export function startWire(rig: Rig, open: OpenPort): Device["start"] {
  const { stream, rowHz } = rig.device;
  return async (sink, onFatal) => {
    const { startDaq } = await import("../ingest/instruments/truejoule-daq/daq-source.ts");
    const daq = await startDaq({ open, stream, rowHz, onFatal }, sink);
    return {
      get timing() {
        return daq.timing;
      },
      device: deviceJson(daq),
      rowsLost: () => daq.counts().rowsLost,
      awayNs: () => daq.awayNs(),
      stop: () => daq.stop(),
    };
  };
}

/** A device that prints lines; nothing answers a handshake, so its port must be named. */
async function textDevice(rig: Rig, port: string | undefined): Promise<Device> {
  if (port === undefined)
    throw new InputError(
      `rig ${rig.name} reads text lines, which say nothing of who prints them: name the port with --port`,
    );
  const { stream, rowHz, clock, text } = rig.device;
  const open = openLive(port, text!.baud);
  return {
    source: sourceAt(port),
    description: `text lines at ${port}`,
    async start(sink, onFatal) {
      const { startText } = await import("../ingest/instruments/text-lines/text-source.ts");
      return startText({ open, stream, format: text!, rowHz, clock, onFatal }, sink);
    },
  };
}

async function instrumentDevice(rig: Rig, port: string | undefined, start: Start): Promise<Device> {
  const question = questionOf(rig.device.kind);
  const path = port ?? (await findPort(question));
  const open: OpenAt = (baud) => openLive(path, baud);
  const { model, firmware } = await question.ask(open);
  return {
    source: sourceAt(path),
    description: `${model}${firmware === null ? "" : `, firmware ${firmware},`} at ${path}`,
    start: (sink, onFatal) => start(open, rig, sink, onFatal),
  };
}

/** Behind a pseudo-terminal sits a program, not an instrument. */
const sourceAt = (path: string): Source =>
  realpathSync(path).startsWith("/dev/pts/") ? "virtual" : "hardware";

/** The only port where such a device answers; USB ids are shared by strangers and prove nothing. */
async function findPort(question: Question): Promise<string> {
  const found: string[] = [];
  for (const port of (await listPorts()).filter((p) => couldAnswer(question, p)))
    await question
      .ask((baud) => ttyPort(port.path, baud === undefined ? {} : { baud }))
      .then(
        () => found.push(port.path),
        () => undefined,
      );
  if (found.length === 1) return found[0]!;
  throw new InputError(
    found.length === 0
      ? `no ${question.name} answers on any serial port; plug it in, see truejoule devices and truejoule doctor, or name it with --port`
      : `several ${question.name}s answer (${found.join(", ")}); choose one with --port`,
  );
}
