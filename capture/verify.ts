// A log → whether it is whole: checksums, lengths, footer (mcap-frames.ts), message sequence and sizes
// (log-reader.ts), and here what only the sequence of rows shows. One pass, one record in memory.

import { checked } from "../schema/documents/document.ts";
import { ROW_RATE } from "../schema/documents/rig.ts";
import { inputError } from "../schema/errors.ts";
import { BlockFlag, type Note, type RowLayout, type SampleBlock } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import { type ChainCheck, ChainReader, type KnownHead } from "./chain-check.ts";
import { type Damage, readCapture } from "./log-reader.ts";
import type { Frame } from "./mcap-frames.ts";
import { RowOrder } from "./row-order.ts";
import { type Misplaced, NOTHING, RowPlaces } from "./row-places.ts";

export interface StreamCheck {
  readonly stream: string;
  blocks: number;
  rows: number;
  /** Rows that the index says are missing, and in how many places. */
  missingRows: number;
  gaps: number;
  /** Blocks kept but marked as duplicates; blocks whose index goes back without being marked. */
  duplicates: number;
  backwards: number;
  /** Blocks that came after their successors and are read in their places, and their rows. */
  lateBlocks: number;
  lateRows: number;
  /** What cannot be of one run; known after the last record. */
  misplaced: Misplaced;
}

export interface LogCheck {
  readonly session: Session;
  readonly attachments: readonly string[];
  /** rig.json as it stands; null where the log has none. What it means, align/logged-rig.ts knows. */
  readonly rig: Uint8Array | null;
  readonly streams: readonly StreamCheck[];
  /** Telemetry reads, and those among them that failed. */
  readonly reads: number;
  readonly failedReads: number;
  readonly marks: number;
  readonly edges: number;
  /** Edges of streams that the log does not have. */
  readonly strayEdges: number;
  readonly damages: readonly Damage[];
  /** Warnings and losses that whoever wrote the log recorded. */
  readonly notes: readonly Note[];
  /** Whether the bytes are what the log's seals say. */
  readonly chain: ChainCheck;
}

type Progress = (done: number, total: number) => void;

/**
 * @param known heads of its chain that files beside it know.
 * @throws InputError when there is nothing to read: no log, or no session header in it.
 */
export function verifyLog(
  path: string,
  onProgress?: Progress,
  known: readonly KnownHead[] = [],
): LogCheck {
  let session: Session | undefined;
  const attachments: string[] = [];
  let rig: Uint8Array | null = null;
  const streams = new Map<string, Rows>();
  const places = new Map<string, RowPlaces>();
  const placesOf = (stream: string): RowPlaces => {
    const known = places.get(stream) ?? new RowPlaces();
    places.set(stream, known);
    return known;
  };
  const count = { reads: 0, failedReads: 0, marks: 0, edges: 0 };
  const damages: Damage[] = [];
  const notes: Note[] = [];
  const chain = new ChainReader(path, known);
  const options = {
    onFrame: (f: Frame | Damage) => chain.add(f),
    ...(onProgress && { onProgress }),
  };
  for (const r of readCapture(path, options)) {
    if (r.kind === "session") session = r.session;
    else if (r.kind === "attachment") {
      attachments.push(r.name);
      if (r.name === "rig.json") rig = r.data;
    } else if (r.kind === "layout")
      streams.set(r.layout.stream, new Rows(r.layout, placesOf(r.layout.stream)));
    else if (r.kind === "rows") streams.get(r.block.stream)!.add(r.block, r.at);
    else if (r.kind === "mark") count.marks++;
    else if (r.kind === "edge") {
      count.edges++;
      placesOf(r.edge.stream).edge(r.edge);
    } else if (r.kind === "exchange") placesOf(r.exchange.stream).exchange(r.exchange);
    else if (r.kind === "damage") damages.push(r.damage);
    else if (r.kind === "note" && r.note.level !== "info") notes.push(r.note);
    else if (r.kind === "read") {
      count.reads++;
      if (r.read.code !== 0) count.failedReads++;
    }
  }
  if (!session)
    throw inputError("no session header in it", path, "a whole attachment session.json");
  const rowHz = rateOf(rig);
  const checked = [...streams.values()].map((s) => s.finish(rowHz));
  let strayEdges = 0;
  for (const [stream, p] of places)
    if (!streams.has(stream)) strayEdges += p.finish(rowHz).edgesOutside;
  return {
    session,
    attachments,
    rig,
    streams: checked,
    ...count,
    strayEdges,
    damages,
    notes,
    chain: chain.finish(),
  };
}

/** Rows a second of a log without a rig that says: places are then held to a million rows. */
const ANY_RATE = 1e6;

/** As the rig states it; whether it is one, align/logged-rig.ts tells. */
function rateOf(rig: Uint8Array | null): number {
  const rated = rig && checked(ROW_RATE, Buffer.from(rig).toString()).document;
  return rated?.device.rowHz ?? ANY_RATE;
}

/** Follows the row index of one stream. */
class Rows {
  readonly check: StreamCheck;
  readonly #places: RowPlaces;
  readonly #order = new RowOrder();
  #next = 0;
  /** Gaps that the index leaves no room for. */
  #unknown = 0;

  constructor({ stream, tick }: RowLayout, places: RowPlaces) {
    places.isEven = tick === undefined;
    this.#places = places;
    this.check = {
      stream,
      blocks: 0,
      rows: 0,
      missingRows: 0,
      gaps: 0,
      duplicates: 0,
      backwards: 0,
      lateBlocks: 0,
      lateRows: 0,
      misplaced: NOTHING,
    };
  }

  /** After the last record. */
  finish(rowHz: number): StreamCheck {
    this.check.misplaced = this.#places.finish(rowHz);
    return this.check;
  }

  add(b: SampleBlock, at: number): void {
    const c = this.check;
    c.blocks++;
    c.rows += b.rows;
    const step = b.firstIndex - this.#next;
    if (b.flags & BlockFlag.duplicate) {
      c.duplicates++;
      return;
    }
    const place = this.#order.place(b, at);
    if (place === "late") {
      c.lateBlocks++;
      c.lateRows += b.rows;
      c.missingRows -= b.rows; // they fill a gap counted before
    } else if (place === "behind") c.backwards++;
    else if (step === 0 && b.flags & BlockFlag.gapBefore && !(b.flags & BlockFlag.pause))
      this.#unknown++;
    else if (!(b.flags & BlockFlag.pause)) c.missingRows += step;
    if (place === "ahead") this.#places.block(b);
    c.gaps = this.#order.gaps + this.#unknown;
    this.#next = Math.max(this.#next, b.firstIndex + b.rows);
  }
}

/** What of a check is loss, damage or change, in words; empty for a log without any. */
export function problemsOf(c: LogCheck): string[] {
  const { broken, brokenBefore, unsealed } = c.chain;
  return [
    ...broken,
    ...brokenBefore.map((p) => `before the log was recovered: ${p}`),
    ...unsealed,
    ...c.damages.map((d) => `${d.what} at byte ${d.offset} (${d.bytes} bytes): ${d.text}`),
    ...c.notes.filter((n) => n.level === "loss").map((n) => n.text),
    ...c.streams.flatMap(rowProblems),
    ...(c.strayEdges > 0 ? [`${c.strayEdges} edges of streams that have no rows`] : []),
  ];
}

/** What its writer warned of, and what stands out of order: nothing is lost by that. */
export const warningsOf = (c: LogCheck): string[] => [
  ...c.notes.filter((n) => n.level === "warning").map((n) => n.text),
  ...c.streams
    .filter((s) => s.lateBlocks > 0)
    .map(
      (s) =>
        `stream ${s.stream}: ${s.lateBlocks} blocks (${s.lateRows} rows) are out of order and are read in their places`,
    ),
];

function rowProblems(s: StreamCheck): string[] {
  const out: string[] = [];
  if (s.missingRows > 0)
    out.push(`stream ${s.stream}: ${s.missingRows} rows missing in ${s.gaps} gaps`);
  else if (s.gaps > 0) out.push(`stream ${s.stream}: ${s.gaps} gaps of unknown length`);
  if (s.backwards > 0)
    out.push(`stream ${s.stream}: the row index goes back at ${s.backwards} blocks`);
  const { ticksWrong, firstWrong, edgesOutside, exchangesOutside } = s.misplaced;
  if (firstWrong)
    out.push(
      `stream ${s.stream}: the ticks of ${ticksWrong} blocks cannot be those of their rows (first at row ${firstWrong.row}: ${firstWrong.tick})`,
    );
  if (edgesOutside > 0)
    out.push(`stream ${s.stream}: ${edgesOutside} edges lie outside its rows and are not used`);
  if (exchangesOutside > 0)
    out.push(`stream ${s.stream}: ${exchangesOutside} clock exchanges lie outside its rows`);
  return out;
}
