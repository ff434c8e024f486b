// Windows → which one an instant lies in: the innermost, so that a span inside a load wins over it.
// `session` and the summary window `load` are no events of their own rows.

import type { Window } from "../energy/windows.ts";

interface Stretch {
  readonly fromNs: number;
  /** Row in events.arrow, −1 outside any. */
  readonly event: number;
}

export class EventIndex {
  readonly #stretches: readonly Stretch[];
  #cursor = 0;

  constructor(windows: readonly Window[]) {
    this.#stretches = flatten(windows);
  }

  /** The event at an instant, and until when it holds. Instants must not go back by more than a stretch. */
  at(tNs: number): { event: number; untilNs: number } {
    const s = this.#stretches;
    while (this.#cursor > 0 && s[this.#cursor]!.fromNs > tNs) this.#cursor--;
    while (this.#cursor + 1 < s.length && s[this.#cursor + 1]!.fromNs <= tNs) this.#cursor++;
    return { event: s[this.#cursor]!.event, untilNs: s[this.#cursor + 1]?.fromNs ?? Infinity };
  }
}

/** Nested intervals → stretches with one event each; ends in time order, O(n log n). */
function flatten(windows: readonly Window[]): Stretch[] {
  const edges: { t: number; begin: boolean; event: number; length: number }[] = [];
  windows.forEach((w, event) => {
    if (w.kind === "session" || w.name === "load") return;
    const length = w.t1Ns - w.t0Ns;
    edges.push(
      { t: w.t0Ns, begin: true, event, length },
      { t: w.t1Ns, begin: false, event, length },
    );
  });
  edges.sort((a, b) => a.t - b.t || Number(a.begin) - Number(b.begin));
  const open: { event: number; length: number }[] = [];
  const out: Stretch[] = [{ fromNs: -Infinity, event: -1 }];
  for (const e of edges) {
    if (e.begin) open.push(e);
    else
      open.splice(
        open.findIndex((o) => o.event === e.event),
        1,
      );
    const inner = open.reduce((best, o) => (o.length < best.length ? o : best), {
      event: -1,
      length: Infinity,
    });
    if (out[out.length - 1]!.fromNs === e.t) out.pop();
    out.push({ fromNs: e.t, event: inner.event });
  }
  return out;
}
