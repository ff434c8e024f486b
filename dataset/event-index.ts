// Windows → which one an instant lies in: the innermost, so that a span inside a load wins over it. `session`
// and the summary window `load` are no events of their own rows. Holds the windows that are open, no others.

import { byBegin } from "../energy/windows.ts";
import type { SessionNs } from "../schema/time.ts";

/** What energy/windows.ts lists: rows of events.arrow, by their begin except for the last few kinds. */
export interface Intervals {
  readonly count: number;
  t0Ns(i: number): SessionNs;
  t1Ns(i: number): SessionNs;
  /** It holds others, and is no event. */
  isSum(i: number): boolean;
}

export class EventIndex {
  readonly #windows: Intervals;
  readonly #order: Uint32Array;
  /** Of `order`: how many have begun. */
  #begun = 0;
  /** Begun and perhaps not ended: a heap, the shortest first; of equals the one that began first. */
  readonly #open: number[] = [];

  constructor(windows: Intervals) {
    this.#windows = windows;
    const rows = new Uint32Array(windows.count);
    let n = 0;
    for (let i = 0; i < windows.count; i++) if (!windows.isSum(i)) rows[n++] = i;
    this.#order = byBegin(rows.subarray(0, n), windows);
  }

  /** The event at an instant, −1 outside any, and until when it surely holds. Instants must not go back. */
  at(tNs: SessionNs): { event: number; untilNs: SessionNs } {
    const w = this.#windows;
    for (; this.#beginNs() <= tNs; this.#begun++) this.#push(this.#order[this.#begun]!);
    while (this.#open.length > 0 && w.t1Ns(this.#open[0]!) <= tNs) this.#pop();
    const event = this.#open[0] ?? -1;
    return { event, untilNs: Math.min(this.#beginNs(), event < 0 ? Infinity : w.t1Ns(event)) };
  }

  #beginNs(): SessionNs {
    return this.#begun < this.#order.length
      ? this.#windows.t0Ns(this.#order[this.#begun]!)
      : Infinity;
  }

  #inside(a: number, b: number): boolean {
    const w = this.#windows;
    const [la, lb] = [w.t1Ns(a) - w.t0Ns(a), w.t1Ns(b) - w.t0Ns(b)];
    return la < lb || (la === lb && (w.t0Ns(a) - w.t0Ns(b) || a - b) < 0);
  }

  #push(row: number): void {
    const heap = this.#open;
    let i = heap.push(row) - 1;
    for (let up = (i - 1) >> 1; i > 0 && this.#inside(row, heap[up]!); up = (i - 1) >> 1) {
      heap[i] = heap[up]!;
      i = up;
    }
    heap[i] = row;
  }

  #pop(): void {
    const heap = this.#open;
    const row = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#inside(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#inside(heap[child]!, row)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = row;
  }
}
