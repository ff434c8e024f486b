// A simulated wire from an output to an input, for tests and the virtual bench: delay, a bounded event
// buffer that drops its oldest as the kernel's does, and edges lost on command. Never labelled measured.

import type { EventQueue } from "./input-line.ts";
import type { OutputLine } from "./line.ts";
import {
  EVENT_BYTES,
  GPIO_V2_LINE_EVENT_FALLING_EDGE,
  GPIO_V2_LINE_EVENT_RISING_EDGE,
} from "./uapi.ts";

export interface Wire {
  /** From the output's call to the input's stamp, ns. */
  readonly delayNs: number;
  /** Events that the input holds before it drops the oldest. */
  readonly capacity: number;
  /** What becomes of edge number n (from 0): `merged` is numbered and not delivered, `unseen` neither. */
  readonly fate?: (n: number) => "seen" | "merged" | "unseen";
}

export const SIM_OFFSET = 0;

/** @returns both ends; `input` goes into an InputLine with {@link SIM_OFFSET}. */
export function simulatedLine(
  name: string,
  wire: Wire,
  nowNs: () => bigint = () => process.hrtime.bigint(),
): { output: OutputLine; input: EventQueue } {
  let level: 0 | 1 = 0;
  let edges = 0;
  let seqno = 0;
  const waiting: Buffer[] = [];

  const edge = () => {
    const fate = wire.fate?.(edges++) ?? "seen";
    if (fate !== "unseen") seqno++;
    if (fate !== "seen") return;
    waiting.push(event(nowNs() + BigInt(wire.delayNs), level, seqno));
    if (waiting.length > wire.capacity) waiting.shift();
  };
  const set = (to: 0 | 1) => {
    if (to === level) return;
    level = to;
    edge();
  };
  return {
    output: { name, set, close: () => set(0) },
    input: {
      read(into) {
        const taken = waiting.splice(0, Math.floor(into.length / EVENT_BYTES));
        taken.forEach((bytes, i) => bytes.copy(into, i * EVENT_BYTES));
        return taken.length * EVENT_BYTES;
      },
      level: () => level,
      close: () => undefined,
    },
  };
}

function event(timestampNs: bigint, level: 0 | 1, seqno: number): Buffer {
  const b = Buffer.alloc(EVENT_BYTES);
  b.writeBigUInt64LE(timestampNs, 0);
  b.writeUInt32LE(level ? GPIO_V2_LINE_EVENT_RISING_EDGE : GPIO_V2_LINE_EVENT_FALLING_EDGE, 8);
  b.writeUInt32LE(SIM_OFFSET, 12);
  b.writeUInt32LE(seqno, 16);
  b.writeUInt32LE(seqno, 20);
  return b;
}
