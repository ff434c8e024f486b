// A DAQ of ours → its boot ROM's USB disk, without the button (docs/wire.md, 49). In: a port. Out: who left the
// bus. Only what answers the handshake of docs/wire.md is told to leave.

import { CommandType, encodeBootloader } from "../../../schema/wire/frame-commands.ts";
import type { Identity } from "../../../schema/wire/frame-replies.ts";
import { converse } from "./handshake.ts";
import type { OpenPort } from "../../ports/port.ts";

/** @throws SourceError when no DAQ answers there, or it refuses. */
export function enterBootloader(open: OpenPort): Promise<Identity> {
  return converse(open, async (channel, { identity }) => {
    await channel.request(CommandType.bootloader, "bootloader", encodeBootloader);
    return identity;
  });
}
