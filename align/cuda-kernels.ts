// Kernel and submit marks of marks/cuda → one row a kernel, in typed columns: a run holds a million of them
// where it holds thousands of other marks. In: marks in log order. Out: CUPTI's times as they were recorded,
// each with its launch. What they are worth is cuda-times.ts.

import type { Mark } from "../schema/records.ts";
import { type Session, toSession } from "../schema/session.ts";
import { type Instant, instant, type SessionNs } from "../schema/time.ts";

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
}

/** What dates a kernel's start (docs/cuda.md): its record, a gate that it was held behind, its launch alone. */
export const SOURCES = ["cupti", "gate", "submit"] as const;
export type StartSource = (typeof SOURCES)[number];

/** Columns of `count` rows; the arrays may be longer. Times in session ns. */
export interface KernelTable {
  readonly count: number;
  readonly names: readonly string[];
  /** Clock names of GPUs: `gpu:` and a PCI address. */
  readonly gpus: readonly string[];
  /** Grid and block, such as `264x1x1`. */
  readonly shapes: readonly string[];
  readonly name: Uint32Array;
  readonly gpu: Uint32Array;
  readonly grid: Uint32Array;
  readonly block: Uint32Array;
  readonly stream: Uint32Array;
  readonly pid: Uint32Array;
  readonly correlation: Uint32Array;
  /** By CUPTI's own conversion to the host's clock. */
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
  /** Just before the launch call; NaN where no launch was seen. */
  readonly submitNs: Float64Array;
  /** The gate before it was opened at the first, and its end was seen before the second; NaN without a gate. */
  readonly openedNs: Float64Array;
  readonly doneNs: Float64Array;
  /** Index into {@link SOURCES}, by what was recorded. */
  readonly source: Uint32Array;
  /** Launches that no kernel followed: captured into a graph, or still running at the end. */
  readonly launchesAlone: number;
  readonly launches: number;
}

const COLUMNS = [
  ...(["name", "gpu", "grid", "block", "stream", "pid", "correlation"] as const),
  "source",
] as const;
const TIMES = ["startNs", "endNs", "submitNs", "openedNs", "doneNs"] as const;

interface Launch {
  readonly t: SessionNs;
  readonly name: string;
  gate?: { readonly opened: SessionNs; readonly flagged: SessionNs; readonly done: SessionNs };
}

type Fields = NonNullable<Mark["fields"]>;

export class KernelCollector {
  count = 0;
  readonly #names = new Names();
  readonly #gpus = new Names();
  readonly #shapes = new Names();
  #ints = Object.fromEntries(COLUMNS.map((c) => [c, new Uint32Array(1024)])) as Record<
    (typeof COLUMNS)[number],
    Uint32Array
  >;
  #times = Object.fromEntries(TIMES.map((c) => [c, new Float64Array(1024)])) as Record<
    (typeof TIMES)[number],
    Float64Array
  >;
  /** Rows whose end has not come, by span. It comes next, so there is one at most in a sound log. */
  readonly #open = new Map<string, number>();
  /** By process and correlation. */
  readonly #launches = new Map<number, Map<number, Launch>>();
  #launchCount = 0;

  /** @returns whether the mark was one of a kernel or a launch, and is now here. */
  add(mark: Mark, session: Session): boolean {
    const { fields } = mark;
    if (mark.clock !== "host" || fields === undefined) return false;
    if (fields["kind"] === "kernel") {
      if (mark.phase === "begin") this.#begin(mark.name, mark.t, fields, session);
      else this.#end(mark.t, fields, session);
      return true;
    }
    if (mark.name === "cuda_gate" && fields["launch"] !== undefined) {
      this.#gate(fields, session);
      return true;
    }
    if (fields["kind"] !== "submit") return false;
    const pid = Number(fields["pid"]);
    const launches = this.#launches.get(pid) ?? new Map<number, Launch>();
    this.#launches.set(pid, launches);
    const t = toSession(session, instant<"host">(mark.t));
    launches.set(Number(fields["correlation"]), { t, name: mark.name });
    this.#launchCount++;
    return true;
  }

  #gate(fields: Fields, session: Session): void {
    const launch = this.#launches.get(Number(fields["pid"]))?.get(Number(fields["launch"]));
    if (!launch) return; // its launch was lost: the log counts it
    const opened = toSession(session, instant<"host">(BigInt(String(fields["opening_ns"]))));
    const after = (key: string): SessionNs => opened + Number(fields[key]);
    launch.gate = { opened, flagged: after("flag_ns"), done: after("done_ns") };
  }

  /** @returns undefined when no kernel was recorded. */
  finish(): KernelTable | undefined {
    if (this.count === 0 && this.#launchCount === 0) return undefined;
    const followed = this.#joinLaunches() + this.#placeLaunches();
    return {
      count: this.count,
      names: this.#names.list,
      gpus: this.#gpus.list,
      shapes: this.#shapes.list,
      ...this.#ints,
      ...this.#times,
      launchesAlone: this.#launchCount - followed,
      launches: this.#launchCount,
    };
  }

  #begin(name: string, t: bigint, fields: Fields, session: Session): void {
    const i = this.#row();
    const set = (column: (typeof COLUMNS)[number], value: number): void => {
      this.#ints[column][i] = value;
    };
    set("name", this.#names.of(name));
    set("gpu", this.#gpus.of(String(fields["gpu"] ?? "gpu")));
    set("grid", this.#shapes.of(String(fields["grid"] ?? "")));
    set("block", this.#shapes.of(String(fields["block"] ?? "")));
    set("stream", Number(fields["stream"] ?? 0));
    set("pid", Number(fields["pid"]));
    set("correlation", Number(fields["correlation"]));
    this.#times.startNs[i] = toSession(session, t as Instant<"host">);
    this.#times.endNs[i] = NaN;
    this.#open.set(String(fields["span"]), i);
  }

  #end(t: bigint, fields: Fields, session: Session): void {
    const span = String(fields["span"]);
    const i = this.#open.get(span);
    if (i === undefined) return; // its begin was lost: the log counts it
    this.#open.delete(span);
    this.#times.endNs[i] = toSession(session, t as Instant<"host">);
  }

  /** @returns launches that have a kernel. */
  #joinLaunches(): number {
    const followed = new Set<string>();
    for (let i = 0; i < this.count; i++) {
      const [pid, correlation] = [this.#ints.pid[i]!, this.#ints.correlation[i]!];
      const launch = this.#launches.get(pid)?.get(correlation);
      this.#times.submitNs[i] = launch?.t ?? NaN;
      this.#times.openedNs[i] = launch?.gate?.opened ?? NaN;
      this.#times.doneNs[i] = launch?.gate?.done ?? NaN;
      if (launch) followed.add(`${pid}.${correlation}`);
    }
    return followed.size;
  }

  /**
   * Where a process has launches and no kernel record at all, none were asked for: its launches are all there
   * is. Elsewhere a launch without a kernel is one that was captured into a graph.
   * @returns rows made.
   */
  #placeLaunches(): number {
    const recorded = new Set(this.#ints.pid.subarray(0, this.count));
    const before = this.count;
    for (const [pid, launches] of this.#launches) {
      if (recorded.has(pid)) continue;
      for (const [correlation, { t, name, gate }] of launches) {
        const i = this.#row();
        this.#ints.name[i] = this.#names.of(name);
        this.#ints.gpu[i] = this.#gpus.of("gpu");
        this.#ints.grid[i] = this.#ints.block[i] = this.#shapes.of("");
        this.#ints.stream[i] = 0;
        this.#ints.pid[i] = pid;
        this.#ints.correlation[i] = correlation;
        this.#ints.source[i] = SOURCES.indexOf(gate ? "gate" : "submit");
        this.#times.submitNs[i] = t;
        this.#times.startNs[i] = gate?.flagged ?? t;
        this.#times.endNs[i] = this.#times.doneNs[i] = gate?.done ?? NaN;
        this.#times.openedNs[i] = gate?.opened ?? NaN;
      }
    }
    return this.count - before;
  }

  #row(): number {
    if (this.count === this.#ints.name.length) this.#grow();
    return this.count++;
  }

  #grow(): void {
    for (const c of COLUMNS) {
      const bigger = new Uint32Array(2 * this.#ints[c].length);
      bigger.set(this.#ints[c]);
      this.#ints[c] = bigger;
    }
    for (const c of TIMES) {
      const bigger = new Float64Array(2 * this.#times[c].length);
      bigger.set(this.#times[c]);
      this.#times[c] = bigger;
    }
  }
}
