// A file of recorded bytes as a port that cannot be written to. Bytes carry no time: a recording that
// needs one is a capture log.

import { createReadStream } from "node:fs";
import { inputError, SourceError } from "../../schema/errors.ts";
import type { OpenPort } from "./port.ts";

export const CHUNK = 1 << 16;

/** @throws InputError when the file cannot be opened. */
export function replayPort(path: string): OpenPort {
  return async (sink) => {
    const stream = createReadStream(path, { highWaterMark: CHUNK });
    await new Promise((ready, failed) => {
      stream.once("open", ready);
      stream.once("error", (e) =>
        failed(inputError("cannot read the recording", path, undefined, e.message)),
      );
    });
    let open = true;
    const end = (error: SourceError | null): void => {
      if (!open) return;
      open = false;
      stream.destroy();
      sink.closed(error);
    };
    stream.on("data", (chunk) => sink.bytes(chunk as Buffer, null, null));
    stream.on("end", () => end(null));
    stream.on("error", (e) => end(new SourceError(`${path}: ${e.message}`, e)));
    return {
      name: path,
      timing: "none",
      write: () => {
        throw new SourceError(`${path} is a recording: nothing can be sent to it`);
      },
      close: async () => end(null),
    };
  };
}
