// Scans of made evidence for the DAQ's clock: rows of a device whose true clock is stated, and what host and
// device saw of each other. In: what there is to see. Out: a scan as fitDaq reads it, and the truth.

import { MarkTable } from "../../align/mark-table.ts";
import { Outline } from "../../align/clocks/outline.ts";
import { scanCapture } from "../../align/scan.ts";
import {
  isTraced,
  type SegmentScan,
  type StreamScan,
  type TracedScan,
} from "../../align/scanned.ts";
import type { ClockExchange, Edge, Mark } from "../../schema/records.ts";
import type { Session } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { rigOf } from "./rig.ts";

export const SESSION: Session = {
  id: "made",
  source: "virtual",
  hostClock: "monotonic",
  hostEpoch: instant<"host">(10n ** 18n),
  startUnix: null,
  software: "test",
  labels: {},
};

/** Rows a second, by the rig; and the device's ticks a row. */
export const ROW_HZ = 10_000;
export const ROW_NS = 1e9 / ROW_HZ;
const TICKS_A_ROW = 100;
const FIRST_TICK = 1_000_000n;

/** A block each. */
const BLOCK_NS = 10e6;

const host = (ns: number) => instant<"host">(SESSION.hostEpoch + BigInt(Math.round(ns)));

/** One start of the device: its rows, on the session's clock, and the number of its first. */
export interface Start {
  readonly fromNs: number;
  readonly toNs: number;
  readonly firstRow?: number;
}

export interface Evidence {
  /** The device's rows come so much slower than the rig says. */
  readonly ppm?: number;
  readonly starts?: readonly Start[];
  /** Of the rig: relative, and s. */
  readonly uRel?: number;
  readonly startU?: number;
  /** The host's stamp of the start is so late, ns. */
  readonly stampLateNs?: number;
  /** True instants of edges that the host raised and lowered in turn, and half the width of their brackets. */
  readonly syncNs?: readonly number[];
  readonly halfNs?: number;
  /** Where in its bracket each edge falls, −1 … 1. */
  readonly within?: (k: number) => number;
  /** How late the block of each 10 ms arrives, ns. */
  readonly arrivals?: (k: number) => number;
  /** Instants of exchanges, and their time there and back, ns. */
  readonly exchanges?: readonly (readonly [atNs: number, thereNs: number, backNs: number])[];
  /** Load on and off in turn; its rails follow so late, ns. */
  readonly loadNs?: readonly number[];
  readonly railsLateNs?: readonly [on: number, off: number];
}

export interface Made {
  readonly scan: TracedScan;
  readonly stream: StreamScan;
  /** Row, with its fraction, at a true instant. */
  readonly rowAt: (tNs: number) => number;
}

const TEN_S: readonly Start[] = [{ fromNs: 0.2e9, toNs: 10.2e9 }];

/** Of a log that has a physical trace. */
export function tracedScan(path: string): TracedScan {
  const scan = scanCapture(path);
  if (!isTraced(scan)) throw new Error(`${path}: no physical trace`);
  return scan;
}

export function evidenceOf(e: Evidence): Made {
  const starts = e.starts ?? TEN_S;
  const periodNs = ROW_NS * (1 + (e.ppm ?? 0) * 1e-6);
  const startAt = (tNs: number): Start =>
    starts.reduce((found, s) => (s.fromNs <= tNs ? s : found), starts[0]!);
  const rowAt = (tNs: number): number => {
    const s = startAt(tNs);
    return (s.firstRow ?? 0) + (tNs - s.fromNs) / periodNs;
  };
  const tickOf = (row: number): bigint => BigInt(Math.round(row * TICKS_A_ROW)) + FIRST_TICK;
  const segments = starts.map((s, k): SegmentScan => {
    const first = s.firstRow ?? 0;
    const rowIn = (tNs: number): number => first + (tNs - s.fromNs) / periodNs;
    const blocks = e.arrivals ? Math.floor((s.toNs - s.fromNs) / BLOCK_NS) : 0;
    const ends = Array.from({ length: blocks }, (_, n) => s.fromNs + (n + 1) * BLOCK_NS);
    return {
      firstDevice: first,
      lastDevice: rowIn(s.toNs),
      startStamp: k === 0 ? { ns: s.fromNs + (e.stampLateNs ?? 0), halfNs: 1000 } : null,
      arrivals: ends.map((t, n) => ({ device: rowIn(t), sessionNs: t + e.arrivals!(n) })),
      blockTicks: [s.fromNs, s.toNs].map((t) => ({ device: rowIn(t), tick: tickOf(rowIn(t)) })),
    };
  });
  const marks = new MarkTable(SESSION);
  (e.loadNs ?? []).forEach((t, k) => marks.add(phased("load", k, t), 0));
  const stream: StreamScan = {
    layout: { stream: "main", rowBytes: 2, fields: [] },
    rows: 1,
    blocks: 1,
    firstDevice: segments[0]!.firstDevice,
    lastDevice: segments[segments.length - 1]!.lastDevice,
    segments,
    missingRows: 0,
    gaps: 0,
    pausedRows: 0,
    outline: outlineOf(segments, periodNs, starts, e),
    triggerEdges: [],
    levels: [],
    firstTick: FIRST_TICK,
    late: [],
    frames: [],
    slices: null,
  };
  const syncMarks = (e.syncNs ?? []).map((t, k): Mark => {
    const half = e.halfNs ?? 2000;
    const fields = { half_ns: half };
    return { ...phased("sync", k, t - (e.within?.(k) ?? 0) * half), fields };
  });
  const edges = (e.syncNs ?? []).map((t, k): Edge => ({
    line: "line0",
    stream: "main",
    index: rowAt(t),
    level: k % 2 === 0 ? 1 : 0,
  }));
  const exchanges = (e.exchanges ?? []).map(([at, there, back]): ClockExchange => {
    const stamp = tickOf(rowAt(at + there));
    return {
      stream: "main",
      sent: host(at),
      deviceReceived: stamp,
      deviceSent: stamp,
      received: host(at + there + back),
    };
  });
  const clock = { hz: ROW_HZ, uRel: e.uRel ?? 50e-6, startU: e.startU ?? 10e-3 };
  const scan: TracedScan = {
    path: "",
    sha256: "",
    stamp: "",
    session: SESSION,
    rig: rigOf({ rowHz: ROW_HZ, clock }),
    disciplines: [],
    findings: [],
    rigSha256: "",
    attachments: new Map(),
    stream,
    telemetry: [],
    marks,
    syncMarks,
    kernels: undefined,
    edges,
    wall: { first: undefined, steps: [] },
    exchanges,
    notes: [],
    damages: [],
  };
  return { scan, stream, rowAt };
}

const phased = (name: string, k: number, tNs: number): Mark => ({
  name,
  phase: k % 2 === 0 ? "begin" : "end",
  clock: "host",
  t: host(tNs),
});

/** 50 W idle, 250 W under load, straight up and down within 0.4 ms. */
function outlineOf(
  segments: readonly SegmentScan[],
  periodNs: number,
  starts: readonly Start[],
  { loadNs = [], railsLateNs = [0, 0] }: Evidence,
): Outline {
  const outline = new Outline();
  if (loadNs.length === 0) return outline;
  const edges = loadNs.map((t, k) => t + railsLateNs[k % 2]!);
  segments.forEach(({ firstDevice, lastDevice }, s) => {
    const rows = Math.floor(lastDevice - firstDevice);
    let next = 0;
    const t = Float64Array.from({ length: rows }, (_, i) => firstDevice + i);
    const p = t.map((_, i) => {
      const at = starts[s]!.fromNs + i * periodNs;
      while (next < edges.length && edges[next]! + 0.2e6 <= at) next++;
      const before = next % 2 === 0 ? 50 : 250;
      const into = next < edges.length ? (at - edges[next]! + 0.2e6) / 0.4e6 : -1;
      return into <= 0 ? before : before + into * (300 - 2 * before);
    });
    outline.add(t, p, rows);
  });
  return outline;
}
