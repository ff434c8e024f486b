// What a slot says → the records of the capture log (docs/marks.md, "What the log holds"). Holds: nothing is handed
// on that the log would not take, that cannot have been when it was read, or that passes for a device's clock.

import type { ClockExchange, Mark } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { Kind } from "./layout.ts";
import { type DecodedSlot, type Fields, integer } from "./slot.ts";

/** Where marks end: the recorder writes them to the log. */
export interface MarkSink {
  onMark(mark: Mark): void;
  /** A reading of another clock between two readings of the host's. */
  onExchange(exchange: ClockExchange): void;
  /** So many marks are gone, and why, in words. */
  onLoss(count: number, why: string): void;
}

/** Times converted from another clock err; what is this much later than its reading is no time of this host. */
const LATER_NS = 1_000_000_000n;
/** Names of clocks in a session, of which a log has some 65,000: far more than GPUs and processes on one host. */
const MAX_CLOCKS = 16_384;

/** What rings of one session share: the time of reading, and the names of their programs' clocks. */
export class Programs {
  readonly #clocks = new Set<string>();
  #readNs = process.hrtime.bigint();

  get readNs(): bigint {
    return this.#readNs;
  }

  /** The clock is read only where it matters. */
  isLater(t: bigint): boolean {
    if (t <= this.#readNs + LATER_NS) return false;
    this.#readNs = process.hrtime.bigint();
    return t > this.#readNs + LATER_NS;
  }

  /** The log's name of a program's clock: never one that a rig can give to a device, or the host's. */
  clock(name: string): string | undefined {
    const full = name.includes(":") ? name : `program:${name}`;
    if (this.#clocks.size >= MAX_CLOCKS && !this.#clocks.has(full)) return undefined;
    this.#clocks.add(full);
    return full;
  }
}

/** Which mark of which ring of the session: together they name a span. */
export interface Place {
  readonly ring: number;
  readonly index: number;
}

/** @returns whether it was a mark: one that has no name, or says what cannot be, is none. */
export function emitSlot(s: DecodedSlot, at: Place, programs: Programs, sink: MarkSink): boolean {
  if (s.name === "") return false;
  const { fields } = s;
  if (s.truncated) fields["truncated"] = true;
  switch (s.kind) {
    case Kind.begin:
    case Kind.end:
      if (s.id !== 0n) fields["span"] = `${at.ring}.${s.id}`;
      emit(s, s.kind === Kind.begin ? "begin" : "end", programs, sink);
      return true;
    case Kind.submit:
      fields["kind"] = "submit";
      fields["correlation"] = integer(s.id);
      emit(s, "instant", programs, sink);
      return true;
    case Kind.instant:
      emit(s, "instant", programs, sink);
      return true;
    case Kind.kernel:
      fields["kind"] = "kernel";
      fields["correlation"] = integer(s.id);
      return emitBoth(s, `${at.ring}#${at.index}`, programs, sink);
    case Kind.span:
      return emitBoth(s, `${at.ring}#${at.index}`, programs, sink);
    case Kind.exchange:
      return emitExchange(s, programs, sink);
  }
}

/** The stamp of a mark that cannot be CLOCK_MONOTONIC is kept beside that of its reading, as a line's is. */
function emit(s: DecodedSlot, phase: Mark["phase"], programs: Programs, sink: MarkSink): void {
  const isRejected = programs.isLater(s.t);
  if (isRejected) s.fields["stamp_rejected"] = s.t.toString();
  const t = isRejected ? programs.readNs : s.t;
  sink.onMark({ name: s.name, phase, clock: "host", t, fields: s.fields });
}

const areTimes = (s: DecodedSlot, programs: Programs): boolean =>
  s.t <= s.aux && !programs.isLater(s.aux);

/** @param span with '#', so that it differs from the numbers which begin and end carry. */
function emitBoth(s: DecodedSlot, span: string, programs: Programs, sink: MarkSink): boolean {
  if (!areTimes(s, programs)) return false;
  const { pid, tid, kind, correlation } = s.fields;
  const fields = kind === undefined ? { pid, tid, span } : { pid, tid, span, kind, correlation };
  const both = { name: s.name, clock: "host" } as const;
  sink.onMark({ ...both, phase: "begin", t: s.t, fields: Object.assign(s.fields, { span }) });
  sink.onMark({ ...both, phase: "end", t: s.aux, fields: fields as Fields });
  return true;
}

function emitExchange(s: DecodedSlot, programs: Programs, sink: MarkSink): boolean {
  const stream = areTimes(s, programs) ? programs.clock(s.name) : undefined;
  if (stream === undefined) return false;
  sink.onExchange({
    stream,
    sent: instant<"host">(s.t),
    deviceReceived: s.id,
    deviceSent: s.id,
    received: instant<"host">(s.aux),
  });
  return true;
}
