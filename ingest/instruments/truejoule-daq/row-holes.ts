// The rows of a run that did not come: holes between the blocks used. A block that comes late fills a part of one.
// Holds at most as many as numbers can lie back: no late frame fills an older one.

/** Rows `from` to `to`, `to` not among them. */
interface Hole {
  readonly from: number;
  readonly to: number;
}

export class RowHoles {
  readonly #most: number;
  /** Ascending. */
  #holes: Hole[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  forget(): void {
    this.#holes = [];
  }

  /** Behind all others. */
  open(from: number, to: number): void {
    this.#put(this.#holes.length, { from, to });
  }

  /** Whether all these rows lie in one. */
  has(first: number, rows: number): boolean {
    return this.#at(first, rows) >= 0;
  }

  /** @returns false, and nothing is filled, where they do not. */
  fill(first: number, rows: number): boolean {
    const at = this.#at(first, rows);
    if (at < 0) return false;
    const { from, to } = this.#holes[at]!;
    this.#holes.splice(at, 1);
    this.#put(at, { from: first + rows, to });
    this.#put(at, { from, to: first });
    return true;
  }

  #put(at: number, hole: Hole): void {
    if (hole.from < hole.to) this.#holes.splice(at, 0, hole);
    if (this.#holes.length > this.#most) this.#holes.shift();
  }

  #at(first: number, rows: number): number {
    return this.#holes.findLastIndex((h) => first >= h.from && first + rows <= h.to);
  }
}
