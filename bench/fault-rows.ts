// Bytes as an instrument sent them → its rows, and the rows of a log among them: every row of a block must follow
// the one before, and every block come after the last.

import { FrameDecoder as WireDecoder } from "../ingest/frame-decoder.ts";
import { FRAME_BYTES } from "../ingest/pmd-usb/frame.ts";
import { FrameDecoder as PmdDecoder } from "../ingest/pmd-usb/frames.ts";
import { SetDecoder } from "../ingest/powersensor3/sets.ts";
import { WordDecoder } from "../ingest/ppk2/words.ts";
import { LineParser } from "../ingest/line-parser.ts";
import { textLayout, textReader } from "../ingest/text-rows.ts";
import { BlockFlag, type SampleBlock } from "../schema/records.ts";
import type { Rig } from "../schema/rig.ts";
import type { DeviceName } from "./fault-cases.ts";
import { NOTHING } from "./frames.ts";
import { append } from "../schema/lists.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** The rows in the order they were sent, each as text of its bytes. */
export function rowsOf(device: DeviceName, rig: Rig, chunks: readonly Uint8Array[]): string[] {
  const rows: string[] = [];
  const push = pusher(device, rig, rows);
  for (const chunk of chunks) push(chunk);
  return rows;
}

function pusher(device: DeviceName, rig: Rig, rows: string[]): (chunk: Uint8Array) => void {
  const { stream, rowHz, clock, text: format } = rig.device;
  switch (device) {
    case "wire": {
      const blocks: SampleBlock[] = [];
      const sink = {
        ...NOTHING,
        rows: (b: SampleBlock) => {
          if (b.stream !== stream || b.flags & BlockFlag.duplicate) return;
          const stride = b.bytes.length / b.rows;
          const own = Array.from({ length: b.rows }, (_, i) =>
            text(b.bytes.subarray(i * stride, (i + 1) * stride)),
          );
          const late = b.flags & BlockFlag.reordered;
          const at = late ? blocks.findIndex((o) => o.firstIndex > b.firstIndex) : -1;
          const before = at < 0 ? rows.length : blocks.slice(0, at).reduce((n, o) => n + o.rows, 0);
          blocks.splice(at < 0 ? blocks.length : at, 0, b);
          const behind = rows.splice(before);
          append(append(rows, own), behind);
        },
      };
      const decoder = new WireDecoder(sink, { stream, rowHz, tickHz: 1e6 });
      return (chunk) => decoder.push(chunk, null, null);
    }
    case "powersensor3": {
      const row = new DataView(new ArrayBuffer(FRAME_BYTES));
      const decoder = new SetDecoder((words, marked) => {
        words.forEach((w, i) => row.setUint16(2 * i, w, true));
        if (marked) row.setUint8(3, row.getUint8(3) | 4);
        rows.push(text(new Uint8Array(row.buffer)));
      }, clock.hz / rowHz);
      return (chunk) => decoder.push(chunk);
    }
    case "pmd-usb": {
      const decoder = new PmdDecoder((frame) => void rows.push(text(frame)), clock.hz / rowHz);
      return (chunk) => decoder.push(chunk);
    }
    case "ppk2": {
      const row = new DataView(new ArrayBuffer(4));
      const decoder = new WordDecoder((word) => {
        row.setUint32(0, word, true);
        rows.push(text(new Uint8Array(row.buffer)));
      });
      return (chunk) => decoder.push(chunk);
    }
    case "text":
    case "text-no-counter": {
      const row = new DataView(new ArrayBuffer(textLayout("", format!).rowBytes));
      const read = textReader(format!);
      const lines = new LineParser((bytes, from, to) => {
        if (read(bytes, from, to, row, 0)) rows.push(text(new Uint8Array(row.buffer)));
      });
      return (chunk) => lines.push(chunk);
    }
  }
}

/** So many in a row are no chance: of long rows one, of words of 4 bytes, which may stand still, more. */
const sureRows = (row: string): number => (row.length > 4 ? 1 : 16);

/** Where rows from `i` on stand among those sent, at `next` or after it, and how many of them follow there. */
function placeOf(
  sent: readonly string[],
  rows: readonly string[],
  i: number,
  next: number,
): readonly [at: number, n: number] {
  const follow = (at: number): number => {
    let n = 0;
    while (i + n < rows.length && sent[at + n] === rows[i + n]) n++;
    return n;
  };
  for (const at of [next, next + 1]) if (follow(at) > 0) return [at, follow(at)];
  for (let at = sent.indexOf(rows[i]!, next); at >= 0; at = sent.indexOf(rows[i]!, at + 1))
    if (follow(at) >= Math.min(sureRows(rows[i]!), rows.length - i)) return [at, follow(at)];
  return [-1, 0];
}

/** @returns rows sent from the first of the log to its last, and rows of the log that were not sent so. */
export function align(
  sent: readonly string[],
  blocks: readonly SampleBlock[],
): { readonly span: number; readonly neverMade: number } {
  let [first, next, neverMade, hidden] = [-1, 0, 0, 0];
  for (const b of blocks) {
    const stride = b.bytes.length / b.rows;
    const rows = Array.from({ length: b.rows }, (_, i) =>
      text(b.bytes.subarray(i * stride, (i + 1) * stride)),
    );
    for (let i = 0; i < rows.length;) {
      const [at, n] = placeOf(sent, rows, i, next);
      if (n === 0) {
        // What vouches for the first row of a stream, the handshake's bytes before it hide here.
        if (i > 0 || (b !== blocks[0] && !(b.flags & BlockFlag.restart))) neverMade++;
        else hidden++;
        i++;
        continue;
      }
      if (first < 0) first = at;
      next = at + n;
      i += n;
    }
  }
  return { span: first < 0 ? 0 : hidden + next - first, neverMade };
}
