// A rig's kind of device → where one answers, and how to stream from it.

import { realpathSync } from "node:fs";
import {
  channelNames,
  deviceJson,
  probe,
  SEARCH_PATIENCE_MS,
  sourceOf,
} from "../../ingest/handshake.ts";
import { listPorts } from "../../ingest/port-list.ts";
import type { OpenAt, OpenPort } from "../../ingest/port.ts";
import { probePmdUsb } from "../../ingest/pmd-usb/handshake.ts";
import { probePowerSensor3 } from "../../ingest/powersensor3/handshake.ts";
import type { DaqSink } from "../../ingest/sink.ts";
import { ttyPort } from "../../ingest/tty-port.ts";
import { InputError } from "../../schema/errors.ts";
import type { Source } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";

/** Whatever streams rows: a DAQ of ours, somebody else's instrument. */
export interface LiveSource {
  /** How arrival is stamped. */
  readonly timing: string;
  /** device.json: what the device said of itself; null where it says nothing. */
  readonly device: string | null;
  rowsLost(): number;
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
  switch (rig.device.kind) {
    case "text-lines":
      return textDevice(rig, port);
    case "powersensor3":
      return powerSensor3Device(rig, port);
    case "elmorlabs-pmd-usb":
      return pmdUsbDevice(rig, port);
    default:
      return wireDevice(rig, port);
  }
}

/** Asks for the reader thread's own scheduling class where it may be had. */
const openLive = (path: string, baud?: number): OpenPort =>
  ttyPort(path, { fifoPriority: 10, ...(baud === undefined ? {} : { baud }) });

/** A DAQ that speaks docs/wire.md. */
async function wireDevice(rig: Rig, port: string | undefined): Promise<Device> {
  const hello = (open: OpenAt): Promise<unknown> => probe(open(), SEARCH_PATIENCE_MS);
  const path = port ?? (await findPort("DAQ", hello));
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
async function textDevice(rig: Rig, port: string | undefined): Promise<Device> {
  if (port === undefined)
    throw new InputError(
      `rig ${rig.name} reads text lines, which say nothing of who prints them: name the port with --port`,
    );
  const { stream, rowHz, text } = rig.device;
  const open = openLive(port, text!.baud);
  return {
    source: sourceAt(port),
    description: `text lines at ${port}`,
    async start(sink, onFatal) {
      const { startText } = await import("../../ingest/text-source.ts");
      return startText({ open, stream, format: text!, rowHz, onFatal }, sink);
    },
  };
}

async function powerSensor3Device(rig: Rig, port: string | undefined): Promise<Device> {
  const path = port ?? (await findPort("PowerSensor3", (open) => probePowerSensor3(open())));
  const { version } = await probePowerSensor3(ttyPort(path));
  return {
    source: sourceAt(path),
    description: `PowerSensor3 ${version} at ${path}`,
    async start(sink, onFatal) {
      const { startPowerSensor3 } = await import("../../ingest/powersensor3/source.ts");
      return startPowerSensor3(openLive(path), rig, sink, onFatal);
    },
  };
}

async function pmdUsbDevice(rig: Rig, port: string | undefined): Promise<Device> {
  const path = port ?? (await findPort("PMD-USB", probePmdUsb));
  const { firmware } = await probePmdUsb((baud) => openLive(path, baud));
  return {
    source: sourceAt(path),
    description: `ElmorLabs PMD-USB, firmware ${firmware}, at ${path}`,
    async start(sink, onFatal) {
      const { startPmdUsb } = await import("../../ingest/pmd-usb/source.ts");
      return startPmdUsb((baud) => openLive(path, baud), rig, sink, onFatal);
    },
  };
}

/** Behind a pseudo-terminal sits a program, not an instrument. */
const sourceAt = (path: string): Source =>
  realpathSync(path).startsWith("/dev/pts/") ? "virtual" : "hardware";

/** The only port where such a device answers; USB ids are shared by strangers and prove nothing. */
async function findPort(what: string, hello: (open: OpenAt) => Promise<unknown>): Promise<string> {
  const found: string[] = [];
  for (const { path } of await listPorts())
    await hello((baud) => ttyPort(path, baud === undefined ? {} : { baud })).then(
      () => found.push(path),
      () => undefined,
    );
  if (found.length === 1) return found[0]!;
  throw new InputError(
    found.length === 0
      ? `no ${what} answers on any serial port; plug it in, see truejoule devices and truejoule doctor, or name it with --port`
      : `several ${what}s answer (${found.join(", ")}); choose one with --port`,
  );
}
