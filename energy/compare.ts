// A run → physical Joules beside every telemetry channel's, per window, with an error bar on both.
// Leaves: the compare/1 document of docs/reference.md, and whether anything was lost or doubtful.

import { fitClocks } from "../align/clocks/fit.ts";
import { type Pause, pausesOf } from "../align/clocks/segments.ts";
import { scanCapture } from "../align/scan.ts";
import { isTraced } from "../align/scanned.ts";
import type { AlignedRun } from "../align/timeline.ts";
import type { NumberPages } from "../capture/number-pages.ts";
import { degrades, type Observation, textsOf } from "../schema/findings.ts";
import { NS_PER_S, type SessionNs } from "../schema/time.ts";
import { aliasedPass } from "./aliasing.ts";
import { COVERAGE_FACTOR } from "./budget/budget.ts";
import { summariesByName } from "./by-name.ts";
import { type Claimed, claimedIn } from "./claimed.ts";
import { SeenByCounter, strobeOf, telemetryOf } from "./claims/window-claims.ts";
import { chosen, kernelEnergies, summarise } from "./cuda-kernels.ts";
import { detailedRows } from "./detailed.ts";
import { Doubts } from "./doubts.ts";
import { findingsOf } from "./findings.ts";
import { agreementIn, contradicted } from "./findings/agreement.ts";
import { mayAlias, tooFastLoad } from "./findings/rig.ts";
import { idleOf, physicalOf } from "./measured.ts";
import { physicalPass, type PhysicalPass } from "./physical.ts";
import type { Comparison, IdlePower, KernelsEnergy, Prepared, WindowResult } from "./result.ts";
import { observedSpan, sessionWindow } from "./session-span.ts";
import { shortestClaims, shortestOnRails } from "./shortest.ts";
import { pairMarks, WindowList } from "./windows.ts";
import { valueAt } from "../stats/places.ts";

/** Windows beyond this many do without the strobe forecast: it scans the trace per window. */
const STROBE_WINDOWS = 64;

/** @param pages where telemetry reads lie that are too many for memory. */
export function prepare(capturePath: string, onProgress?: Progress, pages?: NumberPages): Prepared {
  const scan = scanCapture(capturePath, onProgress, pages);
  const clocks = fitClocks(scan);
  const paired = pairMarks(clocks.marks);
  const { kernels } = clocks;
  const kernelRows = kernels && scan.rig ? chosen(kernels, NS_PER_S / scan.rig.device.rowHz) : [];
  const session = sessionWindow(scan, clocks);
  const ofKernels = kernels && { times: kernels, rows: kernelRows };
  const windows = new WindowList(session, paired, ofKernels);
  const pairing = [...paired.findings, ...(kernels?.findings ?? [])];
  return { scan, clocks, windows, pairing, kernelRows };
}

type Progress = (done: number, total: number) => void;

export interface CompareOptions {
  readonly onProgress?: Progress | undefined;
  /** Sees every run of samples as it passes by: fuse writes its table there. */
  readonly onRun?: ((run: AlignedRun) => void) | undefined;
  /** Windows of this name come before others where not all can have a budget. */
  readonly window?: string | undefined;
}

export function compare(p: Prepared, o: CompareOptions = {}): Comparison {
  const { scan, clocks, windows: list, pairing } = p;
  const detailed = detailedRows(list, o.window);
  const claimed = claimedIn(scan, clocks);
  const seen = judged(p, physicalPass(scan, clocks, list, { ...o, detailed }), claimed, detailed);
  const { physical, results, doubts, agreement, idle } = seen;
  const counts = physical?.counts ?? null;
  const figures = physical?.figures ?? null;
  const { railMeans = [] } = physical ?? {};
  const known = {
    scan,
    clocks,
    counts,
    railMeans,
    pairing,
    results,
    claimed,
    list,
    doubts,
    agreement,
  };
  const findings = findingsOf(known);
  const kernels = physical && kernelsOf(p, physical, results);
  const byName = summariesByName(list, figures);
  return {
    ...{ scan, clocks, windows: results, list, figures, doubts, byName },
    ...{ kernels, filters: filtersOf(claimed), claimStatus: claimed.status },
    ...{ lags: claimed.lags, idle, counts },
    shortest: {
      rails: isTraced(scan) ? shortestOnRails(scan.rig) : null,
      claims: shortestClaims(claimed.channels.values()),
    },
    ...{ findings, warnings: textsOf(findings), degraded: degrades(findings) },
  };
}

const filtersOf = ({ channels }: Claimed): Comparison["filters"] =>
  new Map([...channels].flatMap(([name, { filter }]) => (filter ? [[name, filter]] : [])));

/** Windows beside the claims; and once more, with what aliasing may cost, where the claims say that there is some. */
function judged(
  p: Prepared,
  physical: PhysicalPass | null,
  claimed: Claimed,
  detailed: ReadonlySet<number>,
) {
  const { scan, clocks } = p;
  const clipped = physical?.counts.clippedSpans ?? [];
  const pauses = clocks.daq ? pausesOf(clocks.daq).map(reach) : [];
  const observed = observedSpan(scan, clocks);
  const fast = physical && scan.rig ? tooFastLoad(scan.rig) : [];
  const seenBy = (pass: PhysicalPass | null, everywhere: readonly Observation[]) => {
    const doubts = new Doubts({ clipped, pauses, observed, everywhere });
    const idle = idleOf(pass);
    const results = resultsOf(p, { physical: pass, claimed, idle, doubts }, detailed);
    return { physical: pass, results, doubts, idle };
  };
  const plain = seenBy(physical, fast);
  const agreement = agreementIn(plain.results);
  if (!agreement || !physical || !scan.rig || !mayAlias(scan.rig)) return { ...plain, agreement };
  const widened = aliasedPass(physical, agreement.share);
  return { ...seenBy(widened, [...fast, contradicted(agreement)]), agreement: null };
}

interface Judgement {
  readonly physical: PhysicalPass | null;
  readonly claimed: Claimed;
  readonly idle: IdlePower | null;
  readonly doubts: Doubts;
}

function resultsOf(
  { scan, windows: list }: Prepared,
  { physical, claimed, idle, doubts }: Judgement,
  detailed: ReadonlySet<number>,
): WindowResult[] {
  return [...detailed]
    .sort((a, b) => a - b)
    .map((row, i): WindowResult => {
      const window = doubts.on(list.at(row));
      const found = physical?.detailed.get(row);
      const of = found ? physicalOf(window, found, idle) : null;
      const seen = claimed.strobed && new SeenByCounter(claimed.strobed, window);
      return {
        window,
        physical: of,
        // A read every 10 ms at best says nothing of a kernel.
        telemetry:
          window.kind === "kernel" ? [] : telemetryOf(claimed, { window, physical: of, seen }),
        strobe: seen && i < STROBE_WINDOWS ? strobeOf(seen, scan) : null,
      };
    });
}

function kernelsOf(
  { scan: { rig }, clocks: { kernels }, kernelRows }: Prepared,
  physical: PhysicalPass,
  results: readonly WindowResult[],
): KernelsEnergy | null {
  if (!kernels || !rig) return null;
  const energyJ = kernelEnergies(kernels, physical.kernels);
  const first = results.length - kernelRows.length;
  const windows = new Map(
    results
      .slice(first)
      .flatMap(({ physical: of }, i) => (of ? [[valueAt(kernelRows, i), of]] : [])),
  );
  const byName = summarise(kernels, energyJ, NS_PER_S / rig.device.rowHz, windows);
  return { energyJ, rows: kernelRows, byName };
}

/** A pause may reach into whatever lies this near to it. */
const reach = (p: Pause): readonly [SessionNs, SessionNs] => [
  p.fromNs - COVERAGE_FACTOR * p.fromUNs,
  p.toNs + COVERAGE_FACTOR * p.toUNs,
];
