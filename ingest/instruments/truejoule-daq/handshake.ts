// Who is at the other end? Only a whole, valid identity is an answer; USB ids are shared by strangers
// (docs/wire.md, Identification).

import type { DeviceDocument } from "../../../schema/documents/device.ts";
import { FinalSourceError } from "../../../schema/errors.ts";
import { CommandType } from "../../../schema/wire/frame-commands.ts";
import { FrameSplitter } from "../../../schema/wire/frame-splitter.ts";
import {
  type Capabilities,
  decodeCapabilities,
  decodeIdentity,
  decodeReply,
  type Identity,
} from "../../../schema/wire/frame-replies.ts";
import type { Source } from "../../../schema/records.ts";
import { CommandChannel } from "./command-channel.ts";
import type { BytePort, OpenPort } from "../../ports/port.ts";

export interface Greeting {
  readonly identity: Identity;
  readonly capabilities: Capabilities;
}

/** @throws SourceError when nothing, or something else, answers. */
export async function greet(channel: CommandChannel, name: string): Promise<Greeting> {
  const identity = decodeIdentity((await channel.identify()).reply.body);
  const { reply } = await channel.request(CommandType.capabilities, "capabilities");
  const capabilities = decodeCapabilities(reply.body);
  if (!identity || !capabilities)
    throw new FinalSourceError(
      `${name}: answers the handshake with a reply this version cannot read`,
    );
  return { identity, capabilities };
}

/** What a source of rows with this identity may be called in every output. */
export function sourceOf({ platform }: Identity): Source {
  return ({ silicon: "hardware", emulator: "emulated", program: "virtual" } as const)[platform];
}

/** Opens a port, greets whoever is there, talks, closes. @throws SourceError when no DAQ answers. */
export async function converse<T>(
  open: OpenPort,
  talk: (channel: CommandChannel, greeting: Greeting) => Promise<T>,
  patienceMs?: number,
): Promise<T> {
  let channel: CommandChannel | undefined;
  const splitter = new FrameSplitter((frame, _before, after) => {
    const reply = decodeReply(frame);
    if (reply) channel?.onReply(reply, after);
  });
  const port: BytePort = await open({
    bytes: (chunk, before, after) => splitter.push(chunk, before, after),
    closed: () => undefined,
  });
  try {
    channel = new CommandChannel(port, () => splitter.cut(), patienceMs);
    return await talk(channel, await greet(channel, port.name));
  } finally {
    await port.close();
  }
}

/** @param patienceMs for each question. */
export const probe = (open: OpenPort, patienceMs?: number): Promise<Greeting> =>
  converse(open, async (_channel, g) => g, patienceMs);

/** As the rows' fields are named. */
export const channelNames = ({ channels }: Capabilities): string[] =>
  channels.map((c) => c.name || `adc${c.channel}`);

/** device.json of the log: what the DAQ said of itself, units in the names. */
export function deviceJson({ identity, capabilities: c }: Greeting): string {
  return JSON.stringify({
    schema: "device/1",
    ...identity,
    tick_hz: c.tickHz,
    tick_tolerance_ppb: c.tickTolerancePpb,
    row_hz: c.rowHz,
    bits: c.bits,
    channel_mask: c.mask,
    channels: c.channels.map((ch) => ({
      channel: ch.channel,
      name: ch.name,
      quantity: ch.quantity,
      converter_bits: ch.converterBits,
      signed: ch.signed,
      skew_ns: ch.skewNs,
      full_scale_v: ch.fullScaleUv / 1e6,
      bandwidth_hz: ch.bandwidthHz,
    })) satisfies DeviceDocument["channels"],
  });
}
