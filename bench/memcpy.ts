// A piece of work → how fast it is, and how fast memcpy moves the same bytes in the same minutes: work
// and memcpy take turns, so that a noisy neighbour slows both. Leaves: one figure, ready to print.
// Computing is timed in seconds of this process on a processor, all its threads together, since what
// neighbours took of the machine says nothing about the code; input and output by the clock on the wall.

import { loadavg } from "node:os";
import { leastOf, upperMedian } from "../stats/summary.ts";

/** One JSON line of `truejoule bench`. */
export interface Figure {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  /** What the project promises; null where it promises nothing. */
  readonly target: number | null;
  readonly met: boolean | null;
  /** Bytes a second of the work over bytes a second of memcpy, both at their best. */
  readonly ratio_to_memcpy?: number;
  readonly memcpy_bytes_per_s?: number;
  readonly best_s?: number;
  /** Median over best: 1 on a quiet machine. */
  readonly noise?: number;
  readonly repeats?: number;
  readonly load_average: number;
  readonly note?: string;
}

/** What a bench yields, in the order printed. */
export type Bench = () => Iterable<Figure>;

export interface Work {
  readonly bench: string;
  readonly unit: string;
  /** Units done by one call of `run`; bytes that go into it. */
  readonly amount: number;
  readonly bytes: number;
  readonly target?: number;
  readonly note?: string;
  /** It waits for a device: timed by the wall clock. */
  readonly io?: true;
  readonly run: () => void;
}

/** Beyond the second-level cache of any current core, so that memcpy is timed against memory. */
const COPIED = 64 << 20;

/** Until V8 has compiled the loops for good. */
const WARM_MS = 2000;

export function measure(work: Work, repeats = 100): Figure {
  const from = new Uint8Array(COPIED).fill(1);
  const to = new Uint8Array(COPIED).fill(2);
  for (const end = performance.now() + WARM_MS; performance.now() < end;) work.run();
  const own: number[] = [];
  const copies: number[] = [];
  for (let i = 0; i < repeats; i++) {
    copies.push(cpuSeconds(() => to.set(from)));
    own.push((work.io ? seconds : cpuSeconds)(work.run));
  }
  const [best, copy] = [leastOf(own), leastOf(copies)];
  const memcpy = COPIED / copy;
  return figure(work.bench, work.amount / best, work.unit, work.target ?? null, {
    ratio_to_memcpy: round(work.bytes / best / memcpy),
    memcpy_bytes_per_s: round(memcpy),
    best_s: round(best),
    noise: round(upperMedian(own)! / best),
    repeats,
    ...(work.note === undefined ? {} : { note: work.note }),
  });
}

/** A figure that is at least its target, or at most where `atMost`. */
export function figure(
  bench: string,
  value: number,
  unit: string,
  target: number | null,
  rest: Partial<Figure> = {},
  atMost = false,
): Figure {
  const met = target === null ? null : atMost ? value <= target : value >= target;
  const load_average = round(loadavg()[0]!);
  return { bench, value: round(value), unit, target, met, ...rest, load_average };
}

/** Bytes a second, for work that is not timed in turns with it. */
export function memcpyRate(): number {
  const [from, to] = [new Uint8Array(COPIED).fill(1), new Uint8Array(COPIED).fill(2)];
  return COPIED / leastOf(Array.from({ length: 20 }, () => cpuSeconds(() => to.set(from))));
}

export function seconds(run: () => void): number {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

export function cpuSeconds(run: () => void): number {
  const start = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/** Four digits: more would be noise. */
const round = (x: number): number => Number(x.toPrecision(4));
