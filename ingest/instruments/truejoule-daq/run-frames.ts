// Frames as they came → those of the run that is recorded, each with what its number says of it (docs/wire.md,
// Sequence). Holds: a run ends by another's number, or where neither numbers nor rows go on; of one frame only the
// first copy is used; a late frame waits for the next number, for it may be the first of a device that restarted.

import { type Frame, RecordType } from "../../../schema/wire/frame.ts";
import {
  decodeEdges,
  decodeReadings,
  decodeSamples,
  decodeStatus,
  runOf,
  type Samples,
} from "../../../schema/wire/frame-records.ts";
import type { Reply } from "../../../schema/wire/frame-replies.ts";
import type { Stamp } from "../../../schema/wire/frame-splitter.ts";
import { type Arrival, follows, type GapTracker } from "./gap-tracker.ts";
import { type Arrived, HeldFrames } from "./held-frames.ts";
import type { RunClock } from "./run-clock.ts";

/**
 * Where the first row heard of a run lies: counted from the run's `zero`; `joined` somewhere, by whoever listens; or
 * nobody knows, since the device went `astray`: nor do the first numbers of its edges and readings say.
 */
export type RunStart = "zero" | "joined" | "astray";

export interface RunRecords {
  record(a: Arrived): void;
  begin(start: RunStart): void;
  /** No more rows come of the present numbers: what waits for some waits in vain. */
  end(): void;
}

export class RunFrames {
  readonly #gaps: GapTracker;
  readonly #clock: RunClock;
  readonly #records: RunRecords;
  /** Run being decoded, modulo 16; null: any run will do; `off`: none, until expectRun. */
  #run: number | null | "off" = null;
  /** The run before it. */
  #past: number | null = null;
  /** Frames are numbered again; the next rows say whether the run is another too, and how it begins. */
  #doubt: RunStart | null = null;
  readonly #late = new HeldFrames();

  constructor(gaps: GapTracker, clock: RunClock, records: RunRecords) {
    this.#gaps = gaps;
    this.#clock = clock;
    this.#records = records;
  }

  get awaits(): boolean {
    return this.#run !== "off";
  }

  /** Records tell their run modulo 16. */
  isIn(run: number): boolean {
    return this.#run === (run & 15);
  }

  expectNone(): void {
    this.#leave();
    this.#run = "off";
  }

  expectRun(run: number): void {
    this.#leave();
    this.#gaps.renumber();
    this.#enter(run & 15, "zero");
  }

  /** Nothing more comes. */
  cut(): void {
    this.#takeLate();
    this.#records.end();
  }

  /** A stream record. */
  frame(f: Frame, before: Stamp, after: Stamp): void {
    if (this.#run === "off" || (f.type <= RecordType.status && !this.#inRun(f, after))) return;
    this.#arrived({ frame: f, arrival: this.#arrival(f, after), before, after });
  }

  /** Its number counts; one that lies back only where it tells the present run: a device that was reset numbers anew. */
  reply({ sequence, crc }: Frame, reply: Reply | undefined, after: Stamp): void {
    if (this.#run === "off") return;
    const most = this.#clock.framesFor(after);
    const isOfRun = (): boolean =>
      reply?.running === true && (this.#run === null || this.isIn(reply.run));
    const arrival = this.#gaps.frame(sequence, crc, most, isOfRun);
    if (arrival === "late") this.#gaps.late(sequence);
    if (arrival === "new") this.#takeLate();
  }

  /** Rows about to be used. The first since frames are numbered again go on from the last, or begin another run. */
  rows(s: Samples, after: Stamp): void {
    const start = this.#doubt;
    if (start === null) return;
    this.#doubt = null;
    if (!this.#clock.continues(s, after)) return this.#records.begin(start);
    this.#clock.resume();
    this.#gaps.counts.numberFaults++;
  }

  /** Whether a record's run counts; one that nobody announced is a restart of the device, unless it is past. */
  #inRun(f: Frame, after: Stamp): boolean {
    const run = runOf(f.flags);
    if (this.#run === run) return true;
    const isFirst = this.#run === null;
    if (!isFirst && this.#gaps.isPast(f.sequence, f.crc, run === this.#past)) return false;
    this.#leave();
    this.#gaps.cross(f.sequence, this.#clock.framesFor(after));
    this.#enter(run, isFirst ? "joined" : "zero");
    return true;
  }

  #enter(run: number, start: RunStart): void {
    this.#run = run;
    this.#doubt = null;
    this.#clock.begin();
    this.#records.begin(start);
  }

  #leave(): void {
    this.cut();
    if (typeof this.#run === "number") this.#past = this.#run;
  }

  #arrival(f: Frame, after: Stamp): Arrival {
    const { sequence, crc } = f;
    const most = this.#clock.framesFor(after);
    const arrival = this.#gaps.frame(sequence, crc, most, () => this.#canBeLate(f, after));
    const isStale = this.#gaps.stale;
    if (typeof this.#run !== "number" || (arrival !== "broken" && !isStale)) return arrival;
    // After echoes that are none the index may be of an old run or a new one: the host's clock says what is missing.
    this.#renumber(sequence, isStale ? "astray" : "zero");
    return this.#gaps.frame(sequence, crc);
  }

  /** No frame of the present run can have this number; late ones that came last, just ahead of it, were the first with the new. */
  #renumber(sequence: number, start: RunStart): void {
    const late = this.#late.take();
    const from = late.findLastIndex((a) => !follows(sequence, a.frame.sequence)) + 1;
    const first = late.slice(from);
    for (const a of late.slice(0, from)) this.#useLate(a);
    this.#gaps.renumber(first.map((a) => a.frame));
    this.#records.end();
    if (this.#clock.isPlaced || this.#doubt) this.#doubt = start;
    else this.#records.begin(start);
    this.#clock.begin();
    for (const a of first) {
      const { sequence, crc } = a.frame;
      this.#arrived({ ...a, arrival: this.#gaps.frame(sequence, crc) });
    }
  }

  #arrived(a: Arrived): void {
    if (a.arrival === "late") return this.#useLate(this.#late.hold(a));
    if (a.arrival === "new") this.#takeLate();
    this.#records.record(a);
  }

  /** The numbers went on. */
  #takeLate(): void {
    for (const a of this.#late.take()) this.#useLate(a);
  }

  #useLate(a: Arrived | undefined): void {
    if (a === undefined) return;
    this.#gaps.late(a.frame.sequence);
    this.#records.record(a);
  }

  /** Rows that were missed are not there yet, and lie on the line of those beside them; all else lies near them. */
  #canBeLate(f: Frame, after: Stamp): boolean {
    if (f.type === RecordType.samples) {
      const s = decodeSamples(f);
      return s === undefined || this.#isMissed(s, after);
    }
    const tick = firstTick(f);
    return tick === undefined || !this.#clock.isPlaced || this.#clock.canEnd(tick, after);
  }

  #isMissed(s: Samples, after: Stamp): boolean {
    if (this.#clock.roomFor(s, after) < 0) return false;
    return !this.#clock.isPlaced || this.#gaps.isMissing(s.index, s.rows);
  }
}

/** Of an edge, a reading or a status. */
function firstTick(f: Frame): bigint | undefined {
  if (f.type === RecordType.edges) return decodeEdges(f)?.[0]!.tick;
  if (f.type === RecordType.readings) return decodeReadings(f)?.[0]!.endTick;
  return f.type === RecordType.status ? decodeStatus(f)?.tick : undefined;
}
