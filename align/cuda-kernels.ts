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
  /** Launches that no kernel followed: captured into a graph, or still running at the end. */
  readonly launchesAlone: number;
  readonly launches: number;
}

const COLUMNS = ["name", "gpu", "grid", "block", "stream", "pid", "correlation"] as const;
const TIMES = ["startNs", "endNs", "submitNs"] as const;

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
  /** Launch times by process and correlation. */
  readonly #launches = new Map<number, Map<number, SessionNs>>();
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
    if (fields["kind"] !== "submit") return false;
    const pid = Number(fields["pid"]);
    const launches = this.#launches.get(pid) ?? new Map<number, SessionNs>();
    this.#launches.set(pid, launches);
    launches.set(Number(fields["correlation"]), toSession(session, instant<"host">(mark.t)));
    this.#launchCount++;
    return true;
  }

  /** @returns undefined when no kernel was recorded. */
  finish(): KernelTable | undefined {
    if (this.count === 0 && this.#launchCount === 0) return undefined;
    const followed = this.#joinLaunches();
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
    if (this.count === this.#ints.name.length) this.#grow();
    const i = this.count++;
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
      const at = this.#launches.get(pid)?.get(correlation);
      this.#times.submitNs[i] = at ?? NaN;
      if (at !== undefined) followed.add(`${pid}.${correlation}`);
    }
    return followed.size;
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
