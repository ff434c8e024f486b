// A source, whole or damaged → what import and compare make of it, and whether that is honest against the
// whole one: refused in one line, or flagged, or every Joule equal or covered by its own uncertainty.

import { existsSync, rmSync } from "node:fs";
import { clockTotals } from "../../align/clocks/segments.ts";
import type { AlignedRun } from "../../align/timeline.ts";
import { command as importCommand } from "../../cli/import.ts";
import { runPaths } from "../../capture/run.ts";
import { compare, prepare } from "../../energy/compare.ts";
import type { Comparison } from "../../energy/result.ts";
import { PowerPrefix } from "../../energy/claims/prefix.ts";
import { Series } from "../../energy/claims/series.ts";
import { call } from "./call.ts";
import type { Source } from "./sources.ts";

export interface Judged {
  /** `refused`: one line and no run. `flagged`: done, exit 3. `clean`: exit 0. */
  readonly verdict: "refused" | "flagged" | "clean";
  /** What was said: the refusal, or each warning. */
  readonly told: readonly string[];
  readonly claims: readonly Claim[];
  /** Edges of the trace that no mark claims: counted in compare --json. */
  readonly edgesExtra: number;
  /** Joules of `physical` or of a channel between two host times, by the run's own trace or reads. */
  readonly between: (of: string, t0Ns: number, t1Ns: number) => number;
}

/** What a run says of one window, of the physical trace or of one channel; times on the host's clock. */
interface Claim {
  readonly window: string;
  readonly of: string;
  readonly joules: number;
  readonly reach: number;
  readonly t0Ns: number;
  readonly t1Ns: number;
  /** Reads that failed: counted in compare --json, which is a flag too. */
  readonly failedReads: number;
}

const PHYSICAL = "physical";

const refused = (error: Error): Judged => ({
  verdict: "refused",
  told: [oneLine(error)],
  claims: [],
  edgesExtra: 0,
  between: () => NaN,
});

/** Imports and compares. @throws Error with the reason when either fails in a way no user should see. */
export async function judge(source: Source, path: string, run: string): Promise<Judged> {
  rmSync(run, { recursive: true, force: true });
  const imported = await call(importCommand, [source.format, path], {
    out: run,
    ...source.options,
  });
  if (imported.error) {
    if (existsSync(run)) throw new Error("a refused source left a run behind");
    return refused(imported.error);
  }
  return judgeRun(run, imported.code === 3, imported.warnings);
}

/** Compares a run that is there. */
export function judgeRun(run: string, flagged = false, told: readonly string[] = []): Judged {
  let result: Comparison;
  const trace = new Trace();
  try {
    result = compare(prepare(runPaths(run).capture), { onRun: (rows) => trace.add(rows) });
  } catch (error) {
    return refused(error as Error);
  }
  const epochNs = Number(result.scan.session.hostEpoch);
  return {
    verdict: flagged || result.degraded ? "flagged" : "clean",
    told: [...told, ...result.warnings],
    claims: claimsOf(result, epochNs),
    edgesExtra: result.clocks.daq ? clockTotals(result.clocks.daq).edgesExtra : 0,
    between: (of, t0Ns, t1Ns) =>
      of === PHYSICAL
        ? trace.energyJ(t0Ns - epochNs, t1Ns - epochNs)
        : claimed(result, of, t0Ns - epochNs, t1Ns - epochNs),
  };
}

function claimsOf(c: Comparison, epochNs: number): Claim[] {
  return c.windows.flatMap(({ window, physical, telemetry }) => {
    const where = { window: window.name, t0Ns: epochNs + window.t0Ns, t1Ns: epochNs + window.t1Ns };
    const own = physical && {
      ...where,
      of: PHYSICAL,
      joules: physical.energyJ,
      reach: physical.expandedUncertaintyJ,
      failedReads: 0,
    };
    const channels = telemetry
      .filter((t) => t.method !== "filter_matched")
      .map((t) => ({
        ...where,
        of: t.channel,
        joules: t.energyJ,
        reach: (t.intervalJ[1] - t.intervalJ[0]) / 2,
        failedReads: t.failedReads,
      }));
    return own ? [own, ...channels] : channels;
  });
}

/** The physical trace row by row, without power where it was not observed. */
class Trace {
  readonly #tNs: number[] = [];
  readonly #powerW: number[] = [];
  #prefix: PowerPrefix | undefined;

  add({ tNs, totalW, from, to, gapBefore }: AlignedRun): void {
    const last = this.#tNs.at(-1);
    if (gapBefore && last !== undefined) {
      this.#tNs.push(last, tNs[from]!);
      this.#powerW.push(0, 0);
    }
    for (let i = from; i < to; i++) {
      this.#tNs.push(tNs[i]!);
      this.#powerW.push(totalW[i]!);
    }
  }

  energyJ(t0Ns: number, t1Ns: number): number {
    if (this.#tNs.length === 0) return NaN;
    this.#prefix ??= new PowerPrefix(Float64Array.from(this.#tNs), Float64Array.from(this.#powerW));
    return this.#prefix.energyJ(t0Ns, t1Ns);
  }
}

function claimed(c: Comparison, channel: string, t0Ns: number, t1Ns: number): number {
  const series = c.scan.telemetry.find((s) => s.channel.name === channel);
  return series ? new Series(series).claim(t0Ns, t1Ns).energyJ : NaN;
}

/** Errors for users carry a tag and are one line; anything else is a bug that would show a stack trace. */
function oneLine(error: Error & { tag?: string; code?: string; path?: string }): string {
  const meant = error.tag !== undefined || (error.code !== undefined && error.path !== undefined);
  if (!meant || error.message.includes("\n")) throw error;
  return error.message;
}

/**
 * What a damaged copy claims wrongly and without a word; empty when it is honest. A warning that the whole
 * source has too (a run without a physical trace always has one) does not count as a word.
 */
export function dishonest(whole: Judged, damaged: Judged): string[] {
  if (damaged.verdict === "refused") return [];
  if (damaged.verdict === "flagged" && damaged.told.some((t) => !whole.told.includes(t))) return [];
  return [...wrong(whole, damaged), ...missing(whole, damaged)];
}

/** The same of the physical trace alone. */
export const dishonestOfTrace = (whole: Judged, damaged: Judged): string[] => {
  const trace = (j: Judged): Judged => ({
    ...j,
    claims: j.claims.filter((c) => c.of === PHYSICAL),
  });
  return dishonest(trace(whole), trace(damaged));
};

/** Joules that the whole source has neither in that window nor between the same two instants. */
function wrong(whole: Judged, damaged: Judged): string[] {
  return damaged.claims.flatMap(({ window, of, joules, reach, t0Ns, t1Ns, failedReads }) => {
    const same = whole.claims.find((c) => c.window === window && c.of === of);
    if (same && failedReads > same.failedReads) return [];
    if (whole.claims.every((c) => c.of !== of)) return []; // a channel by another name
    const meets = (truth: number): boolean =>
      Math.abs(joules - truth) <= reach + 1e-9 * Math.abs(truth) ||
      (Number.isNaN(joules) && Number.isNaN(truth));
    const truth = whole.between(of, t0Ns, t1Ns);
    if (meets(truth) || (same && meets(same.joules) && lasts(same) === lasts({ t0Ns, t1Ns })))
      return [];
    return [`${window} ${of}: ${joules} J ± ${reach} instead of ${truth} J`];
  });
}

/** To 0.1 ms, which is what the figures are held to. */
const lasts = (w: { t0Ns: number; t1Ns: number }): number =>
  Math.round((w.t1Ns - w.t0Ns) / SAME_NS);

/** Windows that vanished without a trace, though the run goes on beyond them. */
function missing(whole: Judged, damaged: Judged): string[] {
  if (damaged.edgesExtra > whole.edgesExtra) return [];
  const endNs = Math.max(...damaged.claims.map((c) => c.t1Ns));
  const names = new Set(whole.claims.filter((c) => c.t1Ns < endNs - SAME_NS).map((c) => c.window));
  return [...names]
    .filter((n) => !damaged.claims.some((c) => c.window === n))
    .map((n) => `${n} is gone`);
}

/** Times whose difference does not matter. */
const SAME_NS = 1e5;
