// truejoule devices: asks at every serial port who is there. USB ids are shown and prove nothing; a whole,
// valid identity in answer to the handshake does (docs/wire.md, Identification; docs/instruments.md).

import { enterBootloader } from "../ingest/instruments/truejoule-daq/bootloader.ts";
import { listPorts, type PortInfo } from "../ingest/ports/port-list.ts";
import { type Finding, findDevices } from "../ingest/instruments/recognise.ts";
import { openDevice } from "../ingest/ports/serial-port.ts";
import { UsageError } from "../schema/errors.ts";
import type { Command, ExitCode, Ui } from "./command.ts";

export const command: Command = {
  summary: "DAQs found, by handshake, never by USB id alone",
  usage: "[--port TTY [--bootloader]]",
  help: `
Opens every USB serial port (or the ports named) and asks in turn for a DAQ that speaks docs/wire.md and for
the instruments of docs/instruments.md, about a second each; what is asked harms no other instrument that we
know. Devices that print lines answer no question: name those in a rig file. Exit 1 where a named port has no device.
With --bootloader the DAQ at the one port named leaves the bus and comes back as its bootloader's disk, as if
plugged in with BOOTSEL held: the way to a new firmware without the button.`,
  options: { port: { type: "string", multiple: true }, bootloader: { type: "boolean" } },
  optionHelp: [
    ["--port TTY", "ask here instead, built-in UARTs too; any number of times"],
    ["--bootloader", "the DAQ at this port goes to its bootloader"],
  ],

  async run({ options, positionals, ui }) {
    if (positionals.length > 0) throw new UsageError("devices takes no arguments but options");
    const named = (options["port"] ?? []) as string[];
    if (options["bootloader"]) return leave(named, ui);
    const listed = await listPorts();
    const ports =
      named.length > 0
        ? named.map((path) => listed.find((p) => p.path === path) ?? { path })
        : listed;
    const findings = await findDevices(ports, openDevice);
    if (ui.json) ui.document({ schema: "devices/1", ports: findings.map(toJson) });
    for (const line of findings.flatMap(toLines)) ui.print(line);
    if (findings.length === 0)
      ui.print("no USB serial port on this machine; plug a DAQ in, or name a port with --port");
    // Who names a port expects a device there.
    if (named.length === 0 || findings.every((f) => "device" in f)) return 0;
    ui.print("without --port every USB serial port is asked");
    return 1;
  },
};

async function leave([path, ...more]: readonly string[], ui: Ui): Promise<ExitCode> {
  if (path === undefined || more.length > 0)
    throw new UsageError("--bootloader is for the DAQ at one port: --port TTY");
  const { model, serial, firmware } = await enterBootloader(openDevice(path));
  if (ui.json)
    ui.document({ schema: "devices/1", ports: [], bootloader: { path, model, serial, firmware } });
  ui.print(
    `${path}: ${model} ${serial} left for its bootloader; copy the UF2 to the disk that appears`,
  );
  return 0;
}

function toLines(f: Finding): string[] {
  const where = `${f.port.path}${usbText(f.port)}`;
  if ("problem" in f) return [where, `  ${f.problem.replace(`${f.port.path}: `, "")}`];
  const { model, serial, firmware, source, lines } = f.device;
  const version = firmware === null ? "" : `, firmware ${firmware}`;
  const who = `${model}${serial === null ? "" : ` ${serial}`}${version}`;
  const told = [`${who}${source === null ? "" : ` (${source})`}`, ...lines];
  return [where, ...told.map((line) => `  ${line}`)];
}

function usbText({ vendorId, productId, product }: PortInfo): string {
  if (vendorId === undefined) return "";
  return `  USB ${vendorId}:${productId ?? "?"}${product ? ` "${product}"` : ""}`;
}

function toJson(f: Finding): object {
  const { path, vendorId, productId, product, serialNumber } = f.port;
  const usb = vendorId
    ? { vendor_id: vendorId, product_id: productId, product, serial_number: serialNumber }
    : null;
  if ("problem" in f) return { path, usb, answered: false, problem: f.problem };
  const { kind, model, serial, firmware, source, facts } = f.device;
  return { path, usb, answered: true, kind, model, serial, firmware, source, ...facts };
}
