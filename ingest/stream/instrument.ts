// What one kind of instrument adds to a line that carries bytes: who must answer, what the bytes mean, what
// to count. stream-source.ts does what all have in common.

import type { LossTexts } from "./loss-notes.ts";
import type { BytePort, PortSink, Stamp } from "../ports/port.ts";

export interface Instrument<Counts extends object = object> {
  /**
   * Opens the port, makes sure who is there and starts the stream, whose bytes go to `sink`.
   * @throws SourceError; FinalSourceError when another device answers than before.
   */
  connect(sink: PortSink): Promise<BytePort>;
  /** The line is let go of: what waits for an answer on it waits in vain. */
  giveUp?(): void;
  /** device.json of the log, once connected; absent where the device says nothing of itself. */
  deviceJson?(): string;
  /**
   * One read, from the opening of the port on. Throws only what the record's sink throws.
   * @returns whether the device was heard in it, where that can be told from noise.
   */
  bytes(chunk: Uint8Array, before: Stamp, after: Stamp): boolean;
  /** The line is back after a pause: what comes next is a stream of its own. */
  resume(pauseNs: number): void;
  /** At the end of each beat while connected. @returns why the device is lost, where it says so. */
  beat?(port: BytePort): Promise<string | null>;
  /** Milliseconds; half a second where nothing is stated. */
  readonly beatMs?: number;
  /** The recording ends; rows still held go out, the device is told. */
  stop(port: BytePort | null): void | Promise<void>;
  /** Since the start. */
  counts(): Counts & { readonly rowsLost: number };
  readonly losses: LossTexts<Counts>;
  /** Whether a device that is silent is asked again who it is; else it is only told. */
  readonly asksAgain: boolean;
  /** What the reader of the run should know, each said once. @param silent nothing of it was heard for 2 s. */
  doubts(silent: boolean): readonly string[];
}
