// What makes a kind of instrument: its name in a rig, how to know one at a port, how to stream from one. One folder
// each, with a kind.ts like this; instruments.ts lists them, and virtual/daq/ has a simulation of each.

import type { Source } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import type { OpenAt } from "../ports/port.ts";
import type { LiveSource } from "../stream/live-source.ts";
import type { DaqSink } from "../stream/sink.ts";

/** For each question where most likely nobody is: a device that is idle answers within milliseconds. */
export const SEARCH_PATIENCE_MS = 600;

export interface InstrumentKind {
  /** The rig's `device.kind`. */
  readonly kind: string;
  /** For messages. */
  readonly name: string;
  /** `vendor:product` that such an instrument has, and strangers too; null: any. */
  readonly usb: string | null;
  /** What a rig may say below `device` for this kind alone. */
  readonly rigKeys: readonly string[];
  /**
   * Who is there; null where nothing answers a question, so that the port must be named.
   * @throws SourceError when nothing, or something else, answers.
   */
  readonly ask: ((open: OpenAt, patienceMs?: number) => Promise<Recognised>) | null;
  /**
   * Connects and streams into the sink.
   * @param onFatal the recording cannot go on: the sink failed, or another device answers.
   * @throws SourceError when nothing answers. @throws InputError where the rig asks for what it cannot do.
   */
  readonly start: (
    open: OpenAt,
    rig: Rig,
    sink: DaqSink,
    onFatal: (error: unknown) => void,
  ) => Promise<LiveSource>;
}

export interface Recognised {
  /** The rig's `device.kind`. */
  readonly kind: string;
  readonly model: string;
  /** null where the instrument has none. */
  readonly serial: string | null;
  /** null where it does not say. */
  readonly firmware: string | null;
  /** null where its protocol does not tell silicon from a program. */
  readonly source: Source | null;
  /** What a rig's sensors may read; null where it depends on more than the device. */
  readonly channels: readonly string[] | null;
  /** What it says of itself, for eyes. */
  readonly lines: readonly string[];
  /** The same for `--json`. */
  readonly facts: Readonly<Record<string, unknown>>;
}
