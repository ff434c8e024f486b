// Marks as they arrive → windows, with Joules as soon as the samples have caught up. Pairs like
// energy/windows.ts: begin and end of one name and span, inner first.
// Holds: bounded memory whatever is marked; what it gives up it gives up silently, since `fuse` pairs
// from the log again and says what did not pair.

import { SERVICE } from "../../energy/windows.ts";
import type { Mark } from "../../schema/records.ts";
import type { SessionNs } from "../../schema/time.ts";
import { valueAt } from "../../stats/places.ts";

/** Joules up to an instant: undefined while they are yet to come, NaN when they never will. */
export type Account = (tNs: SessionNs) => number | undefined;

export interface LiveWindow {
  readonly name: string;
  readonly t0Ns: SessionNs;
  readonly t1Ns: SessionNs;
  /** By account: what its Joules grew by; NaN where that cannot be known. */
  readonly joules: Float64Array;
  readonly lostRows: number;
}

/** An instant and the Joules of every account up to it, as far as they have come. */
interface Snapshot {
  readonly tNs: SessionNs;
  readonly joules: Float64Array;
  lostRows: number;
  pending: boolean;
}

interface Open {
  readonly name: string;
  readonly span: string | number | boolean | undefined;
  readonly begin: Snapshot;
}

interface Closing extends Open {
  readonly end: Snapshot;
}

const MAX_OPEN = 4096;
const MAX_CLOSING = 4096;
const KEPT = 40;
/** An account that has not caught up after this long will not. */
const PATIENCE_NS = 3e9;

export class LiveWindows {
  /** The last that closed, and how many ever did. */
  readonly closed: LiveWindow[] = [];
  total = 0;
  readonly #accounts: readonly [Account, ...Account[]];
  readonly #lostRows: () => number;
  readonly #numbers = new Map<string, number>();
  #open: Open[] = [];
  #closing: Closing[] = [];

  /** @param accounts the physical one first. @param lostRows lost so far. */
  constructor(accounts: readonly [Account, ...Account[]], lostRows: () => number) {
    this.#accounts = accounts;
    this.#lostRows = lostRows;
  }

  /** The last `most` windows still open, with their physical Joules so far; NaN where not known. */
  open(most: number, nowNs: SessionNs): { name: string; t0Ns: SessionNs; joules: number }[] {
    const now = this.#accounts[0](nowNs) ?? NaN;
    return this.#open.slice(-most).map(({ name, begin }) => {
      return { name, t0Ns: begin.tNs, joules: now - valueAt(begin.joules, 0) };
    });
  }

  mark({ name, phase, fields }: Mark, tNs: SessionNs): void {
    if (phase === "instant" || SERVICE.has(name)) return;
    const span = fields?.["span"];
    if (phase === "begin") {
      const number = (this.#numbers.get(name) ?? 0) + 1;
      this.#numbers.set(name, number);
      this.#open.push({ name: `${name}-${number}`, span, begin: this.#snapshot(tNs) });
      if (this.#open.length > MAX_OPEN) this.#open.shift();
      return;
    }
    const at = this.#open.findLastIndex((o) => o.span === span && baseOf(o.name) === name);
    const [begun] = at < 0 ? [] : this.#open.splice(at, 1);
    if (!begun) return;
    this.#closing.push({ ...begun, end: this.#snapshot(tNs) });
    if (this.#closing.length > MAX_CLOSING) this.#closing.shift();
  }

  /** Fills in what has come meanwhile. */
  settle(nowNs: SessionNs): void {
    for (const { begin } of this.#open) this.#resolve(begin, nowNs);
    const still: Closing[] = [];
    for (const c of this.#closing) {
      this.#resolve(c.begin, nowNs);
      this.#resolve(c.end, nowNs);
      if (c.begin.pending || c.end.pending) still.push(c);
      else this.closed.push(finished(c));
    }
    this.total += this.#closing.length - still.length;
    this.#closing = still;
    this.closed.splice(0, Math.max(0, this.closed.length - KEPT));
  }

  #snapshot(tNs: SessionNs): Snapshot {
    const joules = new Float64Array(this.#accounts.length).fill(NaN);
    return { tNs, joules, lostRows: 0, pending: true };
  }

  #resolve(s: Snapshot, nowNs: SessionNs): void {
    if (!s.pending) return;
    let waiting = 0;
    this.#accounts.forEach((account, i) => {
      if (!Number.isNaN(s.joules[i])) return;
      const joules = account(s.tNs);
      if (joules === undefined) return void waiting++;
      s.joules[i] = joules;
      if (i === 0) s.lostRows = this.#lostRows();
    });
    s.pending = waiting > 0 && nowNs - s.tNs < PATIENCE_NS;
  }
}

const baseOf = (numbered: string): string => numbered.slice(0, numbered.lastIndexOf("-"));

function finished({ name, begin, end }: Closing): LiveWindow {
  return {
    name,
    t0Ns: begin.tNs,
    t1Ns: end.tNs,
    joules: end.joules.map((j, i) => j - valueAt(begin.joules, i)),
    lostRows: end.lostRows - begin.lostRows,
  };
}
