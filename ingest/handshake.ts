// Who is at the other end? Only a whole, valid identity is an answer; USB ids are shared by strangers
// (docs/wire.md, Identification).

import { SourceError } from "../schema/errors.ts";
import { CommandType } from "../schema/frame-commands.ts";
import { FrameSplitter } from "../schema/frame-splitter.ts";
import {
  type Capabilities,
  decodeCapabilities,
  decodeIdentity,
  decodeReply,
  type Identity,
} from "../schema/frame-replies.ts";
import { CommandChannel } from "./command-channel.ts";
import type { BytePort, OpenPort } from "./port.ts";

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
    throw new SourceError(
      "fatal",
      `${name}: answers the handshake with a reply this version cannot read`,
    );
  return { identity, capabilities };
}

/** Opens, asks, closes. @throws SourceError with the reason nobody was recognised. */
export async function probe(open: OpenPort): Promise<Greeting> {
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
    channel = new CommandChannel(port);
    return await greet(channel, port.name);
  } finally {
    await port.close();
  }
}
