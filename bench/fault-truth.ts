// What an instrument sent, by its own account and as it came out of the line → every row and its place in the
// device's own time, which goes on while it is down; and by how much the host's reads were late. Nothing here
// asks the decoders that are under trial: frames of a fixed size are cut by their size, wire frames by their CRC,
// lines by their counter.

import { LineParser } from "../ingest/instruments/text-lines/line-parser.ts";
import { textLayout, textReader } from "../ingest/instruments/text-lines/text-rows.ts";
import { VirtualClock } from "../virtual/bench/device-clock.ts";
import { NoiseTable } from "../virtual/bench/noise.ts";
import type { Start } from "../virtual/daq/starts.ts";
import { RecordType } from "../schema/wire/frame.ts";
import { decodeSamples, runOf } from "../schema/wire/frame-records.ts";
import { FrameSplitter } from "../schema/wire/frame-splitter.ts";
import { leastOf } from "../stats/summary.ts";
import { type Rig, textFormatOf } from "../schema/rig.ts";
import type { DeviceName } from "./fault-cases.ts";
import type { Opening } from "./fault-pipe.ts";
import { UNIT } from "./fault-units.ts";
import { valueAt } from "../stats/places.ts";

export interface Sent {
  /** Each row as text of its bytes, and its place: rows of the bench since its beginning. Places ascend. */
  readonly rows: readonly string[];
  readonly places: readonly number[];
  readonly reads: readonly Arrived[];
}

/** A read of the host brought rows up to this place, of this start of the device. */
interface Arrived {
  readonly place: number;
  readonly start: number;
  readonly hostNs: number;
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** @param text as the rig under trial has its lines. */
export function sentBy(
  device: DeviceName,
  rig: Rig,
  openings: readonly Opening[],
  starts: readonly Start[],
): Sent {
  const all = new Sending();
  const streams = openings.filter((o) => o.streams);
  if (device === "wire") wire(streams, starts, all);
  else if (rig.device.text) lines(rig, streams, starts, all);
  else
    streams.forEach((o, k) => {
      if (starts[k]) units(device, o, k, starts[k], all);
    });
  return all.sorted();
}

class Sending {
  /** By place. */
  readonly #rows = new Map<number, string>();
  readonly #reads: Arrived[] = [];
  #at = { place: -1, start: -1 };

  row(place: number, start: number, row: string): void {
    this.#rows.set(place, row);
    this.#at = { place, start };
  }

  /** A read is over. */
  read(after: bigint | null): void {
    if (this.#at.place >= 0) this.#reads.push({ ...this.#at, hostNs: Number(after) });
    this.#at = { place: -1, start: -1 };
  }

  sorted(): Sent {
    const placed = [...this.#rows].sort(([a], [b]) => a - b);
    return {
      rows: placed.map(([, row]) => row),
      places: placed.map(([place]) => place),
      reads: this.#reads,
    };
  }
}

function wire(openings: readonly Opening[], starts: readonly Start[], all: Sending): void {
  for (const { reads } of openings) {
    const splitter = new FrameSplitter((frame) => {
      const s = frame.type === RecordType.samples ? decodeSamples(frame) : undefined;
      const start = runOf(frame.flags) - 1; // there are never sixteen
      if (!s || !starts[start]) return;
      const stride = s.data.length / s.rows;
      for (let i = 0; i < s.rows; i++)
        all.row(
          starts[start].row + s.index + i,
          start,
          textOf(s.data.subarray(i * stride, (i + 1) * stride)),
        );
    });
    for (const { bytes, after } of reads) {
      splitter.push(bytes, null, null);
      all.read(after);
    }
  }
}

/** Their first column counts ticks from each power-up. */
function lines(
  rig: Rig,
  openings: readonly Opening[],
  starts: readonly Start[],
  all: Sending,
): void {
  const { rowHz } = rig.device;
  const text = textFormatOf(rig);
  const row = new DataView(new ArrayBuffer(textLayout("", text).rowBytes));
  const read = textReader(text);
  let [start, last] = [0, -1];
  for (const { reads } of openings) {
    const parser = new LineParser((bytes, from, to) => {
      if (!read(bytes, from, to, row, 0)) return;
      const ticks = text.tick ? row.getUint32(0, true) : row.getFloat64(0, true);
      if (ticks < last) start++;
      last = ticks;
      const place = valueAt(starts, start).row + Math.round((ticks * rowHz) / TEXT_TICK_HZ);
      all.row(place, start, textOf(new Uint8Array(row.buffer)));
    });
    for (const { bytes, after } of reads) {
      parser.push(bytes);
      all.read(after);
    }
  }
}

const TEXT_TICK_HZ = 1e6;

function units(
  device: DeviceName,
  { reads }: Opening,
  k: number,
  start: Start,
  all: Sending,
): void {
  const unit = UNIT[device]!;
  const dropped = [...start.dropped];
  let place = start.row;
  let rest: Uint8Array = new Uint8Array(0);
  for (const { bytes, after } of reads) {
    const there = Buffer.concat([rest, bytes]);
    let at = 0;
    for (; at + unit <= there.length; at += unit) {
      while (dropped[0]?.[0] === place) place += dropped.shift()![1];
      all.row(place++, k, rowOf(device, there.subarray(at, at + unit)));
    }
    rest = there.subarray(at);
    all.read(after);
  }
}

/** As it stands in the log: of a PowerSensor3 each word's level, and the mark above that of sensor 0. */
function rowOf(device: DeviceName, bytes: Uint8Array): string {
  if (device !== "powersensor3") return textOf(bytes);
  const row = new DataView(new ArrayBuffer(bytes.length));
  for (let at = 0; at < bytes.length; at += 2)
    row.setUint16(at, ((bytes[at]! & 15) << 6) | (bytes[at + 1]! & 63), true);
  if (bytes[3]! & 0x40) row.setUint8(3, row.getUint8(3) | 4);
  return textOf(new Uint8Array(row.buffer));
}

/** A gap in the log, by the places of the rows beside it. */
export interface Gap {
  readonly before: number;
  readonly after: number;
}

/** How late the host was beside a gap: the least delayed of the reads that a source can go by, s. */
export interface Lateness {
  readonly beforeS: number;
  readonly afterS: number;
  /** What it may have the device's rate wrong by, as a share. */
  readonly rate: number;
  /** From the earliest of those reads to the last of them, s. */
  readonly spanS: number;
}

/** What a source goes by: reads of so long before a gap at least, and so long after; s. */
export interface Windows {
  readonly beforeS: number;
  readonly afterS: number;
}

/**
 * A source learns the device's rate from the host's clock, from its first quarter second to another a second on;
 * then it remembers the least delayed reads of two seconds, where it remembers any.
 */
const [WINDOW_S, LEARNED_S, REMEMBERED_S] = [0.25, 1, 2];

export function lateness(
  rig: Rig,
  seed: number,
  { reads }: Sent,
  gaps: readonly Gap[],
  windows: Windows,
): Lateness[] {
  const { clock, rowHz } = rig.device;
  const own = new VirtualClock({ ...clock, hz: rowHz }, seed, 0, new NoiseTable(seed));
  const delays = reads.map((r) => r.hostNs - own.rowNs(r.place));
  const least = leastOf(delays);
  const stated = 3 * clock.uRel;
  /** s, of the reads from one on to another that are so near to it, of the same start. */
  const leastNear = (i: number, step: 1 | -1, withinS: number): number => {
    const from = valueAt(reads, i);
    let found = valueAt(delays, i);
    for (let k = i; reads[k]?.start === from.start; k += step) {
      if (Math.abs(valueAt(reads, k).hostNs - from.hostNs) > withinS * 1e9) break;
      found = Math.min(found, valueAt(delays, k));
    }
    return (found - least) / 1e9;
  };
  const bringing = (place: number): number => reads.findIndex((r) => r.place >= place);
  return gaps.map(({ before, after }) => {
    const [i, k] = [bringing(before), bringing(after)];
    const sinceNs = valueAt(reads, i).hostNs - valueAt(reads, 0).hostNs;
    const isLearned = sinceNs > (LEARNED_S + WINDOW_S) * 1e9;
    const goesBackS = isLearned && windows.beforeS > 0 ? REMEMBERED_S : windows.beforeS;
    const beforeS = leastNear(i, -1, goesBackS);
    const learned = (beforeS + leastNear(0, 1, WINDOW_S)) / LEARNED_S;
    return {
      beforeS,
      afterS: leastNear(k, 1, windows.afterS),
      rate: isLearned ? Math.min(stated, learned) : stated,
      spanS: (after - before) / rowHz + goesBackS + WINDOW_S + windows.afterS,
    };
  });
}
