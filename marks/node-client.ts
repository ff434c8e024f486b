// Marks from a Node program: `import { mark, span } from "truejoule/marks"`. Does nothing unless
// TRUEJOULE_MARKS names a session's folder. In: calls. Out: slots in the shared ring.

import { join } from "node:path";
import { types } from "node:util";
import { libc } from "../host/libc.ts";
import { visible } from "../schema/visible.ts";
import { HEADER_BYTES, Header, Kind, SLOT_WORDS, Slot } from "./layout.ts";
import { ENVIRONMENT_VARIABLE, SHARED_RING } from "./names.ts";
import { type MappedRing, mapRing } from "./ring-map.ts";
import { type Fields, type SlotBuffer, encodeSlot, slotBuffer } from "./slot.ts";

interface Writer {
  readonly ring: MappedRing;
  /** Thread id of this thread; workers load this module again and get their own. */
  readonly tid: number;
  readonly slot: SlotBuffer;
}

let writer: Writer | null | undefined;

function attach(): Writer | null {
  const folder = process.env[ENVIRONMENT_VARIABLE];
  if (!folder) return null;
  try {
    const ring = mapRing(join(folder, SHARED_RING));
    return { ring, tid: libc().gettid(), slot: slotBuffer() };
  } catch (error) {
    // The program being measured goes on; its owner learns why there are no marks.
    process.stderr.write(`truejoule: no marks: ${visible((error as Error).message)}\n`);
    return null;
  }
}

const NONE: Fields = {};

/** @param id null: the mark's own number. @returns the span's id, 0n when not recording. */
function emit(kind: Kind, name: string, fields: Fields, id: bigint | null): bigint {
  if (writer === null) return 0n;
  const t = process.hrtime.bigint(); // before attaching, which takes milliseconds
  writer ??= attach();
  if (writer === null) return 0n;
  const { ring, tid, slot } = writer;
  if (Atomics.load(ring.words, Header.closed / 4) !== 0) {
    writer = null; // the recording is over; the program goes on
    return 0n;
  }
  const bytes = encodeSlot(
    { kind, name, t, aux: 0n, id: id ?? 0n, pid: process.pid, tid, fields },
    slot,
  );
  const index = Number(Atomics.add(ring.longs, Header.head / 8, 1n));
  const own = id ?? BigInt(index + 1);
  slot.longs[Slot.id / 8] = own;
  write(ring, index, slot.bytes, bytes);
  return own;
}

/** Steps 3 and 4 of the writer's protocol, docs/marks.md. */
function write(ring: MappedRing, index: number, slot: Buffer, bytes: number): void {
  const slotIndex = index & (ring.capacity - 1);
  const word = HEADER_BYTES / 4 + slotIndex * SLOT_WORDS;
  const long = word / 2;
  const seq = Atomics.load(ring.longs, long);
  const busy = 2n * BigInt(index) + 1n;
  if (seq & 1n || seq > busy) return;
  if (Atomics.compareExchange(ring.longs, long, seq, busy) !== seq) return;
  // Reading one's own claim back keeps the plain stores below behind it on weakly ordered machines.
  Atomics.load(ring.longs, long);
  slot.copy(ring.bytes, word * 4 + Slot.t, Slot.t, bytes);
  Atomics.store(ring.longs, long, busy + 1n);
}

/** An instant. */
export function mark(name: string, fields: Fields = NONE): void {
  emit(Kind.instant, name, fields, 0n);
}

/** Opens a span. @returns what {@link end} wants. */
export function begin(name: string, fields: Fields = NONE): bigint {
  return emit(Kind.begin, name, fields, null);
}

/** Closes the span that {@link begin} opened. */
export function end(name: string, span: bigint, fields: Fields = NONE): void {
  // An untyped program may pass anything: then it is the end of no span.
  emit(Kind.end, name, fields, typeof span === "bigint" ? span : 0n);
}

/** Runs `work` inside a span; an error is noted on its end and thrown on. Awaits a promise. */
export function span<T>(name: string, fields: Fields, work: () => T): T {
  const id = begin(name, fields);
  const failed = (error: unknown): never => {
    end(name, id, { error: error instanceof Error ? error.name : typeof error });
    throw error;
  };
  let result: T;
  try {
    result = work();
  } catch (error) {
    return failed(error);
  }
  // Not instanceof: a promise of another realm (vm, a test runner) is one too.
  if (!types.isPromise(result)) {
    end(name, id);
    return result;
  }
  return result.then((value: unknown) => (end(name, id), value), failed) as T;
}

/** Whether marks are being recorded. */
export function recording(): boolean {
  if (writer === undefined) writer = attach();
  if (writer && Atomics.load(writer.ring.words, Header.closed / 4) !== 0) writer = null;
  return writer !== null;
}
