// truejoule compare RUN: physical Joules ± U beside every telemetry channel, per window.

import type { Discipline } from "../align/reference/discipline.ts";
import type { Comparison, ShortestEvents, WindowResult } from "../energy/result.ts";
import type { KernelSummary } from "../energy/cuda-kernels.ts";
import { formatQuantity } from "../schema/units.ts";
import { UsageError } from "../schema/errors.ts";
import { type Command, tell, type Ui } from "./command.ts";
import { claimsByLength, onRails } from "./shortest-text.ts";
import { withRun, workListener } from "./locked-run.ts";

export const command: Command = {
  summary: "physical Joules against every telemetry channel, per window",
  usage: "RUN [--window NAME] [--all]",
  help: `
Reads RUN/capture.mcap, writes RUN/compare.json and prints the table. U is the expanded uncertainty (k = 2,
about 95 %). Methods: trapezoid (power reads), counter (energy counter), filter_matched (the claim after
the channel's own update period, window and delay are taken out of the comparison).
Exit 3 when the run has recorded losses or a doubt about its clocks; the warnings say which.`,
  options: { window: { type: "string" }, all: { type: "boolean" } },
  optionHelp: [
    ["--window NAME", "only this window (load, load-3, session, …)"],
    ["--all", "every window; by default the first 4, load and session first"],
  ],

  async run(call) {
    const [dir, ...extra] = call.positionals;
    if (!dir || extra.length > 0) throw new UsageError("compare takes one RUN");
    const window = call.options["window"];
    const name = typeof window === "string" ? window : undefined;
    const { compareRun } = await import("../dataset/compare-run.ts");
    const {
      comparison: result,
      document,
      changed,
    } = await withRun(dir, "exclusive", (paths) =>
      compareRun(paths, { run: dir, window: name }, workListener(call.ui)),
    );
    const chosen = choose(result, name, call.options["all"] === true);
    if (call.ui.json) call.ui.document(document);
    else {
      printTable(chosen, result.list.count, result.scan.session.source, call.ui);
      printShortest(result.shortest, call.ui);
      for (const d of result.scan.disciplines) call.ui.print(disciplineLine(d));
      printKernels(result.kernels?.byName ?? [], call.ui);
    }
    tell(call.ui, result.findings);
    return result.degraded || changed ? 3 : 0;
  },
};

const SHOWN = 4;
/** As many as have a budget of their own (energy/detailed.ts). */
const MOST_SHOWN = 10_000;

/** @param name of a window, or of all that are numbered under it. */
function choose(
  { windows: all, list }: Pick<Comparison, "windows" | "list">,
  name: unknown,
  every: boolean,
): readonly WindowResult[] {
  if (typeof name === "string") {
    const exactly = all.filter((r) => r.window.name === name);
    const numbered = new RegExp(`^-\\d+$`);
    const family = all.filter(
      ({ window: w }) => w.name.startsWith(name) && numbered.test(w.name.slice(name.length)),
    );
    if (exactly.length > 0) return every ? [...exactly, ...family] : exactly;
    if (family.length > 0) return every ? family : family.slice(0, SHOWN);
    throw new UsageError(`no window "${name}"; there are ${list.someNames()}`);
  }
  // The summary windows first: they are what one wants to see of eighty repeats.
  const ranked = [...all].sort((a, b) => rank(a) - rank(b));
  return every ? all : ranked.slice(0, SHOWN);
}

const rank = (r: WindowResult): number =>
  r.window.name === "load" ? 0 : r.window.kind === "session" ? 1 : 2;

export function printTable(
  rows: readonly WindowResult[],
  total: number,
  source: string,
  ui: Ui,
): void {
  if (source !== "hardware") ui.print(`source: ${source}`);
  for (const r of rows) {
    const { window: w, physical: p } = r;
    const seconds = ((w.t1Ns - w.t0Ns) / 1e9).toPrecision(5);
    ui.print(
      p
        ? `${w.name}  ${seconds} s  physical ${joules(p.energyJ)} ± ${joules(p.expandedUncertaintyJ)} (k = ${Number(p.coverageFactor.toPrecision(3))}), mean ${Number.isFinite(p.meanPowerW) ? p.meanPowerW.toPrecision(5) : "—"} W, ${p.quality}`
        : `${w.name}  ${seconds} s  no physical trace`,
    );
    if (p && p.unmeasuredJ > 0 && Number.isFinite(p.energyJ))
      ui.print(
        `    and up to ${joules(p.unmeasuredJ)} more on rails that are not measured: ${joules(p.intervalJ[0])} to ${joules(p.intervalJ[1])} in all`,
      );
    if (p && p.bridgedJ !== 0)
      ui.print(
        `    of it ${joules(p.bridgedJ)} not observed: the estimate for ${(100 * p.gapFraction).toPrecision(3)} % of the window's time, ${formatQuantity(Number(p.maxGapS.toPrecision(3)), "s")} at a stretch at most`,
      );
    for (const t of r.telemetry)
      ui.print(
        `    ${t.channel.padEnd(34)} ${t.method.padEnd(15)} ${joules(t.energyJ).padStart(12)}  ${percent(t.errorPct).padStart(9)} ± ${percent(t.errorUncertaintyPct).replace("+", "")}  ${t.quality}`,
      );
    if (r.strobe && p && spread(r.strobe.counterJ) > SPREAD_WORTH_SAYING)
      ui.print(
        `    by phase alone a 20 ms counter could say ${joules(r.strobe.counterJ[0])} to ${joules(r.strobe.counterJ[1])}, a 25 ms strobe ${joules(r.strobe.instantJ[0])} to ${joules(r.strobe.instantJ[1])}`,
      );
  }
  if (rows.length < total)
    ui.print(
      `… ${total - rows.length} more windows: ${total > MOST_SHOWN ? "events.arrow holds all (truejoule fuse), --window NAME shows those of a name" : "--all shows them"}`,
    );
}

function printShortest({ rails, claims }: ShortestEvents, ui: Ui): void {
  const texts = [...(rails ? [`${onRails(rails)} by the rails`] : []), ...claimsByLength(claims)];
  if (texts.length > 0) ui.print(`shortest event: ${texts.join("; ")}`);
}

/** Names beyond these are in the document only. */
const SHOWN_NAMES = 12;

/** Kernels by name, most Joules first: what is too short to stand alone still has its sum. */
function printKernels(byName: readonly KernelSummary[], ui: Ui): void {
  for (const k of byName.slice(0, SHOWN_NAMES)) {
    const u = k.expandedUncertaintyJ;
    const doubt =
      u === null
        ? "all shorter than two rows: uncertainty not known"
        : u >= Math.abs(k.energyJ)
          ? "uncertainty as large as the Joules"
          : k.tooShort > 0
            ? `${k.tooShort} shorter than two rows`
            : "";
    ui.print(
      `kernel ${k.name}: ${k.count} launches, ${joules(k.energyJ)}${u === null ? "" : ` ± ${joules(u)}`} in all, ${joules(k.meanJ)} each${doubt && `; ${doubt}`}`,
    );
  }
  if (byName.length > SHOWN_NAMES)
    ui.print(`… ${byName.length - SHOWN_NAMES} more kernels in compare.json`);
}

/** What a reference found of a fast sensor, standard uncertainties. */
function disciplineLine({ rail, quantity, reference, fit, ...d }: Discipline): string {
  const unit = quantity === "voltage" ? "V" : "A";
  if (!fit) return `${rail} ${quantity}: not corrected by ${reference}`;
  return `${rail} ${quantity} corrected by ${fit.readings} readings of ${reference}: gain ${percent(100 * (d.gain - 1))} ± ${(100 * d.gainU).toFixed(2)} %, offset ${d.offset.toFixed(4)} ± ${d.offsetU.toFixed(4)} ${unit}, drift ${fit.drift.toFixed(4)} ± ${fit.driftU.toFixed(4)} ${unit} in this run`;
}

/** A strobe that can mislead by less is not worth a line. */
const SPREAD_WORTH_SAYING = 0.01;

const spread = ([lo, hi]: readonly [number, number]): number => (hi - lo) / hi;

function joules(j: number): string {
  if (!Number.isFinite(j)) return "—";
  const size = Math.abs(j);
  if (size >= 1 || size === 0) return `${j.toFixed(size >= 100 ? 1 : 3)} J`;
  return size >= 1e-3 ? `${(j * 1e3).toFixed(3)} mJ` : `${(j * 1e6).toFixed(3)} µJ`;
}

const percent = (x: number | null): string =>
  x === null ? "—" : `${x >= 0 ? "+" : ""}${x.toFixed(2)} %`;
