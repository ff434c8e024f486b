// What the reader must know of the telemetry: reads out of order, values that cannot be, channels that say little.

import type { Misplaced } from "../claims/clock-sets.ts";
import type { Lag } from "../claims/lag.ts";
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

/** Reads are taken in order, and a counter only rises; what breaks that is a stepped clock or a reload. */
export function unsteady({ channel, tNs, value }: TelemetrySeries): Finding[] {
  let [back, falls, last] = [0, 0, -Infinity];
  for (let i = 0; i < tNs.length; i++) {
    const v = value.at(i);
    if (i > 0 && tNs.at(i) < tNs.at(i - 1)) back++;
    if (v < last) falls++;
    if (Number.isFinite(v)) last = v;
  }
  const out: Finding[] = [];
  if (back > 0) out.push(of(channel, "reads-backwards", `${back} reads go back in time`, back));
  if (falls > 0 && channel.quantity === "energy" && channel.wrapsAt === undefined)
    out.push(
      of(
        channel,
        "counter-fell",
        `the counter falls ${falls} times and no modulus is known; what it lost there is missing from its Joules`,
        falls,
      ),
    );
  return [...out, ...hiddenWraps({ channel, tNs, value })];
}

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

/** Four times what the largest module of 2025 may draw (NVIDIA B300: 1.4 kW). */
const MOST_POWER_W = 5600;

/** What a driver cannot have said of one card: a garbled log. */
export function implausible({ channel, value }: TelemetrySeries): Finding[] {
  if (channel.quantity !== "power" || !/^(nvml|nvidia_smi)\./.test(channel.name)) return [];
  let count = 0;
  for (let i = 0; i < value.length; i++) {
    const w = value.at(i);
    if (w < 0 || w > MOST_POWER_W) count++;
  }
  return count > 0
    ? [
        of(
          channel,
          "reads-implausible",
          `${count} reads are negative or above ${MOST_POWER_W} W, which no card draws`,
          count,
        ),
      ]
    : [];
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
export function strangers(scan: Scan, results: readonly WindowResult[]): Finding[] {
  const session = results.find((r) => r.window.kind === "session");
  if (!session?.physical) return [];
  const silent = new Set(scan.telemetry.filter(isSilent).map((s) => s.channel.name));
  const lost = session.telemetry.filter(
    (t) => t.samples === 0 && t.method !== "filter_matched" && !silent.has(t.channel),
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
    .filter((t) => t.method !== "filter_matched" && t.samples > 0 && t.gapFraction > MOST_GAPS)
    .map((t) =>
      of(
        { name: t.channel },
        "channel-gappy",
        `${(100 * t.gapFraction).toFixed(0)} % of the session lies in gaps between its reads`,
      ),
    );
}
