// A pipe between an instrument and its source: what the instrument sent goes on, or what the case does to it. In:
// bytes of the port. Out: bytes with faults, each from a place in the stream on; and a copy of what came in, with
// the host's stamps.

import type { OpenPort, PortSink, Stamp } from "../ingest/ports/port.ts";
import { type Random, random } from "../stats/random.ts";
import { instant } from "../schema/time.ts";
import { append } from "../schema/lists.ts";

export type PipeFaultKind =
  | "garbage"
  | "flip"
  | "drop"
  | "duplicate"
  | "swap"
  | "zero"
  | "hold"
  | "overlong"
  | "join"
  | "double"
  | "digit";

export interface PipeFault {
  readonly kind: PipeFaultKind;
  /** Bytes of the clean stream before it; it happens once. */
  readonly at: number;
  /** Bytes; of `hold` milliseconds; of `digit`, `join` and `double` lines, or of the latter frames of `unit` bytes. */
  readonly n: number;
  readonly unit?: number;
}

/** What came in one opening of the port since its stream began. */
export interface Opening {
  readonly reads: { readonly bytes: Uint8Array; readonly after: Stamp }[];
  streams: boolean;
}

interface Working {
  readonly kind: PipeFaultKind;
  /** Bytes of a frame, where frames have one size. */
  readonly unit: number | null;
  left: number;
  kept: number[];
  first: number[] | null;
}

const FLIP_EVERY = 401;
const LF = 0x0a;
const DIGITS: readonly [number, number] = [0x30, 0x39];

export class Pipe {
  /** What the instrument sent, as it came. */
  readonly openings: Opening[] = [];
  readonly #start: Uint8Array | null;
  readonly #waiting: PipeFault[];
  readonly #random: Random;
  #seen = 0;
  /** The fault at work, and how much of it is left. */
  #now: Working | null = null;
  #held: Uint8Array[] | null = null;
  #sink: PortSink | null = null;

  /** @param start the command that begins the stream; null: the device streams from its power-up on. */
  constructor(faults: readonly PipeFault[], start: Uint8Array | null, seed: number) {
    this.#start = start;
    this.#waiting = [...faults].sort((a, b) => a.at - b.at);
    this.#random = random(seed, "fault pipe");
  }

  through(open: OpenPort): OpenPort {
    return async (sink) => {
      this.#sink = sink;
      const opening: Opening = { reads: [], streams: this.#start === null };
      this.openings.push(opening);
      const port = await open({
        bytes: (chunk, before, after) => {
          if (opening.streams) opening.reads.push({ bytes: chunk.slice(), after });
          const out = this.#pass(chunk);
          if (this.#held) this.#held.push(out);
          else if (out.length > 0) sink.bytes(out, before, after);
        },
        closed: (error) => sink.closed(error),
      });
      return {
        ...port,
        write: (bytes) => {
          if (this.#start !== null && Buffer.compare(this.#start, bytes) === 0)
            this.#begin(opening);
          port.write(bytes);
        },
      };
    };
  }

  /** What came so far were answers. */
  #begin(opening: Opening): void {
    opening.streams = true;
    this.#seen = 0;
  }

  #pass(chunk: Uint8Array): Uint8Array {
    const out: number[] = [];
    for (const byte of chunk) {
      while (this.#now === null && this.#waiting[0] && this.#waiting[0].at <= this.#seen)
        this.#happen(this.#waiting.shift()!, out);
      this.#seen++;
      this.#byte(byte, out);
    }
    return Uint8Array.from(out);
  }

  #happen({ kind, n, unit }: PipeFault, out: number[]): void {
    if (kind === "garbage") for (let i = 0; i < n; i++) out.push(this.#random.integer(256));
    else if (kind === "overlong") for (let i = 0; i < n; i++) out.push(0x78);
    else if (kind === "hold") this.#hold(n);
    else this.#now = { kind, unit: unit ?? null, left: n, kept: [], first: unit ? [] : null };
  }

  /** What comes from now on arrives `ms` later, all at once. */
  #hold(ms: number): void {
    this.#held = [];
    setTimeout(() => {
      const held = this.#held ?? [];
      this.#held = null;
      const now = instant<"host">(process.hrtime.bigint());
      for (const bytes of held) this.#sink!.bytes(bytes, now, now);
    }, ms);
  }

  #byte(byte: number, out: number[]): void {
    const now = this.#now;
    if (!now) return void out.push(byte);
    switch (now.kind) {
      case "drop":
        now.left--;
        break;
      case "zero":
        now.left--;
        out.push(0);
        break;
      case "flip":
        // One bit in every so many bytes.
        out.push(now.kept.length === 0 ? byte ^ (1 << this.#random.integer(8)) : byte);
        now.kept.push(0);
        if (now.kept.length < FLIP_EVERY) return;
        now.kept = [];
        now.left--;
        break;
      case "duplicate":
        now.kept.push(byte);
        out.push(byte);
        if (--now.left === 0) append(out, now.kept);
        break;
      case "swap":
        this.#swap(now, byte, out);
        break;
      case "join":
        if (byte === LF) now.left--;
        else out.push(byte);
        break;
      case "double":
        this.#double(now, byte, out);
        break;
      case "digit":
        this.#digit(now, byte, out);
        break;
      case "garbage":
      case "overlong":
      case "hold":
        out.push(byte);
        now.left = 0;
    }
    if (now.left === 0) this.#now = null;
  }

  #swap(now: Working, byte: number, out: number[]): void {
    now.kept.push(byte);
    if (now.kept.length < now.left) return;
    if (now.first === null) {
      now.first = now.kept;
      now.kept = [];
      return;
    }
    append(append(out, now.kept), now.first);
    now.left = 0;
  }

  /** Whole lines or frames, each sent again. */
  #double(now: Working, byte: number, out: number[]): void {
    out.push(byte);
    now.first?.push(byte);
    if (now.unit === null ? byte !== LF : now.first!.length < now.unit) return;
    if (now.first) {
      append(out, now.first);
      now.left--;
    }
    now.first = [];
  }

  /** The first digit of the next line is another. */
  #digit(now: Working, byte: number, out: number[]): void {
    const first = now.kept[0] === LF && byte >= DIGITS[0] && byte <= DIGITS[1];
    now.kept[0] = byte;
    out.push(first ? DIGITS[0] + ((byte - DIGITS[0] + 5) % 10) : byte);
    if (first) now.left--;
  }
}
