// What the injection library says of itself, a process at a time (docs/cuda.md, "What came and what did not").
// In: its marks cuda_trace_begin and cuda_trace_end, and what the log has of each process. Out: a sum, and a
// finding for whatever is missing. Holds: old logs, whose marks say less, are not taken for bad ones.

import type { Mark } from "../../schema/records.ts";
import { counted, type Observation } from "../../schema/findings.ts";

type Fields = NonNullable<Mark["fields"]>;

/** Counted by the library at its end. */
const COUNTS = ["launches", "kernels", "untimed", "misdated", "dropped", "ranges_lost"] as const;
type Counts = Readonly<Record<(typeof COUNTS)[number], number>>;

interface Process {
  begun: boolean;
  /** CUPTI was another's. */
  refused: boolean;
  /** It tells launches that a graph captured from others. */
  tellsCaptured: boolean;
  own: Counts | undefined;
}

/** What the log has of a process. */
export interface InLog {
  readonly launches: number;
  readonly kernels: number;
  /** Launches, not captured, that no kernel followed. */
  readonly alone: number;
}

/** A process's name: its id, and behind a dot the number that it drew, for ids repeat (containers, long runs). */
export const processOf = (fields: Fields): string =>
  fields["process"] === undefined
    ? String(fields["pid"])
    : `${String(fields["pid"])}.${String(fields["process"])}`;

export class CudaAccount {
  readonly #processes = new Map<string, Process>();

  /** Takes note of a begin or an end; other marks are nothing to it. */
  see({ name, fields }: Mark): void {
    if (fields === undefined) return;
    if (name === "cuda_trace_begin") {
      const p = this.#of(fields);
      p.begun = true;
      p.refused = fields["refused"] !== undefined;
      p.tellsCaptured = fields["process"] !== undefined;
    }
    if (name === "cuda_trace_end")
      this.#of(fields).own = Object.fromEntries(
        COUNTS.map((c) => [c, Number(fields[c] ?? 0)]),
      ) as Counts;
  }

  get processes(): number {
    return this.#processes.size;
  }

  /** What is missing. @param inLog by process name; undefined where nobody looked. */
  findings(inLog?: ReadonlyMap<string, InLog>): Observation[] {
    const all = [...this.#processes];
    const sum = (count: keyof Counts) => all.reduce((n, [, p]) => n + (p.own?.[count] ?? 0), 0);
    const refused = all.filter(([, p]) => p.refused);
    const unfinished = all.filter(([, p]) => p.begun && !p.refused && !p.own);
    return [
      ...counted(
        "cuda-refused",
        refused.length,
        `another profiler had CUPTI in ${list(refused)}: nothing of what ran there was recorded`,
      ),
      ...counted(
        "cuda-unfinished",
        unfinished.length,
        `no end of the trace from ${list(unfinished)} (killed, ended by _exit, or still running): kernels whose records CUPTI had not delivered are missing, about a second of them`,
      ),
      ...counted(
        "cuda-dropped",
        sum("dropped"),
        `CUPTI dropped ${sum("dropped")} records: kernels are missing`,
      ),
      ...counted(
        "cuda-untimed",
        sum("untimed"),
        `CUPTI gave ${sum("untimed")} kernels no time: they are left out`,
      ),
      ...counted(
        "cuda-misdated",
        sum("misdated"),
        `${sum("misdated")} records carry times at which they cannot have run, as where another CUPTI user sets its clock: they are left out`,
      ),
      ...counted(
        "cuda-ranges-open",
        sum("ranges_lost"),
        `${sum("ranges_lost")} NVTX ranges have no end: too many were open`,
      ),
      ...(inLog ? this.#compared(inLog) : []),
    ];
  }

  #compared(inLog: ReadonlyMap<string, InLog>): Observation[] {
    let [alone, missing] = [0, 0];
    for (const [name, p] of this.#processes) {
      const log = inLog.get(name) ?? { launches: 0, kernels: 0, alone: 0 };
      if (p.tellsCaptured) alone += log.alone;
      if (!p.own) continue;
      missing +=
        Math.max(0, p.own.launches - log.launches) + Math.max(0, p.own.kernels - log.kernels);
    }
    return [
      ...counted(
        "cuda-launches-alone",
        alone,
        `${alone} launches have no kernel record and no graph captured them: records were lost, or another profiler took them`,
      ),
      ...counted(
        "cuda-not-in-log",
        missing,
        `${missing} launches and kernels that the library wrote are not in the log`,
      ),
    ];
  }

  #of(fields: Fields): Process {
    const name = processOf(fields);
    const known = this.#processes.get(name);
    if (known) return known;
    const made = { begun: false, refused: false, tellsCaptured: false, own: undefined };
    this.#processes.set(name, made);
    return made;
  }
}

/** Some of them by id: there may be hundreds of workers. */
function list(processes: readonly (readonly [string, Process])[]): string {
  const ids = processes.slice(0, 3).map(([name]) => name.split(".")[0]!);
  const more = processes.length - ids.length;
  const what = processes.length === 1 ? "process" : `${processes.length} processes:`;
  return `${what} ${ids.join(", ")}${more > 0 ? " and others" : ""}`;
}
