// A port: bytes in both directions and the host's clock around each read. Whatever is behind it (device,
// pty, recording, memory), what is above it sees only this.

import type { SourceError } from "../../schema/errors.ts";
import type { Stamp } from "../../schema/wire/frame-splitter.ts";

export type { Stamp };

export interface PortSink {
  /** `chunk` is valid only during the call. Stamps: host clock before and after the read. */
  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void;
  /** Once; nothing follows. `null`: closed by us, or the end of a recording. */
  closed(error: SourceError | null): void;
}

export interface BytePort {
  /** For messages: the path, or what stands for it. */
  readonly name: string;
  /** How arrival is stamped, for the session's record: `worker, SCHED_FIFO 10`, `event loop`, … */
  readonly timing: string;
  /** @throws SourceError when the port is gone. */
  write(bytes: Uint8Array): void;
  close(): Promise<void>;
}

/** The remedy where the right device is not at the port that was named. */
export const WHO_ANSWERS = "truejoule devices lists who answers, port by port";

/** Opens a port that delivers to `sink` from then on. @throws SourceError, with what to do about it. */
export type OpenPort = (sink: PortSink) => Promise<BytePort>;

/** The same for a device whose rate changes under way; the port's usual rate where none is given. */
export type OpenAt = (baud?: number) => OpenPort;
