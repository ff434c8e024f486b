// Marks → windows. Begin and end of one name pair in time order; what does not pair is said, never
// guessed. `load-1`, `load-2`, … and, for a load, `load` from first on to last off; always `session`.
// Held as columns: a run may have millions, and each is made an object only when somebody asks for it.

import type { MarkTable } from "../align/mark-table.ts";
import { type KernelTimes, timeAt } from "../align/clocks/cuda-times.ts";
import { allAbout, counted, type Finding, observed } from "../schema/findings.ts";
import type { SessionNs } from "../schema/time.ts";
import { kernelWindow } from "./cuda-kernels.ts";
import type { Window } from "./window.ts";
import { valueAt } from "../stats/places.ts";

/** Marks of these names bracket nothing: they serve the clocks. */
export const SERVICE: ReadonlySet<string> = new Set(["sync", "lap"]);

export interface PairedMarks {
  readonly marks: MarkTable;
  readonly count: number;
  /** Marks that begin and end each, in the order of windows: by begin, outer before inner. */
  readonly begin: Uint32Array;
  readonly end: Uint32Array;
  /** n of NAME-n; 0 for the sum of all. */
  readonly ordinal: Uint32Array;
  readonly findings: readonly Finding[];
}

/** Once for a table: it forgets their spans. */
export function pairMarks(marks: MarkTable): PairedMarks {
  const order = inTime(marks);
  const { endOf, pairs, findings } = matched(marks, order);
  marks.forgetSpans();
  const load = marks.names.find("load");
  const lastLoad = load === undefined ? undefined : lastOf(marks, order, endOf, load);
  const count = pairs + (lastLoad === undefined ? 0 : 1);
  const [begin, end, ordinal] = [0, 1, 2].map(() => new Uint32Array(count)) as Columns;
  const counts = new Uint32Array(marks.names.list.length);
  let n = 0;
  let hasSum = false;
  const emit = (begins: number, ends: number, number: number): void => {
    begin[n] = begins;
    end[n] = ends;
    ordinal[n++] = number;
  };
  for (let from = 0; from < order.length;) {
    const to = sameTime(marks, order, from);
    const first = n;
    // Of those that begin together the one that ended first has the lower number.
    for (const pair of begunIn(order, endOf, from, to)) {
      const name = marks.name(pair.begin);
      const number = valueAt(counts, name) + 1;
      counts[name] = number;
      emit(pair.begin, pair.end, number);
      if (lastLoad === undefined || hasSum || name !== load) continue;
      emit(pair.begin, lastLoad, 0);
      hasSum = true;
    }
    if (n - first > 1) outerFirst(marks, first, n, [begin, end, ordinal]);
    from = to;
  }
  return { marks, count, begin, end, ordinal, findings };
}

type Columns = [begin: Uint32Array, end: Uint32Array, ordinal: Uint32Array];

/** Begins and ends that make windows, in time order; at one time in the order of the log. */
function inTime(marks: MarkTable): Uint32Array {
  const service = new Set([...SERVICE].map((name) => marks.names.find(name)));
  const order = new Uint32Array(marks.count);
  let n = 0;
  let ascends = true;
  let last = -Infinity;
  for (let i = 0; i < marks.count; i++) {
    if (marks.phase(i) === "instant" || service.has(marks.name(i)) || !marks.isPlaced(i)) continue;
    const t = marks.tNs(i);
    if (t < last) ascends = false;
    last = t;
    order[n++] = i;
  }
  const found = order.subarray(0, n);
  return ascends ? found : found.sort((a, b) => marks.tNs(a) - marks.tNs(b) || a - b);
}

/**
 * A begin and an end that name the same span belong together, whatever ran beside them; the rest nests,
 * inner first. Ends without a begin and begins without an end are counted.
 * @returns for each place in `order` the place of its end, plus 1; 0 or less where there is none.
 */
function matched(
  marks: MarkTable,
  order: Uint32Array,
): { endOf: Int32Array; pairs: number; findings: Finding[] } {
  /** Of an open begin instead, negative, the open one before it of the same name and span. */
  const endOf = new Int32Array(order.length);
  const tops = new Map<number, Map<number, number>>();
  const strays = new Map<number, { ends: number; begins: number }>();
  let pairs = 0;
  order.forEach((i, k) => {
    const [name, span] = [marks.name(i), marks.span(i)];
    let top = tops.get(name);
    if (!top) tops.set(name, (top = new Map<number, number>()));
    let stray = strays.get(name);
    if (!stray) strays.set(name, (stray = { ends: 0, begins: 0 }));
    const open = top.get(span) ?? 0;
    if (marks.phase(i) === "begin") {
      endOf[k] = -open;
      top.set(span, k + 1);
      stray.begins++;
    } else if (open === 0) stray.ends++;
    else {
      const below = -valueAt(endOf, open - 1);
      endOf[open - 1] = k + 1;
      pairs++;
      stray.begins--;
      if (below === 0) top.delete(span);
      else top.set(span, below);
    }
  });
  const findings = [...strays].flatMap(([name, { ends, begins }]) => [
    ...unpaired(marks.names.text(name), ends, "end marks have no begin"),
    ...unpaired(marks.names.text(name), begins, "begin marks have no end"),
  ]);
  return { endOf, pairs, findings };
}

const unpaired = (name: string, n: number, what: string): Finding[] =>
  allAbout(name, counted("marks-unpaired", n, `${n} ${name} ${what}: ignored`));

/** First place from which on the time is another one. */
function sameTime(marks: MarkTable, order: Uint32Array, from: number): number {
  const t = marks.tNs(valueAt(order, from));
  let to = from + 1;
  while (to < order.length && marks.tNs(valueAt(order, to)) === t) to++;
  return to;
}

/** Marks that a window begins and ends at. */
interface Pair {
  readonly begin: number;
  readonly end: number;
}

/** Those that begin in places [from, to), in the order of their ends. */
function begunIn(order: Uint32Array, endOf: Int32Array, from: number, to: number): Pair[] {
  const found: (Pair & { readonly at: number })[] = [];
  for (let k = from; k < to; k++) {
    const at = valueAt(endOf, k);
    if (at > 0) found.push({ at, begin: valueAt(order, k), end: valueAt(order, at - 1) });
  }
  return found.sort((a, b) => a.at - b.at);
}

/** The mark that ends the last window of a name: the last to begin, of those that begin together the last to end. */
function lastOf(
  marks: MarkTable,
  order: Uint32Array,
  endOf: Int32Array,
  name: number,
): number | undefined {
  let [last, t] = [0, NaN];
  for (let k = order.length - 1; k >= 0; k--) {
    const i = valueAt(order, k);
    if (last > 0 && marks.tNs(i) !== t) break;
    const ends = valueAt(endOf, k);
    if (marks.name(i) !== name || ends <= 0) continue;
    last = Math.max(last, ends);
    t = marks.tNs(i);
  }
  return last > 0 ? valueAt(order, last - 1) : undefined;
}

/** Windows [a, b) begin together: the longer before the shorter. */
function outerFirst(marks: MarkTable, a: number, b: number, columns: Columns): void {
  const [, end] = columns;
  const endNs = (row: number): SessionNs => marks.tNs(valueAt(end, row));
  const rows = Array.from({ length: b - a }, (_, i) => a + i).sort((x, y) => endNs(y) - endNs(x));
  for (const column of columns) {
    const sorted = rows.map((r) => valueAt(column, r));
    column.set(sorted, a);
  }
}

/**
 * Rows in the order of their begins, in place; at one time by their number. They stand so, as a rule: sorting
 * millions again would take more memory than all else.
 */
export function byBegin(rows: Uint32Array, windows: { t0Ns(row: number): SessionNs }): Uint32Array {
  let last = -Infinity;
  for (const row of rows) {
    const t = windows.t0Ns(row);
    if (t < last) return rows.sort((a, b) => windows.t0Ns(a) - windows.t0Ns(b) || a - b);
    last = t;
  }
  return rows;
}

/** Kernels that have a window. */
export interface KernelWindows {
  readonly times: KernelTimes;
  /** Of their table. */
  readonly rows: readonly number[];
}

/** All windows of a run: session, what marks bracket, kernels. */
export class WindowList {
  readonly count: number;
  readonly #session: Window;
  readonly #paired: PairedMarks;
  readonly #kernels: KernelWindows | undefined;

  constructor(session: Window, paired: PairedMarks, kernels?: KernelWindows) {
    this.#session = session;
    this.#paired = paired;
    this.#kernels = kernels;
    this.count = 1 + paired.count + (kernels?.rows.length ?? 0);
  }

  /** @throws RangeError where the list has no such window, as all that follow. */
  at(i: number): Window {
    if (i === 0) return this.#session;
    return this.isKernel(i) ? this.#ofKernel(i, kernelWindow) : this.#marked(i - 1);
  }

  t0Ns(i: number): SessionNs {
    if (i === 0) return this.#session.t0Ns;
    if (this.isKernel(i)) return this.#ofKernel(i, (k, row) => timeAt(k, row).startNs);
    const { marks, begin } = this.#paired;
    return marks.tNs(valueAt(begin, i - 1));
  }

  t1Ns(i: number): SessionNs {
    if (i === 0) return this.#session.t1Ns;
    if (this.isKernel(i)) return this.#ofKernel(i, (k, row) => timeAt(k, row).endNs);
    const { marks, end } = this.#paired;
    return marks.tNs(valueAt(end, i - 1));
  }

  /** `session`, or the sum of all loads: they hold the others. */
  isSum(i: number): boolean {
    return i === 0 || (i <= this.#paired.count && this.#paired.ordinal[i - 1] === 0);
  }

  isKernel(i: number): boolean {
    return i > this.#paired.count;
  }

  /** What windows of one kind have in common: their name without its number. */
  family(i: number): string {
    if (i === 0 || this.isKernel(i)) return this.at(i).name;
    const { marks, begin } = this.#paired;
    return marks.names.text(marks.name(valueAt(begin, i - 1)));
  }

  *rows(wanted: (i: number) => boolean): Generator<number> {
    for (let i = 0; i < this.count; i++) if (wanted(i)) yield i;
  }

  /** The rows of a name: of one window, or of all that it numbers. */
  named(name: string): Generator<number> {
    return this.rows(
      (i) =>
        this.family(i) === name || (name.startsWith(this.family(i)) && this.at(i).name === name),
    );
  }

  /** The first window of exactly this name. */
  find(name: string): Window | undefined {
    for (const i of this.named(name)) {
      const w = this.at(i);
      if (w.name === name) return w;
    }
    return undefined;
  }

  /** For whoever asked for one that is not there. */
  someNames(): string {
    const first = Array.from({ length: Math.min(this.count, 12) }, (_, i) => this.at(i).name);
    return [...first, ...(this.count > 12 ? ["…"] : [])].join(", ");
  }

  [Symbol.iterator](): Iterator<Window> {
    let i = 0;
    return {
      next: () =>
        i < this.count ? { done: false, value: this.at(i++) } : { done: true, value: undefined },
    };
  }

  #ofKernel<T>(i: number, of: (times: KernelTimes, row: number) => T): T {
    if (!this.#kernels) throw new RangeError(`no window ${i} in a list of ${this.count}`);
    const { times, rows } = this.#kernels;
    return of(times, valueAt(rows, i - 1 - this.#paired.count));
  }

  #marked(row: number): Window {
    const { marks: m, begin, end, ordinal } = this.#paired;
    const [b, e, n] = [valueAt(begin, row), valueAt(end, row), valueAt(ordinal, row)];
    const name = m.names.text(m.name(b));
    const fieldsAt = [m.fieldsAt(b), m.fieldsAt(e)] as const;
    const lost = [b, e].filter((i) => m.clock(i) !== "host" && !m.fromEdge(i));
    const [first] = lost;
    return {
      name: n > 0 ? `${name}-${n}` : name,
      kind: "mark",
      t0Ns: m.tNs(b),
      t1Ns: m.tNs(e),
      u0Ns: m.uNs(b),
      u1Ns: m.uNs(e),
      ...(fieldsAt[0] + fieldsAt[1] > 0 ? { fieldsAt } : {}),
      ...(first !== undefined
        ? {
            doubts: [
              observed(
                "window-edge-missing",
                `no hardware edge for its ${lost.map((i) => m.phase(i)).join(" and ")}: placed by the ${m.clock(first)} clock`,
                lost.length,
              ),
            ],
          }
        : {}),
    };
  }
}
