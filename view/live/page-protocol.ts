// What a recorder tells its live page's process, over a pipe. A frame is a u32 length, little-endian, and a
// list of messages as node:v8 serialises it (bigints and typed arrays survive). One way only: the page has
// nothing to say but its address, one line of JSON on stdout.

import { deserialize, serialize } from "node:v8";
import type {
  ClockExchange,
  Edge,
  Mark,
  Note,
  RowLayout,
  SampleBlock,
  TelemetryChannel,
} from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import type { Session } from "../../schema/session.ts";
import type { Grid } from "../feed/grid-watch.ts";
import type { ReadColumns } from "../feed/live-feed.ts";
import type { RecorderFigures } from "./messages.ts";

export type PageMessage =
  /** First of all. `run`: what to call it. */
  | { readonly kind: "hello"; readonly rig: Rig; readonly session: Session; readonly run: string }
  | { readonly kind: "device"; readonly said: string }
  | { readonly kind: "layout"; readonly layout: RowLayout }
  | {
      readonly kind: "channels";
      readonly channels: readonly TelemetryChannel[];
      readonly grids: readonly Grid[];
    }
  | { readonly kind: "rows"; readonly block: SampleBlock }
  | { readonly kind: "reads"; readonly batch: ReadColumns }
  | { readonly kind: "edge"; readonly edge: Edge }
  | { readonly kind: "exchange"; readonly exchange: ClockExchange }
  | { readonly kind: "mark"; readonly mark: Mark }
  | { readonly kind: "note"; readonly note: Note }
  | { readonly kind: "figures"; readonly figures: RecorderFigures }
  /** The recording ended; nothing follows. */
  | { readonly kind: "end"; readonly text: string };

const HEAD = 4;

export function frameOf(messages: readonly PageMessage[]): Buffer {
  const body = serialize(messages);
  const head = Buffer.alloc(HEAD);
  head.writeUInt32LE(body.length);
  return Buffer.concat([head, body]);
}

/** Bytes as they come → whole frames' messages, in order. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #length = 0;

  *push(bytes: Buffer): Generator<PageMessage> {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    for (let need = this.#need(); this.#length >= need; need = this.#need()) {
      const all = Buffer.concat(this.#pieces);
      yield* deserialize(all.subarray(HEAD, need)) as PageMessage[];
      this.#pieces = [all.subarray(need)];
      this.#length -= need;
    }
  }

  /** Bytes until the first frame is whole. */
  #need(): number {
    let [first] = this.#pieces;
    if (!first || this.#length < HEAD) return HEAD;
    if (first.length < HEAD) this.#pieces = [(first = Buffer.concat(this.#pieces))];
    return HEAD + first.readUInt32LE();
  }
}
