// The DAQ rows of a capture log, as they came → CSV: row index, the device's counter, trigger, every field
// in counts (or as the number it is), flags of its block, and the time at which the host had the block, in
// UTC where the session knows it. Nothing is calibrated and nothing is left out. Holds one block.

import { columnReader } from "../align/rows/decode.ts";
import { type CaptureRecord, readCapture } from "../capture/log-reader.ts";
import { inRowOrder, lateBlocks } from "../capture/row-order.ts";
import { csvCell } from "../schema/csv.ts";
import { inputError } from "../schema/errors.ts";
import type { RowField, RowLayout, SampleBlock } from "../schema/records.ts";
import { type Session, toSession } from "../schema/session.ts";
import { type TextFile, writeText } from "./text-file.ts";
import { unixText } from "./unix-time.ts";

export interface RawExport {
  readonly stream: string;
  readonly rows: number;
  /** Streams of the log that are not in the file: it holds the one that was declared first. */
  readonly others: readonly string[];
  readonly damages: number;
}

type Progress = (done: number, total: number) => void;

/** @throws InputError when the log holds no rows. */
export async function exportRawCsv(
  capture: string,
  out: string,
  onProgress?: Progress,
): Promise<RawExport> {
  let table: RawTable | undefined;
  let session: Session | undefined;
  let damages = 0;
  const others: string[] = [];
  await writeText(out, (file) => {
    for (const r of inOrder(capture, onProgress)) {
      if (r.kind === "session") session = r.session;
      else if (r.kind === "damage") damages++;
      else if (r.kind === "layout" && session) {
        if (table) others.push(r.layout.stream);
        else table = new RawTable(file, r.layout, session);
      } else if (r.kind === "rows" && r.block.stream === table?.stream) table.add(r.block);
    }
    if (!table) throw inputError("no DAQ rows in this run", capture, "a stream daq/…");
  });
  return { stream: table!.stream, rows: table!.rows, others, damages };
}

/** The records of a log with the blocks of its first stream in the order of their rows. */
function* inOrder(capture: string, onProgress?: Progress): Generator<CaptureRecord> {
  const stream = firstStream(capture);
  const only = (topic: string): boolean => topic === `daq/${stream}`;
  const late = lateBlocks(readCapture(capture, { only }), stream);
  yield* inRowOrder(readCapture(capture, onProgress ? { onProgress } : {}), capture, stream, late);
}

function firstStream(capture: string): string {
  for (const r of readCapture(capture)) if (r.kind === "layout") return r.layout.stream;
  return "";
}

type Column = (block: SampleBlock) => (row: number) => string;

class RawTable {
  readonly stream: string;
  rows = 0;
  readonly #file: TextFile;
  readonly #columns: readonly Column[];
  readonly #readAt: (block: SampleBlock) => string;

  constructor(file: TextFile, layout: RowLayout, session: Session) {
    this.stream = layout.stream;
    this.#file = file;
    const own = [layout.tick, layout.trigger].filter((f) => f !== undefined);
    const fields = [...own, ...layout.fields.filter((f) => !own.some((o) => o.name === f.name))];
    this.#columns = fields.map((f) => columnOf(layout, f));
    const unix = session.startUnix === null ? undefined : unixText(session.startUnix);
    this.#readAt = ({ hostAfter }) => {
      if (hostAfter === null) return "";
      return unix ? unix(toSession(session, hostAfter)) : hostAfter.toString();
    };
    const names = fields.map((f) => csvCell(`${f.name} [${unitOf(layout, f)}]`));
    const readAt = unix ? "read_unix_ns [ns]" : "read_host_ns [ns]";
    file.write(`${["row", ...names, "flags", readAt].join(",")}\n`);
  }

  add(block: SampleBlock): void {
    const cells = this.#columns.map((c) => c(block));
    const tail = `,${block.flags},${this.#readAt(block)}\n`;
    for (let i = 0; i < block.rows; i++) {
      let line = String(block.firstIndex + i);
      for (const cell of cells) line += `,${cell(i)}`;
      this.#file.write(line + tail);
    }
    this.rows += block.rows;
  }
}

function unitOf(layout: RowLayout, f: RowField): string {
  if (f === layout.tick) return "tick";
  if (f === layout.trigger) return "level";
  return f.kind === "float" ? "as recorded" : "count";
}

/** 64-bit counters are beyond a float64's whole numbers, so they are read as they stand. */
function columnOf(layout: RowLayout, f: RowField): Column {
  if (f.bits === 64 && f.kind !== "float")
    return ({ bytes }) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const at = f.bitOffset >> 3;
      return (i) => view.getBigUint64(at + i * layout.rowBytes, true).toString();
    };
  const read = columnReader(layout, f);
  let values = new Float64Array(0);
  return ({ bytes, rows }) => {
    if (values.length < rows) values = new Float64Array(rows);
    read(bytes, rows, values);
    return (i) => String(values[i]);
  };
}
