// What one kind of instrument adds to a line that carries bytes: who must answer, what the bytes mean, what
// to count. stream-source.ts does what all have in common.

import type { LossTexts } from "./loss-notes.ts";
import type { BytePort, PortSink, Stamp } from "../ports/port.ts";

export interface Instrument<Counts extends object = object> {
  /**
   * Opens the port, makes sure who is there and starts the stream, whose bytes go to `sink`.
   * @throws SourceError, `ended` when another device answers than before.
   */
  connect(sink: PortSink): Promise<BytePort>;
  /** device.json of the log, once connected; absent where the device says nothing of itself. */
  deviceJson?(): string;
  /** One read of the stream. Throws only what the record's sink throws. */
  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): void;
  /** The line is back after a pause: what comes next is a stream of its own. */
  resume(pauseNs: number): void;
  /** Twice a second while connected. */
  beat?(port: BytePort): void;
  /** The recording ends; rows still held go out, the device is told. */
  stop(port: BytePort | null): void;
  /** Since the start. */
  counts(): Counts & { readonly rowsLost: number };
  readonly losses: LossTexts<Counts>;
  /** Whether a device that says nothing for 2 s is asked again who it is; else it is only told. */
  readonly asksAgain: boolean;
  /** What the reader of the run should know, each said once. @param silent nothing came for 2 s. */
  doubts(silent: boolean): readonly string[];
}
