// What a slot or a line says → the records of the capture log (docs/marks.md, "What the log holds").

import type { ClockExchange, Mark } from "../schema/records.ts";
import { instant } from "../schema/time.ts";
import { Kind } from "./layout.ts";
import type { FieldValue, Fields, SlotMark } from "./slot.ts";

/** Where marks end: the recorder writes them to the log. */
export interface MarkSink {
  onMark(mark: Mark): void;
  /** A reading of another clock between two readings of the host's. */
  onExchange(exchange: ClockExchange): void;
  /** So many marks are gone, and why, in words. */
  onLoss(count: number, why: string): void;
}

/** Field names that only the reader sets. */
const OURS = [
  "pid",
  "tid",
  "span",
  "kind",
  "correlation",
  "truncated",
  "stamp_interval_ns",
  "stamp_rejected",
];

/** The program's fields beside ours; one of its own by such a name is kept as `user.NAME`. */
export function withOurs(ours: Record<string, FieldValue>, theirs: Fields): Fields {
  for (const [key, value] of Object.entries(theirs))
    ours[OURS.includes(key) || key === "__proto__" ? `user.${key}` : key] = value;
  return ours;
}

/** @param ring number of the ring in this session, @param index of the mark in it: together they name a span. */
export function emitSlot(s: SlotMark, ring: number, index: number, sink: MarkSink): void {
  const ours: Record<string, FieldValue> = { pid: s.pid, tid: s.tid };
  if (s.truncated) ours["truncated"] = true;
  const emit = (phase: Mark["phase"], t: bigint, fields: Fields) =>
    sink.onMark({ name: s.name, phase, clock: "host", t, fields });
  const emitBoth = () => {
    ours["span"] = `${ring}#${index}`; // '#' keeps these apart from the numbers that begin and end carry
    emit("begin", s.t, withOurs({ ...ours }, s.fields));
    emit("end", s.aux, ours);
  };
  switch (s.kind) {
    case Kind.begin:
    case Kind.end:
      if (s.id !== 0n) ours["span"] = `${ring}.${s.id}`;
      return emit(s.kind === Kind.begin ? "begin" : "end", s.t, withOurs(ours, s.fields));
    case Kind.instant:
      return emit("instant", s.t, withOurs(ours, s.fields));
    case Kind.span:
      return emitBoth();
    case Kind.submit:
      ours["kind"] = "submit";
      ours["correlation"] = Number(s.id);
      return emit("instant", s.t, withOurs(ours, s.fields));
    case Kind.kernel:
      ours["kind"] = "kernel";
      ours["correlation"] = Number(s.id);
      return emitBoth();
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
