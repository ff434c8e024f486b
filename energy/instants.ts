// Which instants the pass over the samples must stop at, in order, and where its integrals go there. A list
// keeps a row for each; a watch keeps rows only for the spans that are open, so that millions of windows cost
// memory by how many lie over one another, not by how many there are.

import type { SessionNs } from "../schema/time.ts";
import { Snapshots } from "./snapshots.ts";
import { valueAt } from "../stats/places.ts";

export interface Instants {
  /** The next one; Infinity after the last. */
  readonly next: SessionNs;
  /** Its integrals; it is over then. The row is reused. */
  take(row: Float64Array): void;
}

/** Sorted, without repeats: what {@link ListedInstants} wants. */
export function instantsOf(list: Iterable<SessionNs>): Float64Array {
  const sorted = Float64Array.from(list).sort();
  return sorted.filter((at, i) => i === 0 || at !== sorted[i - 1]);
}

/** All of a list are kept. */
export class ListedInstants implements Instants {
  readonly snapshots: Snapshots;
  readonly #instants: Float64Array;
  readonly #rows: Float64Array;
  #taken = 0;

  /** @param instants from {@link instantsOf}. */
  constructor(instants: Float64Array, width: number) {
    this.#instants = instants;
    this.#rows = new Float64Array(instants.length * width);
    this.snapshots = new Snapshots(instants, width, this.#rows);
  }

  get next(): SessionNs {
    return this.#instants[this.#taken] ?? Infinity;
  }

  take(row: Float64Array): void {
    this.#rows.set(row, this.#taken++ * row.length);
  }
}

/** Spans whose integrals are wanted, in the order of `from`. */
export interface Spans {
  readonly count: number;
  /** No instant of span i comes before this; it never falls from one span to the next. */
  from(i: number): SessionNs;
  /** All that are wanted of it, in any order. */
  instants(i: number): readonly SessionNs[];
  /** They are there: read them before returning. */
  done(i: number, s: Snapshots): void;
}

/** A span that is open: its instants, ascending, and its integrals at those that are over. Used again and again. */
class Open {
  span = -1;
  taken = 0;
  count = 0;
  snapshots: Snapshots;
  readonly #width: number;
  /** Infinity beyond `count`. */
  #instants: Float64Array;
  #rows: Float64Array;

  constructor(width: number, room: number) {
    this.#width = width;
    this.#instants = new Float64Array(room);
    this.#rows = new Float64Array(room * width);
    this.snapshots = new Snapshots(this.#instants, width, this.#rows);
  }

  begin(span: number, wanted: readonly SessionNs[]): void {
    if (wanted.length > this.#instants.length) {
      this.#instants = new Float64Array(wanted.length);
      this.#rows = new Float64Array(wanted.length * this.#width);
    }
    this.span = span;
    this.taken = this.count = 0;
    for (const at of wanted) this.#insert(at);
    this.#instants.fill(Infinity, this.count);
    this.snapshots = new Snapshots(this.#instants, this.#width, this.#rows);
  }

  get next(): SessionNs {
    return this.#instants[this.taken] ?? Infinity;
  }

  take(row: Float64Array): void {
    this.#rows.set(row, this.taken++ * this.#width);
  }

  /** Few are wanted of a span: each goes to its place among those before it, once. */
  #insert(at: SessionNs): void {
    const list = this.#instants;
    let i = this.count;
    while ((list[i - 1] ?? -Infinity) > at) i--;
    if (i > 0 && list[i - 1] === at) return;
    list.copyWithin(i + 1, i, this.count++);
    list[i] = at;
  }
}

/** What a window's ends and their shifts come to. */
const USUAL_INSTANTS = 10;

export class WatchedSpans implements Instants {
  readonly #spans: Spans;
  readonly #width: number;
  /** A heap: the span whose next instant is the earliest stands first. */
  readonly #open: Open[] = [];
  readonly #closed: Open[] = [];
  #begun = 0;

  constructor(spans: Spans, width: number) {
    this.#spans = spans;
    this.#width = width;
  }

  get next(): SessionNs {
    const spans = this.#spans;
    while (this.#begun < spans.count && spans.from(this.#begun) <= this.#earliest())
      this.#begin(this.#begun++);
    return this.#earliest();
  }

  take(row: Float64Array): void {
    const first = valueAt(this.#open, 0);
    first.take(row);
    if (first.taken === first.count) {
      this.#spans.done(first.span, first.snapshots);
      this.#closed.push(first);
      const last = this.#open.pop();
      if (!last || this.#open.length === 0) return;
      if (last !== first) this.#open[0] = last;
    }
    this.#sink();
  }

  #earliest(): SessionNs {
    return this.#open[0]?.next ?? Infinity;
  }

  #begin(span: number): void {
    const open = this.#closed.pop() ?? new Open(this.#width, USUAL_INSTANTS);
    open.begin(span, this.#spans.instants(span));
    const heap = this.#open;
    heap.push(open);
    const { next } = open;
    let i = heap.length - 1;
    while (i > 0) {
      const above = (i - 1) >> 1;
      const parent = valueAt(heap, above);
      if (parent.next <= next) break;
      heap[i] = parent;
      i = above;
    }
    heap[i] = open;
  }

  /** The first has a new next instant: down to its place. */
  #sink(): void {
    const heap = this.#open;
    const sinking = valueAt(heap, 0);
    const { next } = sinking;
    let i = 0;
    for (;;) {
      const [left, right] = [heap[2 * i + 1], heap[2 * i + 2]];
      const child = left && right && right.next < left.next ? right : left;
      if (!child || child.next >= next) break;
      heap[i] = child;
      i = 2 * i + (child === left ? 1 : 2);
    }
    heap[i] = sinking;
  }
}

/** Several as one. */
export class AllInstants implements Instants {
  readonly #all: readonly Instants[];

  constructor(all: readonly Instants[]) {
    this.#all = all;
  }

  get next(): SessionNs {
    let least = Infinity;
    for (const i of this.#all) if (i.next < least) least = i.next;
    return least;
  }

  take(row: Float64Array): void {
    const at = this.next;
    for (const i of this.#all) if (i.next === at) return i.take(row);
  }
}
