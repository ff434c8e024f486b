// Kernels as CUPTI dated them + exchanges with the GPU → when each kernel really ran, with bounds.
//
// CUPTI converts the GPU's stamps to the host's clock in a way it does not publish. Each burst of exchanges
// is a kernel too: it notes the GPU's clock at its first and last instruction, and CUPTI dates it. Its first
// instruction cannot come before CUPTI's start nor its last after CUPTI's end, so with the GPU's clock known
// on the host's (gpu-clock.ts) every burst bounds CUPTI's error at that moment. A kernel between two bursts
// gets what either allows. Taken is that the error lies between its values at the bursts around it.

import type { ClockExchange } from "../../schema/records.ts";
import { type Session, toSession } from "../../schema/session.ts";
import { instant, type SessionNs } from "../../schema/time.ts";
import { type KernelRecord, type KernelTable, recordAt, SOURCES } from "./cuda-kernels.ts";
import { fitGpuClock, type GpuClock, gpuToSession } from "./gpu-clock.ts";
import { firstAbove } from "../../stats/search.ts";
import { valueAt } from "../../stats/places.ts";
import { leastOf, mostOf } from "../../stats/summary.ts";
import { allAbout, counted, type Finding, type FindingCode } from "../../schema/findings.ts";

/** Bounds of true time − CUPTI's time at the bursts of one process on one GPU. */
export interface CuptiError {
  readonly name: string;
  /** CUPTI's time of the bursts, ascending. */
  readonly atNs: Float64Array;
  readonly loNs: Float64Array;
  readonly hiNs: Float64Array;
  /** Bursts whose bounds contradict each other; left out. */
  readonly contradictions: number;
}

/** Kernels on the session clock, columns in the table's order. */
export interface KernelTimes {
  readonly table: KernelTable;
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
  /** Bounds of the start; NaN where no exchange tells. */
  readonly loNs: Float64Array;
  readonly hiNs: Float64Array;
  /** Index into SOURCES: what the start rests on. */
  readonly source: Uint32Array;
  /** Kernels whose gate and whose record cannot both be right; the record is used. */
  readonly gateContradictions: number;
  /** `cupti`: dated by its record, bounded by exchanges; `unbounded`: dated by its record alone. */
  readonly unbounded: number;
  /** Kernels that by their bounds began before their launch call: one of the clocks is wrong there. */
  readonly early: number;
  readonly clocks: readonly GpuClock[];
  readonly cupti: readonly CuptiError[];
  /** What is wrong with them. */
  readonly findings: readonly Finding[];
}

/** One of them, by its row. */
export interface KernelTime {
  startNs: SessionNs;
  endNs: SessionNs;
  loNs: SessionNs;
  hiNs: SessionNs;
}

/** @throws RangeError where the table has no such row. */
export const timeAt = (k: Omit<Columns, "source">, row: number): KernelTime => ({
  startNs: valueAt(k.startNs, row),
  endNs: valueAt(k.endNs, row),
  loNs: valueAt(k.loNs, row),
  hiNs: valueAt(k.hiNs, row),
});

/** Exchanges of a GPU, and of CUPTI with it in one process, have these streams (docs/cuda.md). */
const GPU_STREAM = /^gpu(:\S+)?$/;
const CUPTI_STREAM = /^(gpu\S*) cupti:\d+(?:\.\d+)?$/;

/**
 * @returns undefined when the run recorded no kernels.
 * @throws InputError where no map at all fits a GPU's exchanges
 */
export function kernelTimes(
  table: KernelTable | undefined,
  exchanges: Iterable<ClockExchange>,
  session: Session,
): KernelTimes | undefined {
  if (!table) return undefined;
  const clocks = new Map<string, GpuClock>();
  const groups = byStream(exchanges);
  for (const [stream, group] of groups)
    if (GPU_STREAM.test(stream)) clocks.set(stream, fitGpuClock(stream, group, session));
  const errors = new Map<string, CuptiError>();
  for (const [stream, group] of groups) {
    const clock = clocks.get(CUPTI_STREAM.exec(stream)?.[1] ?? "");
    if (clock) errors.set(stream, cuptiError(stream, clock, group, session));
  }
  const placed = place(table, errors);
  const [gpus, cupti] = [[...clocks.values()], [...errors.values()]];
  const findings = [...table.findings, ...doubts(placed, table, gpus, cupti)];
  return { table, ...placed, clocks: gpus, cupti, findings };
}

/** Of GPUs and of CUPTI; those of the DAQ are many, and not asked for here. */
function byStream(exchanges: Iterable<ClockExchange>): Map<string, ClockExchange[]> {
  const groups = new Map<string, ClockExchange[]>();
  for (const e of exchanges) {
    const group = groups.get(e.stream);
    if (group) group.push(e);
    else if (GPU_STREAM.test(e.stream) || CUPTI_STREAM.test(e.stream)) groups.set(e.stream, [e]);
  }
  return groups;
}

/** Two exchanges a burst, with the same host stamps: CUPTI's start and end of it. */
function cuptiError(
  name: string,
  clock: GpuClock,
  exchanges: readonly ClockExchange[],
  session: Session,
): CuptiError {
  const bursts = new Map<bigint, { endNs: number; first: number; last: number }>();
  for (const e of exchanges) {
    const gpuNs = Number(e.deviceReceived - clock.epoch);
    const known = bursts.get(e.sent);
    bursts.set(e.sent, {
      endNs: toSession(session, e.received),
      first: Math.min(gpuNs, known?.first ?? Infinity),
      last: Math.max(gpuNs, known?.last ?? -Infinity),
    });
  }
  const rows = [...bursts]
    .map(([sent, b]) => {
      const startNs = toSession(session, instant<"host">(sent));
      const hi = gpuToSession(clock, b.first)[1] - startNs;
      const lo = gpuToSession(clock, b.last)[0] - b.endNs;
      return { startNs, lo, hi };
    })
    .sort((a, b) => a.startNs - b.startNs);
  const sound = rows.filter((r) => r.lo <= r.hi);
  return {
    name,
    atNs: Float64Array.from(sound, (r) => r.startNs),
    loNs: Float64Array.from(sound, (r) => r.lo),
    hiNs: Float64Array.from(sound, (r) => r.hi),
    contradictions: rows.length - sound.length,
  };
}

function place(t: KernelTable, errors: ReadonlyMap<string, CuptiError>): Placed {
  const columns = {
    startNs: new Float64Array(t.count),
    endNs: new Float64Array(t.count),
    loNs: new Float64Array(t.count),
    hiNs: new Float64Array(t.count),
    source: t.source.slice(0, t.count),
  };
  let [unbounded, early, gateContradictions] = [0, 0, 0];
  for (let i = 0; i < t.count; i++) {
    const own = recordAt(t, i);
    const isDated = own.source === "cupti";
    const error = isDated ? errors.get(`${own.gpu} cupti:${own.process}`) : undefined;
    const hasGate = own.doneNs > 0;
    let time = recorded(own);
    const isBounded = error !== undefined && error.atNs.length > 0;
    if (isBounded) {
      time = bounded(own, error);
      if (own.submitNs > time.hiNs) early++;
    }
    if (hasGate) {
      const behind = behindGate(own, time, isBounded);
      if (behind.contradicts) gateContradictions++;
      if (!isBounded) columns.source[i] = GATE;
      time = behind.time;
    } else if (!isBounded && isDated) unbounded++;
    put(columns, i, time);
  }
  return { ...columns, unbounded, early, gateContradictions };
}

type Columns = Pick<KernelTimes, "startNs" | "endNs" | "loNs" | "hiNs" | "source">;
type Placed = Columns & Pick<KernelTimes, "unbounded" | "early" | "gateContradictions">;

function put(c: Columns, row: number, { startNs, endNs, loNs, hiNs }: KernelTime): void {
  c.startNs[row] = startNs;
  c.endNs[row] = endNs;
  c.loNs[row] = loNs;
  c.hiNs[row] = hiNs;
}

const GATE = SOURCES.indexOf("gate");
const SUBMIT = SOURCES.indexOf("submit");

/** By its record alone: a launch is all that bounds it. */
const recorded = ({ startNs, endNs, submitNs, source }: KernelRecord): KernelTime => ({
  startNs,
  endNs,
  loNs: source === "submit" ? submitNs : NaN,
  hiNs: NaN,
});

/**
 * A kernel behind a gate starts after the gate was opened, and its end was seen before `doneNs`: its start lies
 * a kernel's length before that. Where its record bounds it too, both hold; where both cannot, the record stands.
 * @param time what its record says.
 */
function behindGate(
  own: KernelRecord,
  time: KernelTime,
  isBounded: boolean,
): { time: KernelTime; contradicts: boolean } {
  const isDated = own.source === "cupti";
  const lengthNs = isDated ? own.endNs - own.startNs : 0;
  const [lo, hi] = [own.openedNs, own.doneNs - lengthNs];
  if (isBounded) {
    if (lo > time.hiNs || hi < time.loNs) return { time, contradicts: true };
    const both = { loNs: Math.max(lo, time.loNs), hiNs: Math.min(hi, time.hiNs) };
    return { time: { ...time, ...both }, contradicts: false };
  }
  // Without a record its flag says when it started, its end when it was seen.
  const startNs = isDated ? Math.min(hi, Math.max(lo, time.startNs)) : time.startNs;
  const endNs = time.endNs + (startNs - time.startNs);
  return { time: { startNs, endNs, loNs: lo, hiNs: hi }, contradicts: !(lo <= hi) };
}

/** In the middle of what the bursts around it allow; it cannot start before its launch. */
function bounded(
  { startNs: stamp, endNs, submitNs }: KernelRecord,
  { atNs, loNs, hiNs }: CuptiError,
): KernelTime {
  const after = firstAbove(atNs, stamp);
  const around = [Math.max(0, after - 1), Math.min(atNs.length - 1, after)];
  const lo = stamp + leastOf(around.map((burst) => valueAt(loNs, burst)));
  const hi = stamp + mostOf(around.map((burst) => valueAt(hiNs, burst)));
  const least = submitNs > lo && submitNs < hi ? submitNs : lo;
  const start = (least + hi) / 2;
  return { startNs: start, endNs: endNs + (start - stamp), loNs: least, hiNs: hi };
}

function doubts(
  { unbounded, early, gateContradictions, source }: Placed,
  table: KernelTable,
  clocks: readonly GpuClock[],
  errors: readonly CuptiError[],
): Finding[] {
  const some = (code: FindingCode, n: number, text: string) =>
    counted(code, n, `${n} of ${table.count} kernels${text}`);
  return [
    ...allAbout("kernels", [
      ...some(
        "kernels-unbounded",
        unbounded,
        " have times from CUPTI alone: no clock exchange with their GPU bounds the error",
      ),
      ...some("kernels-early", early, " begin before their launch, bounds included"),
      ...some(
        "kernels-gate-contradicts",
        gateContradictions,
        ": the gate before them and their record cannot both be right; the record is used",
      ),
      ...some(
        "kernels-without-end",
        source.reduce((n, s) => n + (s === SUBMIT ? 1 : 0), 0),
        " have a launch and no recorded end, so they have no Joules",
      ),
    ]),
    ...clocks.flatMap(({ clock, contradictions: n, segments }) => {
      const text = `${n} of ${n + segments.length} bursts of exchanges contradict themselves and were left out`;
      return allAbout(clock, counted("gpu-clock-contradicts", n, text), `clock ${clock}: `);
    }),
    ...errors.flatMap(({ name, contradictions: n, atNs }) => {
      const text = `at ${n} of ${n + atNs.length} bursts CUPTI's times and the GPU's own cannot both be right; they were left out`;
      return allAbout(name, counted("cupti-clock-contradicts", n, text), `clock ${name}: `);
    }),
  ];
}
