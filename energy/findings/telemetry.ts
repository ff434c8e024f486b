// What the reader must know of the telemetry: reads out of order, values that cannot be, channels that say little.

import type { Claimed } from "../claimed.ts";
import type { Misplaced } from "../claims/clock-sets.ts";
import type { Count } from "../claims/counter.ts";
import type { Lag } from "../claims/lag.ts";
import { isCard, type Readings } from "../claims/limits.ts";
import { streamedMedian } from "../../stats/streamed-median.ts";
import type { Scan, TelemetrySeries } from "../../align/scanned.ts";
import { type Finding, finding, type FindingCode } from "../../schema/findings.ts";
import type { WindowResult } from "../result.ts";

/** About one channel, or several that are named in one breath. */
const of = (
  { name }: { readonly name: string },
  code: FindingCode,
  text: string,
  count?: number,
): Finding => finding(code, name, `${name}: ${text}`, count);

/** Reads are taken in order; where they are not, a clock was set. */
export function unsteady({ channel, tNs, value }: TelemetrySeries): Finding[] {
  let back = 0;
  for (let i = 1; i < tNs.length; i++) if (tNs.at(i) < tNs.at(i - 1)) back++;
  const out: Finding[] = [];
  if (back > 0) out.push(of(channel, "reads-backwards", `${back} reads go back in time`, back));
  return [...out, ...hiddenWraps({ channel, tNs, value })];
}

/** What a counter did besides rising; and channels whose reads failed from some read on. */
export function interrupted(channels: Claimed["channels"]): Finding[] {
  return [...channels].flatMap(
    ([
      name,
      {
        series: { count, endNs },
      },
    ]) => [
      ...(count ? uncounted({ name }, count) : []),
      ...(endNs === Infinity
        ? []
        : [
            of(
              { name },
              "channel-ended",
              `all reads after ${seconds(endNs)} s failed: its claim ends there, and what was drawn from there on is in its intervals alone`,
            ),
          ]),
    ],
  );
}

function uncounted(
  channel: { readonly name: string },
  { strays, fell, leapt, stoodNs, mostW }: Count,
): Finding[] {
  const lost = "what was drawn in these steps is in its intervals, not in its Joules";
  const told = (n: number, code: FindingCode, text: string): Finding[] =>
    n > 0 ? [of(channel, code, text, n)] : [];
  return [
    ...told(
      fell,
      "counter-fell",
      `the counter fell ${times(fell)} and began anew, as where a driver is reloaded or the machine slept: ${lost}`,
    ),
    ...told(
      leapt,
      "counter-leapt",
      `the counter leapt ${times(leapt)} by more than can be drawn and went on from there: ${lost}`,
    ),
    ...told(
      strays,
      "reads-implausible",
      `${strays} reads of the counter are none (with the next it was back where it had been); they are left out`,
    ),
    ...told(
      stoodNs > 0 ? 1 : 0,
      "counter-stood-still",
      mostW > 0
        ? `the counter stood still for ${seconds(stoodNs)} s, as it never did else, and did not make up for it: what was drawn there is in its intervals, not in its Joules`
        : `the counter never moved in ${seconds(stoodNs)} s: it makes no claim`,
    ),
  ];
}

const times = (n: number): string => (n === 1 ? "once" : `${n} times`);
const seconds = (ns: number): string => (ns / 1e9).toFixed(1);

/** A counter that may have gone round unseen between two reads: one turn is what unwrapping takes for granted. */
function hiddenWraps({
  channel,
  tNs,
  value,
}: Pick<TelemetrySeries, "channel" | "tNs" | "value">): Finding[] {
  const { wrapsAt } = channel;
  if (wrapsAt === undefined || channel.quantity !== "energy") return [];
  const eachStep = (see: (ns: number, j: number) => void): void => {
    let [t, j] = [NaN, NaN];
    for (let i = 0; i < tNs.length; i++) {
      if (!Number.isFinite(value.at(i))) continue;
      const [ns, grown] = [tNs.at(i) - t, value.at(i) - j];
      [t, j] = [tNs.at(i), value.at(i)];
      if (!Number.isNaN(ns)) see(ns, grown < 0 ? grown + wrapsAt : grown);
    }
  };
  const usual = streamedMedian((see) => {
    eachStep((ns, j) => {
      if (ns > 0 && j > 0) see(j / ns);
    });
  }, tNs.length);
  let longest = 0;
  eachStep((ns) => (longest = Math.max(longest, ns)));
  return usual * longest < wrapsAt
    ? []
    : [
        of(
          channel,
          "counter-turns-unseen",
          `no read for ${(longest / 1e9).toFixed(0)} s, in which its counter may have wrapped more than once (it does so every ${(wrapsAt / usual / 1e9).toFixed(0)} s); what it counted is missing by whole turns`,
        ),
      ];
}

/** What a channel's device cannot have drawn: a driver's word for "unknown", or a garbled log. */
export function implausible({ series, impossible, mostW }: Readings): Finding[] {
  const { channel, value } = series;
  const most = `above ${Number(mostW.toPrecision(3))} W`;
  const seen = isCard(channel.name)
    ? `0 W, negative or ${most}, which this card cannot draw`
    : `${most}, or what a driver says that knows nothing`;
  const text = `${impossible} of its ${value.length} reads are ${seen}; they are left out`;
  return impossible > 0 ? [of(channel, "reads-implausible", text, impossible)] : [];
}

/** One for the channels of one log. */
export function clockSets(misplaced: readonly Misplaced[]): Finding[] {
  const logs = new Map<string, Misplaced[]>();
  for (const m of misplaced) {
    const key = `${m.fromNs} ${m.toNs}`;
    logs.set(key, [...(logs.get(key) ?? []), m]);
  }
  return [...logs.values()].map((log) => {
    const { fromNs, toNs, lateNs, halfNs, reads } = log[0]!;
    const [from, to, late, half] = [fromNs, toNs, Math.abs(lateNs), halfNs].map((ns) => ns / 1e9);
    const count = reads.reduce((n, [a, b]) => n + b - a, 0);
    const channels = log.map((m) => m.channel).join(", ");
    const text =
      `${channels}: between ${from!.toFixed(1)} and ${to!.toFixed(1)} s by their stamps, ` +
      `${count} reads lie up to ${late!.toFixed(2)} ± ${half!.toFixed(2)} s too ${lateNs > 0 ? "late" : "early"} against the physical trace, ` +
      `as much as the stamps jump: the log's clock was set, or the trace lost as much unseen; these reads are in no claim`;
    return finding("reads-misplaced", channels, text, count);
  });
}

/** A channel cannot lead what it measures, and none averages over more than a second or so. */
export function impossibleLags(lags: readonly Lag[]): Finding[] {
  return lags
    .filter((l) => l.lagNs < -0.1e9 || l.lagNs > 1.2e9)
    .map((l) =>
      of(
        { name: l.channel },
        "lag-impossible",
        `by cross-correlation it ${l.lagNs < 0 ? "leads" : "lags"} the physical trace by ${(Math.abs(l.lagNs) / 1e9).toFixed(2)} s; a clock or a zone is wrong`,
      ),
    );
}

/** Telemetry that never meets the physical trace: a wrong zone or a stepped clock, most likely. */
export function strangers(
  channels: Claimed["channels"],
  results: readonly WindowResult[],
): Finding[] {
  const session = results.find((r) => r.window.kind === "session");
  if (!session?.physical) return [];
  const readsOf = (channel: string): number => channels.get(channel)?.series.tNs.length ?? 0;
  const lost = session.telemetry.filter(
    (t) => t.samples === 0 && t.method !== "filter_matched" && readsOf(t.channel) > 0,
  );
  if (lost.length === 0) return [];
  const names = lost.map((t) => t.channel).join(", ");
  return [
    of(
      { name: names },
      "channel-elsewhere",
      "no read falls inside the physical trace; a wrong --tz or a stepped clock would do that",
      lost.length,
    ),
  ];
}

const isSilent = ({ value }: TelemetrySeries): boolean => !value.some((v) => Number.isFinite(v));

/** NVML_ERROR_NOT_SUPPORTED (nvml.h): the driver's word for a field that this card does not have. */
const NOT_SUPPORTED = 3;

/** Channels that never gave a value; `channel-unsupported`: the driver says why, no failure of the run. */
export function silentChannels(
  scan: Scan,
  code: "channel-silent" | "channel-unsupported",
): Finding[] {
  const unsupported = code === "channel-unsupported";
  return scan.telemetry
    .filter((s) => s.value.length > 0 && isSilent(s) && /^(power|energy)$/.test(s.channel.quantity))
    .filter((s) => s.code.some((c) => c !== NOT_SUPPORTED) !== unsupported)
    .map(({ channel, value }) =>
      of(
        channel,
        code,
        `none of its ${value.length} reads holds a value${unsupported ? "; the driver does not support it" : ""}`,
        value.length,
      ),
    );
}

/** Beyond this share of the session the straight lines between reads are no longer the channel's own claim. */
const MOST_GAPS = 0.05;

export function thinTelemetry(results: readonly WindowResult[]): Finding[] {
  const session = results.find((r) => r.window.kind === "session");
  return (session?.telemetry ?? [])
    .filter((t) => t.method !== "filter_matched" && !t.sums)
    .filter((t) => t.samples > 0 && t.gapFraction > MOST_GAPS)
    .map((t) =>
      of(
        { name: t.channel },
        "channel-gappy",
        `${(100 * t.gapFraction).toFixed(0)} % of the session lies in gaps between its reads`,
      ),
    );
}
