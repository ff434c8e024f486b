// Kernel and submit marks of marks/cuda → one row a kernel, in typed columns: a run holds a million of them
// where it holds thousands of other marks. In: marks in log order. Out: CUPTI's times as they were recorded,
// each with its launch. What they are worth is cuda-times.ts.

import type { Mark } from "../../schema/records.ts";
import { Names } from "../mark-table.ts";
import { type Session, toSession } from "../../schema/session.ts";
import { type Instant, instant, type SessionNs } from "../../schema/time.ts";
import { CudaAccount, type InLog, processOf } from "./cuda-account.ts";
import { allAbout, type Finding } from "../../schema/findings.ts";
import { valueAt } from "../../stats/places.ts";

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
  /** Processes, by id and the number that each drew (cuda-account.ts); with the GPU they name CUPTI's clock. */
  readonly processes: readonly string[];
  readonly name: Uint32Array;
  readonly gpu: Uint32Array;
  readonly grid: Uint32Array;
  readonly block: Uint32Array;
  readonly stream: Uint32Array;
  readonly pid: Uint32Array;
  readonly process: Uint32Array;
  /** CUPTI's are 32 bits; a program's own may be any. */
  readonly correlation: readonly Correlation[];
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
  /** Launches that no kernel followed: captured into a graph, still running at the end, or their record lost. */
  readonly launchesAlone: number;
  /** Of those, launches that said that a graph captures them. */
  readonly launchesCaptured: number;
  readonly launches: number;
  /** What is missing by what the library says. */
  readonly findings: readonly Finding[];
}

/** One row of the table: a kernel as it was recorded. */
export interface KernelRecord extends Record<
  "startNs" | "endNs" | "submitNs" | "openedNs" | "doneNs",
  SessionNs
> {
  readonly name: string;
  readonly gpu: string;
  readonly process: string;
  readonly grid: string;
  readonly block: string;
  readonly stream: number;
  readonly pid: number;
  readonly correlation: Correlation;
  readonly source: StartSource;
}

/** @throws RangeError where the table has no such row. */
export function recordAt(t: KernelTable, row: number): KernelRecord {
  return {
    name: kernelName(t, row),
    gpu: valueAt(t.gpus, valueAt(t.gpu, row)),
    process: valueAt(t.processes, valueAt(t.process, row)),
    grid: valueAt(t.shapes, valueAt(t.grid, row)),
    block: valueAt(t.shapes, valueAt(t.block, row)),
    stream: valueAt(t.stream, row),
    pid: valueAt(t.pid, row),
    correlation: valueAt(t.correlation, row),
    startNs: valueAt(t.startNs, row),
    endNs: valueAt(t.endNs, row),
    submitNs: valueAt(t.submitNs, row),
    openedNs: valueAt(t.openedNs, row),
    doneNs: valueAt(t.doneNs, row),
    source: valueAt(SOURCES, valueAt(t.source, row)),
  };
}

/** @throws RangeError where the table has no such row. */
export const kernelName = (t: Pick<KernelTable, "names" | "name">, row: number): string =>
  valueAt(t.names, valueAt(t.name, row));

/** What a launch and its kernels share; beyond 2^53 a text (docs/marks.md). */
export type Correlation = number | string;

const correlationOf = (value: unknown): Correlation =>
  typeof value === "string" ? value : Number(value);

const COLUMNS = ["name", "gpu", "grid", "block", "stream", "pid", "process", "source"] as const;
const TIMES = ["startNs", "endNs", "submitNs", "openedNs", "doneNs"] as const;

interface Launch {
  readonly t: SessionNs;
  readonly name: string;
  readonly pid: number;
  readonly captured: boolean;
  followed: boolean;
  gate?: { readonly opened: SessionNs; readonly flagged: SessionNs; readonly done: SessionNs };
}

type Fields = NonNullable<Mark["fields"]>;

/** A mark that {@link KernelCollector} takes. */
export const isKernelMark = (mark: Mark): boolean => kernelFieldsOf(mark) !== undefined;

/** Its fields, where it is one. */
function kernelFieldsOf({ clock, name, fields }: Mark): Fields | undefined {
  if (clock !== "host" || fields === undefined) return undefined;
  const { kind } = fields;
  return kind === "kernel" || kind === "submit" || isGate(name, fields) ? fields : undefined;
}

const isGate = (name: string, fields: Fields): boolean =>
  name === "cuda_gate" && fields["launch"] !== undefined;

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
  readonly #processes = new Names();
  readonly #account = new CudaAccount();
  /** By process, as an index, and correlation. */
  readonly #launches = new Map<number, Map<Correlation, Launch>>();
  readonly #correlations: Correlation[] = [];
  #launchCount = 0;
  #captured = 0;

  /** @returns whether the mark was one of a kernel or a launch, and is now here. */
  add(mark: Mark, session: Session): boolean {
    if (mark.clock === "host" && mark.fields !== undefined) this.#account.see(mark);
    const fields = kernelFieldsOf(mark);
    if (!fields) return false;
    if (fields["kind"] === "kernel") {
      if (mark.phase === "begin") this.#begin(mark.name, mark.t, fields, session);
      else this.#end(mark.t, fields, session);
      return true;
    }
    if (isGate(mark.name, fields)) {
      this.#gate(fields, session);
      return true;
    }
    const process = this.#processes.of(processOf(fields));
    const launches = this.#launches.get(process) ?? new Map<Correlation, Launch>();
    this.#launches.set(process, launches);
    const t = toSession(session, instant<"host">(mark.t));
    const captured = fields["captured"] === true;
    const pid = Number(fields["pid"]);
    launches.set(correlationOf(fields["correlation"]), {
      t,
      name: mark.name,
      pid,
      captured,
      followed: false,
    });
    this.#launchCount++;
    if (captured) this.#captured++;
    return true;
  }

  #gate(fields: Fields, session: Session): void {
    const process = this.#processes.of(processOf(fields));
    const launch = this.#launches.get(process)?.get(correlationOf(fields["launch"]));
    if (!launch) return; // its launch was lost: the log counts it
    const opened = toSession(session, instant<"host">(BigInt(String(fields["opening_ns"]))));
    const after = (key: string): SessionNs => opened + Number(fields[key]);
    launch.gate = { opened, flagged: after("flag_ns"), done: after("done_ns") };
  }

  /** @returns undefined when no kernel was recorded. */
  finish(): KernelTable | undefined {
    if (this.count === 0 && this.#launchCount === 0 && this.#account.processes === 0)
      return undefined;
    const kernels = new Map<number, number>();
    for (const p of this.#ints.process.subarray(0, this.count))
      kernels.set(p, (kernels.get(p) ?? 0) + 1);
    const followed = this.#joinLaunches() + this.#placeLaunches(kernels);
    return {
      count: this.count,
      names: this.#names.list,
      gpus: this.#gpus.list,
      shapes: this.#shapes.list,
      processes: this.#processes.list,
      ...this.#ints,
      ...this.#times,
      correlation: this.#correlations,
      launchesAlone: this.#launchCount - followed,
      launchesCaptured: this.#captured,
      launches: this.#launchCount,
      findings: allAbout("CUDA", this.#account.findings(this.#inLog(kernels)), "CUDA: "),
    };
  }

  #inLog(kernels: ReadonlyMap<number, number>): Map<string, InLog> {
    return new Map(
      this.#processes.list.map((name, p) => {
        const launches = this.#launches.get(p);
        let alone = 0;
        for (const l of launches?.values() ?? []) if (!l.followed && !l.captured) alone++;
        return [name, { launches: launches?.size ?? 0, kernels: kernels.get(p) ?? 0, alone }];
      }),
    );
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
    set("process", this.#processes.of(processOf(fields)));
    this.#correlations[i] = correlationOf(fields["correlation"]);
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
    let followed = 0;
    for (const [i, correlation] of this.#correlations.entries()) {
      const launch = this.#launches.get(valueAt(this.#ints.process, i))?.get(correlation);
      this.#times.submitNs[i] = launch?.t ?? NaN;
      this.#times.openedNs[i] = launch?.gate?.opened ?? NaN;
      this.#times.doneNs[i] = launch?.gate?.done ?? NaN;
      if (!launch || launch.followed) continue;
      launch.followed = true;
      followed++;
    }
    return followed;
  }

  /**
   * Where a process has launches and no kernel record at all, its launches are all there is. Elsewhere a launch
   * without a kernel was captured into a graph, or its record is lost.
   * @param kernels of each process. @returns rows made.
   */
  #placeLaunches(kernels: ReadonlyMap<number, number>): number {
    const before = this.count;
    for (const [process, launches] of this.#launches) {
      if (kernels.has(process)) continue;
      for (const [correlation, launch] of launches) {
        if (launch.captured) continue;
        const { t, name, pid, gate } = launch;
        launch.followed = true;
        const i = this.#row();
        this.#ints.name[i] = this.#names.of(name);
        this.#ints.gpu[i] = this.#gpus.of("gpu");
        this.#ints.grid[i] = this.#ints.block[i] = this.#shapes.of("");
        this.#ints.stream[i] = 0;
        this.#ints.pid[i] = pid;
        this.#ints.process[i] = process;
        this.#correlations[i] = correlation;
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
