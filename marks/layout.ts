// The ring's layout in numbers, as docs/marks.md has it; twins: c/truejoule.h, python/truejoule/_ring.py.
// Offsets in bytes unless the name says words (32-bit).

export const MAGIC = "TJMARKS\0";
export const VERSION = 1;
export const HEADER_BYTES = 4096;
export const SLOT_BYTES = 256;
export const SLOT_WORDS = SLOT_BYTES / 4;
export const MIN_CAPACITY = 8;
export const MAX_CAPACITY = 1 << 20;

export const Header = {
  version: 8,
  slotBytes: 12,
  capacity: 16,
  namesBytes: 20,
  head: 64,
  /** In head's cache line, so that a writer's look at it costs nothing. */
  closed: 72,
  opened: 76,
  namesHead: 128,
  tail: 192,
} as const;

export const Slot = {
  t: 8,
  aux: 16,
  id: 24,
  pid: 32,
  tid: 36,
  kind: 40,
  flags: 41,
  nameBytes: 42,
  fieldCount: 43,
  fieldBytes: 44,
  payload: 48,
} as const;

export const PAYLOAD_BYTES = SLOT_BYTES - Slot.payload;
export const MAX_NAME_BYTES = 96;
export const MAX_STRING_BYTES = 255;

export const Kind = {
  begin: 1,
  end: 2,
  instant: 3,
  span: 4,
  submit: 5,
  kernel: 6,
  exchange: 7,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export const Flag = { truncated: 1, nameReference: 2 } as const;
export const FieldType = { int: 1, float: 2, boolean: 3, string: 4 } as const;

// `seq` is compared by its low 32 bits: two laps of one slot are at most 2^21 apart, far from 2^31.
/** `seq` while mark `index` is being written, low word. */
export const busySeq = (index: number): number => (2 * index + 1) | 0;
/** `seq` once mark `index` is complete, low word. */
export const completeSeq = (index: number): number => (2 * index + 2) | 0;
