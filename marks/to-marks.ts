// What a slot says → the records of the capture log (docs/marks.md, "What the log holds").

import type { ClockExchange, Mark } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { Kind } from "./layout.ts";
import type { DecodedSlot, Fields } from "./slot.ts";

/** Where marks end: the recorder writes them to the log. */
export interface MarkSink {
  onMark(mark: Mark): void;
  /** A reading of another clock between two readings of the host's. */
  onExchange(exchange: ClockExchange): void;
  /** So many marks are gone, and why, in words. */
  onLoss(count: number, why: string): void;
}

/** @param ring number of the ring in this session, @param index of the mark in it: together they name a span. */
export function emitSlot(s: DecodedSlot, ring: number, index: number, sink: MarkSink): void {
  const { fields } = s;
  if (s.truncated) fields["truncated"] = true;
  switch (s.kind) {
    case Kind.begin:
    case Kind.end:
      if (s.id !== 0n) fields["span"] = `${ring}.${s.id}`;
      return emit(sink, s.name, s.kind === Kind.begin ? "begin" : "end", s.t, fields);
    case Kind.instant:
      return emit(sink, s.name, "instant", s.t, fields);
    case Kind.submit:
      fields["kind"] = "submit";
      fields["correlation"] = Number(s.id);
      return emit(sink, s.name, "instant", s.t, fields);
    case Kind.span:
      return emitBoth(s, `${ring}#${index}`, sink);
    case Kind.kernel:
      fields["kind"] = "kernel";
      fields["correlation"] = Number(s.id);
      return emitBoth(s, `${ring}#${index}`, sink);
    case Kind.exchange:
      return sink.onExchange({
        stream: s.name,
        sent: instant<"host">(s.t),
        deviceReceived: s.id,
        deviceSent: s.id,
        received: instant<"host">(s.aux),
      });
  }
}

function emit(sink: MarkSink, name: string, phase: Mark["phase"], t: bigint, fields: Fields): void {
  sink.onMark({ name, phase, clock: "host", t, fields });
}

/** @param span with '#', so that it differs from the numbers which begin and end carry. */
function emitBoth(s: DecodedSlot, span: string, sink: MarkSink): void {
  const { pid, tid, kind, correlation } = s.fields;
  const fields = kind === undefined ? { pid, tid, span } : { pid, tid, span, kind, correlation };
  emit(sink, s.name, "begin", s.t, Object.assign(s.fields, { span }));
  emit(sink, s.name, "end", s.aux, fields as Fields);
}
