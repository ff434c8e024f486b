// Marks as a run holds them by the million: columns, names once, and where in the log each mark's fields are
// written instead of the fields. In: marks in log order. Out: their times, on their own clocks and, once fit.ts
// has placed them, on the session clock. What stands in columns is some 30 bytes a mark.

import type { Mark } from "../schema/records.ts";
import type { Session } from "../schema/session.ts";
import type { SessionNs } from "../schema/time.ts";
import { valueAt } from "../stats/places.ts";

const BLOCK_BITS = 16;
const BLOCK = 1 << BLOCK_BITS;

type Numbers = Float64Array | Uint32Array | Uint8Array;

/** A column that grows by blocks: nothing is copied, and no more than a block stands empty. */
export class Column {
  length = 0;
  readonly #make: () => Numbers;
  readonly #blocks: Numbers[] = [];

  constructor(type: new (n: number) => Numbers) {
    this.#make = () => new type(BLOCK);
  }

  push(x: number): void {
    const i = this.length++;
    if ((i & (BLOCK - 1)) === 0) this.#blocks.push(this.#make());
    this.set(i, x);
  }

  at(i: number): number {
    return this.#blocks[i >> BLOCK_BITS]![i & (BLOCK - 1)]!;
  }

  set(i: number, x: number): void {
    this.#blocks[i >> BLOCK_BITS]![i & (BLOCK - 1)] = x;
  }
}

/** Text that repeats, once. */
export class Names {
  readonly list: string[] = [];
  readonly #index = new Map<string, number>();

  of(text: string): number {
    let i = this.#index.get(text);
    if (i === undefined) {
      i = this.list.push(text) - 1;
      this.#index.set(text, i);
    }
    return i;
  }

  find(text: string): number | undefined {
    return this.#index.get(text);
  }

  /** @throws RangeError where nothing has this number. */
  text(number: number): string {
    return valueAt(this.list, number);
  }
}

const PHASES = ["begin", "end", "instant"] as const;
/** How a mark came to its place on the session clock. */
const Place = { none: 0, own: 1, edge: 2 } as const;

export interface ClockMarks {
  readonly clock: string;
  /** Marks on it, and those of them without a place. */
  count: number;
  unplaced: number;
  /** Stamp that its times count from: the session's start on the host's clock, else its first mark. */
  readonly origin: bigint;
  /** Standard uncertainty of a place by the clock alone, ns. */
  uNs: number;
}

export class MarkTable {
  readonly names = new Names();
  readonly clocks: ClockMarks[] = [];
  readonly #session: Session;
  readonly #byClock = new Map<string, number>();
  readonly #name = new Column(Uint32Array);
  readonly #clock = new Column(Uint32Array);
  readonly #phase = new Column(Uint8Array);
  readonly #place = new Column(Uint8Array);
  readonly #t = new Column(Float64Array);
  readonly #fieldsAt = new Column(Float64Array);
  #span = new Column(Float64Array);
  /** First and last of the host's marks, those that are not kept included. */
  #firstNs = Infinity;
  #lastNs = -Infinity;

  constructor(session: Session) {
    this.#session = session;
  }

  get count(): number {
    return this.#t.length;
  }

  /** @param at where its message lies in the log; an instant on the host's clock bounds the session, no more. */
  add(mark: Mark, at: number): void {
    const k = this.#clockOf(mark);
    const clock = valueAt(this.clocks, k);
    clock.count++;
    const t = Number(mark.t - clock.origin);
    const isHost = mark.clock === "host";
    if (isHost) {
      if (t < this.#firstNs) this.#firstNs = t;
      if (t > this.#lastNs) this.#lastNs = t;
    }
    if (!this.holds(mark)) return;
    this.#name.push(this.names.of(mark.name));
    this.#clock.push(k);
    this.#phase.push(PHASES.indexOf(mark.phase));
    this.#place.push(isHost ? Place.own : Place.none);
    this.#t.push(t);
    this.#fieldsAt.push(mark.fields === undefined ? 0 : at);
    this.#span.push(spanKey(mark.fields?.["span"]));
  }

  /** Instants on the host's clock have their place, and make no windows: they are left where they are. */
  holds({ clock, phase }: Pick<Mark, "clock" | "phase">): boolean {
    return clock !== "host" || phase !== "instant";
  }

  #clockOf({ clock, t }: Mark): number {
    const known = this.#byClock.get(clock);
    if (known !== undefined) return known;
    const origin = clock === "host" ? this.#session.hostEpoch : t;
    this.#byClock.set(clock, this.clocks.length);
    return this.clocks.push({ clock, count: 0, unplaced: 0, origin, uNs: 0 }) - 1;
  }

  /** Time on its own clock; once it has a place, session time. */
  tNs(i: number): SessionNs {
    return this.#t.at(i);
  }

  /** Its place, ns of the session; by a hardware edge, or else as well as its clock is known. */
  put(i: number, tNs: SessionNs, byEdge: boolean): void {
    this.#t.set(i, tNs);
    this.#place.set(i, byEdge ? Place.edge : Place.own);
  }

  isPlaced(i: number): boolean {
    return this.#place.at(i) !== Place.none;
  }

  fromEdge(i: number): boolean {
    return this.#place.at(i) === Place.edge;
  }

  uNs(i: number): number {
    return this.fromEdge(i) ? 0 : valueAt(this.clocks, this.#clock.at(i)).uNs;
  }

  /** Index into `names`. */
  name(i: number): number {
    return this.#name.at(i);
  }

  phase(i: number): Mark["phase"] {
    return valueAt(PHASES, this.#phase.at(i));
  }

  clock(i: number): string {
    return valueAt(this.clocks, this.#clock.at(i)).clock;
  }

  /** Where in the log its message lies; 0 where it has no fields. */
  fieldsAt(i: number): number {
    return this.#fieldsAt.at(i);
  }

  /** The same for a begin and an end that name the same span; 0 where none is named. */
  span(i: number): number {
    return this.#span.at(i);
  }

  /** Begins and ends are paired, and nobody asks for {@link span} again: of millions of marks that is much memory. */
  forgetSpans(): void {
    this.#span = new Column(Float64Array);
  }

  /** Those of a clock, in log order. */
  *on(clock: string): Generator<number> {
    const k = this.#byClock.get(clock);
    for (let i = 0; k !== undefined && i < this.count; i++) if (this.#clock.at(i) === k) yield i;
  }

  /** First and last of those that have a place, instants included; null where none has. */
  spanNs(): readonly [SessionNs, SessionNs] | null {
    let [lo, hi] = [this.#firstNs, this.#lastNs];
    for (let i = 0; i < this.count; i++) {
      if (!this.isPlaced(i)) continue;
      const t = this.#t.at(i);
      if (t < lo) lo = t;
      if (t > hi) hi = t;
    }
    return lo <= hi ? [lo, hi] : null;
  }
}

/**
 * 52 bits of a span's name (two FNV-1a hashes): among the spans of one name that are open at a time, thousands,
 * two are taken for each other once in a billion runs. Their names themselves would take most of the memory.
 */
function spanKey(span: string | number | boolean | undefined): number {
  if (span === undefined) return 0;
  const text = `${typeof span}${String(span)}`;
  let [a, b] = [0x811c9dc5, 0x01000193];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 0x01000193);
    b = Math.imul(b ^ c, 0x85ebca6b) ^ (b >>> 13);
  }
  return 1 + (a >>> 0) * 2 ** 20 + ((b >>> 0) & 0xfffff);
}
