// A virtual capture → the same as a recorder would have left it had the device begun anew now and then: rows are
// missing while it is away, and those after are counted on by the host's clock, as ingest does it.

import { readCapture } from "../../capture/log-reader.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { createRun } from "../../capture/new-run.ts";
import { runPaths } from "../../capture/run.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import type { Truth } from "../../virtual/bench/truth.ts";
import { random, type Random } from "../../stats/random.ts";
import {
  type ClockExchange,
  BlockFlag,
  type Mark,
  type SampleBlock,
} from "../../schema/records.ts";
import { type Instant, later } from "../../schema/time.ts";
import { endsOf } from "../../stats/places.ts";

/** What is left in the log to tell the clock by. */
export const EVIDENCE = ["edges", "exchanges", "load", "arrival"] as const;
export type EvidenceKind = (typeof EVIDENCE)[number];

export interface RestartedSegment {
  /** First and last row as the log counts them. */
  readonly from: number;
  readonly to: number;
  /** Of the device's own rows: log index + shift. */
  readonly shift: number;
}

export interface Restarted {
  readonly truth: Truth;
  readonly segments: readonly RestartedSegment[];
  /** True session time of a row of a segment. */
  trueNs(s: RestartedSegment, row: number): number;
}

const TICKS_A_ROW = 10;
const PING_NS = 500e6;

/** Writes `dir`/whole and, with its restarts, `dir`/run. */
export async function writeRestarted(
  dir: string,
  seed: number,
  durationS: number,
  evidence: EvidenceKind,
): Promise<Restarted> {
  const truth = await writeVirtualCapture(`${dir}/whole`, { seed, durationS });
  const r = random(seed, "restarts");
  const recount = new Recount(pausesOf(r, durationS), truth, r.integer(2 ** 31));
  let written: { readonly log: LogWriter; readonly epoch: Instant<"host"> } | undefined;
  for (const x of readCapture(runPaths(`${dir}/whole`).capture)) {
    if (x.kind === "session")
      written = {
        log: new LogWriter(createRun(`${dir}/run`).capture, x.session),
        epoch: x.session.hostEpoch,
      };
    if (!written) continue;
    const { log } = written;
    if (x.kind === "attachment" && x.name !== "session.json")
      log.attach(x.name, x.mediaType, x.data);
    else if (x.kind === "layout") log.declareRows(x.layout);
    else if (x.kind === "channel") log.declareTelemetry(x.channel);
    else if (x.kind === "read") log.read(x.read);
    else if (x.kind === "pair") log.clockPair(x.pair);
    else if (x.kind === "mark" && isKept(x.mark, evidence)) log.mark(x.mark);
    else if (x.kind === "rows") {
      const block = recount.block(x.block);
      if (block) log.rows(block);
    }
  }
  if (!written) throw new Error(`${dir}/whole names no session`);
  const { log, epoch } = written;
  if (evidence === "exchanges")
    for (const e of exchanges(recount, truth, epoch, r)) log.exchange(e);
  log.close();
  return {
    truth,
    segments: recount.segments,
    trueNs: (s, row) => truth.bench.clock.rowNs(row + s.shift),
  };
}

const isKept = ({ name }: Mark, evidence: EvidenceKind): boolean =>
  evidence === "edges" || (name !== "sync" && (name !== "load" || evidence !== "arrival"));

/** One to three, from 2 ms to 0.6 s long, anywhere: what is left between them may be of any length. */
function pausesOf(r: Random, durationS: number): (readonly [number, number])[] {
  return Array.from({ length: 1 + r.integer(3) }, () => {
    const from = durationS * 1e9 * (0.1 + 0.8 * r.uniform());
    return [from, from + 2e6 * 300 ** r.uniform()] as const;
  });
}

/** Rows of the device → rows of the log. */
class Recount {
  readonly segments: { from: number; to: number; shift: number }[] = [];
  readonly #pauses: readonly (readonly [number, number])[];
  readonly #truth: Truth;
  readonly #tick0: number;
  #away = false;
  #next = 0;
  #after: bigint | null = null;

  constructor(pauses: readonly (readonly [number, number])[], truth: Truth, tick0: number) {
    this.#pauses = pauses;
    this.#truth = truth;
    this.#tick0 = tick0;
  }

  tick(row: number): bigint {
    return BigInt(this.#tick0 + Math.floor(row * TICKS_A_ROW));
  }

  block(b: SampleBlock): SampleBlock | undefined {
    const { clock } = this.#truth.bench;
    const [t0, t1] = [clock.rowNs(b.firstIndex), clock.rowNs(b.firstIndex + b.rows - 1)];
    if (this.#pauses.some(([from, to]) => from < t1 && to > t0)) {
      this.#away ||= this.segments.length > 0;
      return undefined;
    }
    const again = this.#away || this.segments.length === 0;
    if (again) this.#begin(b);
    const [, segment] = endsOf(this.segments);
    const firstIndex = b.firstIndex - segment.shift;
    segment.to = firstIndex + b.rows - 1;
    this.#next = segment.to + 1;
    this.#after = b.hostAfter;
    const flags = this.#away ? BlockFlag.gapBefore | BlockFlag.restart : b.flags;
    this.#away = false;
    return { ...b, firstIndex, flags, deviceTick: this.tick(firstIndex) };
  }

  /** As ingest/instruments/truejoule-daq/frame-decoder.ts: the pause ends with the read that brought the block. */
  #begin(b: SampleBlock): void {
    const pauseNs = this.#after === null ? 0 : Number(b.hostBefore! - this.#after);
    const { rowHz } = this.#truth.bench.rig.device;
    const missing = Math.max(0, Math.round((Math.max(0, pauseNs) * rowHz) / 1e9) - b.rows);
    const from = this.#next + (this.#after === null ? b.firstIndex : missing);
    this.segments.push({ from, to: from, shift: b.firstIndex - from });
  }
}

/** Every half second the device stamps a ping, if it is there and has sent rows; both ways take what USB takes. */
function* exchanges(
  recount: Recount,
  { bench }: Truth,
  epoch: Instant<"host">,
  r: Random,
): Generator<ClockExchange> {
  const { clock } = bench;
  for (const s of recount.segments) {
    const [fromNs, toNs] = [clock.rowNs(s.from + s.shift), clock.rowNs(s.to + s.shift)];
    const way = (): number => 60e3 + r.exponential(150e3);
    for (let t = fromNs + 60e6 + PING_NS * r.uniform(); t < toNs; t += PING_NS) {
      const after = clock.rowAt(t);
      const [t0, t1] = [clock.rowNs(after - 1), clock.rowNs(after)];
      const tick = recount.tick(after - 1 - s.shift + (t - t0) / (t1 - t0));
      yield {
        stream: bench.layout.stream,
        sent: later(epoch, t - way()),
        deviceReceived: tick,
        deviceSent: tick,
        received: later(epoch, t + way()),
      };
    }
  }
}
