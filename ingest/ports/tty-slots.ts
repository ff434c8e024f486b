// The memory that reader thread and main thread share: slots of bytes with the stamps of the reads that
// filled them. Fixed in size: when the main thread falls behind, the reader stops reading, the device
// sees a stall and counts what it drops. Nothing is lost in between without a count.

/** Bytes in a slot; a read takes at most 4,095 from a Linux terminal. */
export const SLOT_BYTES = 1 << 16;
/** Reads in a slot: at one a millisecond, a quarter of a second. */
export const SLOT_READS = 256;
/** 8 MiB in all: a disk that blocks the main thread for eleven seconds costs 4 × 125 kS/s nothing. */
export const SLOTS = 128;

export const Flag = { stop: 0, used: 1 } as const;

export interface Slot {
  readonly bytes: Uint8Array;
  /** Triples: end offset of the read in `bytes`, host clock before it, after it. */
  readonly reads: BigInt64Array;
}

export interface TtySlots {
  /** `stop`: the reader is to end. `used`: slots handed over and not yet given back. */
  readonly flags: Int32Array;
  readonly slots: readonly Slot[];
}

const FLAG_BYTES = 64;
const META_BYTES = SLOT_READS * 24;

export function slotMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(FLAG_BYTES + SLOTS * (META_BYTES + SLOT_BYTES));
}

export function viewSlots(memory: SharedArrayBuffer): TtySlots {
  const slots = Array.from({ length: SLOTS }, (_, i): Slot => {
    const at = FLAG_BYTES + i * (META_BYTES + SLOT_BYTES);
    return {
      reads: new BigInt64Array(memory, at, SLOT_READS * 3),
      bytes: new Uint8Array(memory, at + META_BYTES, SLOT_BYTES),
    };
  });
  return { flags: new Int32Array(memory, 0, 2), slots };
}

export interface ReaderOptions {
  readonly memory: SharedArrayBuffer;
  readonly fd: number;
  /** Bytes wait for company this long at most. */
  readonly batchMs: number;
  /** SCHED_FIFO priority to ask for; 0 asks for nothing. */
  readonly fifoPriority: number;
}

/** What the reader says; a number is a slot handed over with that many reads in it. */
export type ReaderMessage =
  | { readonly kind: "ready"; readonly scheduling: string }
  | { readonly kind: "slot"; readonly slot: number; readonly reads: number }
  | { readonly kind: "ended"; readonly reason: string | null };
