// truejoule devices: asks at every serial port who is there. USB ids are shown and prove nothing; a whole,
// valid identity in answer to the handshake does (docs/wire.md, Identification).

import { channelNames, type Finding, findDevices, sourceOf } from "../ingest/handshake.ts";
import { listPorts, type PortInfo } from "../ingest/port-list.ts";
import { openDevice } from "../ingest/serial-port.ts";
import { UsageError } from "../schema/errors.ts";
import { channelsOf } from "../schema/frame-records.ts";
import { formatQuantity } from "../schema/units.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  summary: "DAQs found, by handshake, never by USB id alone",
  usage: "[--port TTY]",
  help: `
Opens every USB serial port (or the ports named), says hello and waits 0.6 s for a whole answer; the hello
harms no other instrument (docs/wire.md). Devices that print lines, and other makers' protocols, do not
answer it: name those in a rig file.`,
  options: { port: { type: "string", multiple: true } },
  optionHelp: [["--port TTY", "ask here instead, built-in UARTs too; any number of times"]],

  async run({ options, positionals, ui }) {
    if (positionals.length > 0) throw new UsageError("devices takes no arguments but options");
    const named = (options["port"] ?? []) as string[];
    const ports = named.length > 0 ? named.map((path) => ({ path })) : await listPorts();
    const findings = await findDevices(ports, (path) => openDevice(path));
    if (ui.json) ui.document({ schema: "devices/1", ports: findings.map(toJson) });
    for (const f of findings) ui.print(toText(f));
    if (findings.length === 0)
      ui.print("no USB serial port on this machine; plug a DAQ in, or name a port with --port");
    return 0;
  },
};

function toText(f: Finding): string {
  const where = `${f.port.path}${usbText(f.port)}`;
  if ("problem" in f) return `${where}\n  ${f.problem.replace(`${f.port.path}: `, "")}`;
  const { identity: i, capabilities: c } = f.greeting;
  const channels = channelNames(c).join(", ");
  const rate = `up to ${formatQuantity(c.maxSamplesHz, "Hz")} in all, ${c.bits} bits`;
  const lines = channelsOf(c.edgeLines | c.sampledLines).length;
  return `${where}
  ${i.model} ${i.serial}, firmware ${i.firmware} (${sourceOf(i)})
  channels ${channels}; ${rate}; ${lines} trigger line${lines === 1 ? "" : "s"}`;
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
  const { identity: i, capabilities: c } = f.greeting;
  return {
    path,
    usb,
    answered: true,
    model: i.model,
    serial: i.serial,
    firmware: i.firmware,
    source: sourceOf(i),
    channels: channelNames(c),
    row_hz: c.rowHz,
    max_samples_hz: c.maxSamplesHz,
    bits: c.bits,
    tick_hz: c.tickHz,
    tick_tolerance_ppb: c.tickTolerancePpb,
  };
}
