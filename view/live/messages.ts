// The feed → messages of docs/live.md (../live-data.ts). Binary for what is many, JSON for what is few.

import { NS_PER_S } from "../../schema/time.ts";
import { type Channel, READS } from "../feed/claims.ts";
import type { LiveFeed } from "../feed/live-feed.ts";
import { type BucketSpan, CAPACITY, type Pyramid, RATIO } from "../feed/pyramid.ts";
import { BUCKETS_HEAD, Kind, type LiveMessage, READS_HEAD } from "../live-data.ts";

const textOf = (message: LiveMessage): string => JSON.stringify(message);

/** What only the recorder knows. */
export interface RecorderFigures {
  readonly elapsedS: number;
  readonly rows: number;
  readonly lostRows: number;
  readonly reads: number;
  readonly failedReads: number;
  readonly lostMarks: number;
  readonly bytes: number;
  readonly freeBytes: number;
}

export function hello(feed: LiveFeed, run: string): string {
  return textOf({
    type: "hello",
    schema: "live/1",
    source: feed.session.source,
    rig: feed.rig.name,
    run,
    row_hz: feed.rig.device.rowHz,
    rows_per_bucket: feed.rowsPerBucket,
    ratio: RATIO,
    levels: feed.pyramid?.levels ?? 6,
    capacity: CAPACITY,
    series: feed.series,
    channels: feed.channels.map(({ about: { name, quantity, unit } }) => ({
      name,
      quantity,
      unit,
    })),
  });
}

export function buckets(feed: LiveFeed, p: Pyramid, span: BucketSpan): ArrayBuffer {
  const { level, from, to } = span;
  const n = to - from;
  const bytes = new ArrayBuffer(BUCKETS_HEAD + n * 3 * p.series * 4);
  const v = new DataView(bytes);
  [Kind.buckets, level, n, p.series].forEach((word, i) => v.setUint32(4 * i, word, true));
  const times = [from, feed.nowNs() / 1e9, feed.clock.sessionNs(0) / 1e9, feed.clock.rowNs / 1e9];
  times.forEach((x, i) => v.setFloat64(16 + 8 * i, x, true));
  p.copy(span, new Float32Array(bytes, BUCKETS_HEAD));
  return bytes;
}

/** Reads [since[c], count) of every channel c, as far as they are held; moves `since` on. */
export function reads(channels: readonly Channel[], since: number[]): ArrayBuffer | null {
  const news = channels.map((channel, i) => {
    return { channel, from: Math.max(since[i] ?? 0, channel.count - READS) };
  });
  const n = news.reduce((sum, { channel, from }) => sum + channel.count - from, 0);
  if (n === 0) return null;
  const bytes = new ArrayBuffer(READS_HEAD + n * 18);
  new DataView(bytes).setUint32(0, Kind.reads, true);
  new DataView(bytes).setUint32(4, n, true);
  const times = new Float64Array(bytes, READS_HEAD, n);
  const values = new Float64Array(bytes, READS_HEAD + 8 * n, n);
  const which = new Uint16Array(bytes, READS_HEAD + 16 * n, n);
  let at = 0;
  for (const [i, { channel, from }] of news.entries()) {
    for (let k = from; k < channel.count; k++, at++) {
      times[at] = channel.tNs.at(k) / 1e9;
      values[at] = channel.value.at(k);
      which[at] = i;
    }
    since[i] = channel.count;
  }
  return bytes;
}

/** Of a DAQ that sent nothing for so long, or four rows, the last second is not the last that came. */
const STALE_NS = 2e9;

export function state(feed: LiveFeed, r: RecorderFigures | null): string {
  const clock = feed.clock;
  const nowNs = feed.nowNs();
  const sinceRowNs = nowNs - clock.sessionNs(feed.energy.end);
  const stale = sinceRowNs > Math.max(STALE_NS, (4 * NS_PER_S) / feed.rig.device.rowHz);
  const rowS = (row: number): number => clock.sessionNs(row) / 1e9;
  const c = clock.state;
  return textOf({
    type: "state",
    now_s: nowNs / 1e9,
    elapsed_s: r?.elapsedS ?? 0,
    power_w: stale ? NaN : feed.powerW,
    energy_j: feed.energy.joules,
    rows: r?.rows ?? 0,
    lost_rows: r?.lostRows ?? 0,
    clipped_rows: feed.clippedRows,
    gaps: feed.gaps.map(([a, b]) => [rowS(a), rowS(b)]),
    edges: feed.edges.map(rowS),
    marks: feed.count.marks,
    lost_marks: r?.lostMarks ?? 0,
    reads: r?.reads ?? 0,
    failed_reads: r?.failedReads ?? 0,
    clock: {
      method: c.method,
      rate_ppm: c.ratePpm,
      u_rate_ppm: c.uRatePpm,
      u_offset_ns: c.uOffsetNs,
      residual_rms_ns: c.residualRmsNs,
      exchanges: c.exchanges,
      round_trip_ns: c.roundTripNs,
    },
    grids: feed.lateness.map((g) => ({
      name: g.name,
      period_ms: g.periodNs / 1e6,
      median_ms: g.medianNs / 1e6,
      p99_ms: g.p99Ns / 1e6,
      worst_ms: g.worstNs / 1e6,
    })),
    disk: r && { bytes: r.bytes, free_bytes: r.freeBytes },
  });
}

/** Open windows that a page shows; the rest is counted. */
const SHOWN_OPEN = 6;
const SHOWN_CLOSED = 20;

export function windows(feed: LiveFeed): string {
  const w = feed.windows;
  const nowNs = feed.clock.sessionNs(feed.energy.end - 2);
  return textOf({
    type: "windows",
    claims: feed.claims,
    open: w.open(SHOWN_OPEN, nowNs).map((o) => ({
      name: o.name,
      t0_s: o.t0Ns / 1e9,
      duration_s: (nowNs - o.t0Ns) / 1e9,
      energy_j: o.joules,
    })),
    closed: w.closed
      .slice(-SHOWN_CLOSED)
      .reverse()
      .map((c) => ({
        name: c.name,
        t0_s: c.t0Ns / 1e9,
        duration_s: (c.t1Ns - c.t0Ns) / 1e9,
        energy_j: c.joules[0] ?? NaN,
        lost_rows: c.lostRows,
        claims_j: [...c.joules.subarray(1)],
      })),
  });
}

export function notes(feed: LiveFeed, last: number): string {
  const epoch = feed.session.hostEpoch;
  const list = feed.notes.slice(Math.max(0, feed.notes.length - last));
  return textOf({
    type: "notes",
    list: list.map((n) => ({
      level: n.level,
      text: n.text,
      t_s: n.t === undefined ? null : Number(n.t - epoch) / 1e9,
    })),
  });
}

export const end = (text: string): string => textOf({ type: "end", text });
