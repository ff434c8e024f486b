// A port without a machine behind it: a test or an in-process device feeds it and sees what is written.

import type { SourceError } from "../../schema/errors.ts";
import type { BytePort, OpenPort, PortSink, Stamp } from "./port.ts";

export interface MemoryPort {
  readonly open: OpenPort;
  /** What the host wrote; called during the write. */
  onWrite: (bytes: Uint8Array) => void;
  /** The device's side. No-op while nobody has it open. */
  feed(chunk: Uint8Array, before: Stamp, after: Stamp): void;
  /** Unplugged; it may be opened again. */
  fail(error: SourceError): void;
}

export function memoryPort(name = "memory"): MemoryPort {
  let sink: PortSink | null = null;
  const end = (error: SourceError | null): void => {
    const s = sink;
    sink = null;
    s?.closed(error);
  };
  const port: BytePort = {
    name,
    timing: "memory",
    write: (bytes) => memory.onWrite(bytes),
    close: async () => end(null),
  };
  const memory: MemoryPort = {
    open: async (s) => {
      sink = s;
      return port;
    },
    onWrite: () => undefined,
    feed: (chunk, before, after) => sink?.bytes(chunk, before, after),
    fail: end,
  };
  return memory;
}
