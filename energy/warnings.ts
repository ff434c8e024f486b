// Everything about a run that its reader must know, in words, and whether it is degraded: a loss or a
// doubt about the figures, as against a remark on them.

import type { SessionClocks } from "../align/clocks/fit.ts";
import type { Misplaced } from "./claims/clock-sets.ts";
import type { Lag } from "./claims/lag.ts";
import { streamedMedian } from "../stats/streamed-median.ts";
import type { Scan, TelemetrySeries } from "../align/scanned.ts";
import { clockTotals, type DaqClock, placeNs } from "../align/clocks/segments.ts";
import type { TimelineCounts } from "../align/timeline.ts";
import type { Rail, Rig, Sensor } from "../schema/rig.ts";
import type { Note } from "../schema/records.ts";
import type { WindowResult } from "./result.ts";
import type { Doubts } from "./doubts.ts";
import type { WindowList } from "./windows.ts";
import { append } from "../schema/lists.ts";

export interface Told {
  readonly warnings: readonly string[];
  readonly degraded: boolean;
}

export function warningsOf(
  scan: Scan,
  clocks: SessionClocks,
  counts: TimelineCounts | null,
  pairing: readonly string[],
  results: readonly WindowResult[],
  lags: readonly Lag[],
  misplaced: readonly Misplaced[],
  all?: { readonly list: WindowList; readonly doubts: Doubts },
): Told {
  const serious = [
    ...damagesOf(scan),
    ...some(notesOf(scan, "loss"), "losses noted in the log"),
    ...some(pairing, "remarks on marks that do not pair"),
    ...wallClockSteps(scan),
    ...losses(scan, counts),
    ...edgesOutside(scan),
    ...strangeRate(scan, clocks),
    ...clockDoubts(clocks),
    ...scan.disciplines.flatMap((d) => d.warnings),
    ...unplacedMarks(scan, clocks),
    ...scan.telemetry.flatMap(unsteady),
    ...scan.telemetry.flatMap(implausible),
    ...clockSets(misplaced),
    ...(all ? doubtful(all) : []),
  ];
  if (!scan.stream)
    serious.push(
      "this run holds no physical trace: every claim from it is void until a shunt has seen it",
    );
  append(serious, [
    ...strangers(scan, results),
    ...thinTelemetry(results),
    ...impossibleLags(lags),
    ...contradictsPublished(scan, results),
    ...silentChannels(scan, false),
  ]);
  const remarks = [
    ...silentChannels(scan, true),
    ...some(notesOf(scan, "warning"), "warnings noted in the log"),
    ...scan.remarks,
    ...(scan.rig ? [...rigRemarks(scan.rig), ...(all ? tooShort(scan.rig, all.list) : [])] : []),
    ...unresolved(results),
  ];
  return { warnings: [...serious, ...remarks], degraded: serious.length > 0 };
}

const notesOf = (scan: Scan, level: Note["level"]): string[] =>
  scan.notes.flatMap((n) => (n.level === level ? [n.text] : []));

/** @param what the rest is, in words. */
function some(lines: readonly string[], what: string): string[] {
  const more = lines.length - MOST_LINES;
  return more > 0 ? [...lines.slice(0, MOST_LINES), `${more} more ${what}`] : [...lines];
}

/** Lines about one window each; of more, a sentence says how many there are. */
const MOST_LINES = 100;

function doubtful({ list, doubts }: { list: WindowList; doubts: Doubts }): string[] {
  const out: string[] = [];
  let more = 0;
  for (const w of list) {
    const doubt = doubts.of(w);
    if (doubt === undefined) continue;
    if (out.length < MOST_LINES) out.push(`window ${w.name}: ${doubt}`);
    else more++;
  }
  return more > 0 ? [...out, `${more} more windows are in doubt: events.arrow says why`] : out;
}

/** One line for each kind of damage, however often it occurs. */
function damagesOf(scan: Scan): string[] {
  const kinds = new Map<string, { count: number; offset: number; bytes: number }>();
  for (const d of scan.damages) {
    const same = kinds.get(d.text);
    if (same) kinds.set(d.text, { ...same, count: same.count + 1, bytes: same.bytes + d.bytes });
    else kinds.set(d.text, { count: 1, offset: d.offset, bytes: d.bytes });
  }
  return [...kinds].map(
    ([text, { count, offset, bytes }]) =>
      `capture log: ${text} (${count > 1 ? `${count} times, first at ` : ""}offset ${offset}, ${bytes} bytes)`,
  );
}

/** Reads are taken in order, and a counter only rises; what breaks that is a stepped clock or a reload. */
function unsteady({ channel, tNs, value }: TelemetrySeries): string[] {
  let [back, falls, last] = [0, 0, -Infinity];
  for (let i = 0; i < tNs.length; i++) {
    const v = value.at(i);
    if (i > 0 && tNs.at(i) < tNs.at(i - 1)) back++;
    if (v < last) falls++;
    if (Number.isFinite(v)) last = v;
  }
  const out: string[] = [];
  if (back > 0) out.push(`${channel.name}: ${back} reads go back in time`);
  if (falls > 0 && channel.quantity === "energy" && channel.wrapsAt === undefined)
    out.push(
      `${channel.name}: the counter falls ${falls} times and no modulus is known; what it lost there is missing from its Joules`,
    );
  return [...out, ...hiddenWraps({ channel, tNs, value })];
}

/** A counter that may have gone round unseen between two reads: one turn is what unwrapping takes for granted. */
function hiddenWraps({
  channel,
  tNs,
  value,
}: Pick<TelemetrySeries, "channel" | "tNs" | "value">): string[] {
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
        `${channel.name}: no read for ${(longest / 1e9).toFixed(0)} s, in which its counter may have gone round more than once (it does so every ${(wrapsAt / usual / 1e9).toFixed(0)} s); what it counted is missing by whole turns`,
      ];
}

/** Four times what the largest module of 2025 may draw (NVIDIA B300: 1.4 kW). */
const MOST_POWER_W = 5600;

/** What a driver cannot have said of one card: a garbled log. */
function implausible({ channel, value }: TelemetrySeries): string[] {
  if (channel.quantity !== "power" || !/^(nvml|nvidia_smi)\./.test(channel.name)) return [];
  let count = 0;
  for (let i = 0; i < value.length; i++) {
    const w = value.at(i);
    if (w < 0 || w > MOST_POWER_W) count++;
  }
  return count > 0
    ? [
        `${channel.name}: ${count} reads are negative or above ${MOST_POWER_W} W, which no card draws`,
      ]
    : [];
}

/** Edges may lie so far outside the rows, seconds and a tenth; and two blocks (docs/capture.md, What cannot be). */
const EDGES_WITHIN_S = 1.1;

/** A recorder refuses such edges; a log of another's making may have them, and they place nothing. */
function edgesOutside({ edges, stream, rig }: Scan): string[] {
  if (!stream || !rig) return [];
  const { clock, rowHz } = rig.device;
  const slack = clock.hz * (EDGES_WITHIN_S + (2 * stream.rows) / stream.blocks / rowHz);
  const outside = edges.filter(({ stream: of, index, tick }) => {
    if (of !== stream.layout.stream) return false;
    const at = index ?? (tick === undefined ? NaN : Number(tick - (stream.firstTick ?? 0n)));
    return at < stream.firstDevice - slack || at > stream.lastDevice + slack;
  });
  return outside.length > 0
    ? [
        `${outside.length} trigger edges lie outside the rows of the DAQ stream, where none can be: they place nothing`,
      ]
    : [];
}

/** A device that stalls now and then sends fewer rows than its rig states; another rig's device is off by more. */
const RATE_WITHIN = 1.5;

/** Gaps, edges and step responses are judged by the rig's rate of rows, so it must be this stream's. */
function strangeRate({ rig, stream }: Scan, { daq }: SessionClocks): string[] {
  if (!rig || !stream || !daq || stream.rows < 2) return [];
  const seconds = (placeNs(daq, stream.lastDevice) - placeNs(daq, stream.firstDevice)) / 1e9;
  const rowHz = (stream.rows - 1 + stream.missingRows + stream.pausedRows) / seconds;
  const ratio = rowHz / rig.device.rowHz;
  return ratio > 1 / RATE_WITHIN && ratio < RATE_WITHIN
    ? []
    : [
        `rig ${rig.name} states ${rig.device.rowHz.toPrecision(4)} rows a second, its stream has ${rowHz.toPrecision(4)}: another device's rig, or a stream that lost rows unseen`,
      ];
}

/** UTC and the monotonic clock should run together. */
function wallClockSteps(scan: Scan): string[] {
  return scan.wall.steps.map(
    ({ mono, byNs }) =>
      `the wall clock stepped by ${(byNs / 1e9).toFixed(3)} s at ${(Number(mono - scan.session.hostEpoch) / 1e9).toFixed(1)} s; samples that the driver stamps are placed by the clock before and after it, all else does not use it`,
  );
}

/** One line for the channels of one log. */
function clockSets(misplaced: readonly Misplaced[]): string[] {
  const logs = new Map<string, Misplaced[]>();
  for (const m of misplaced) {
    const key = `${m.fromNs} ${m.toNs}`;
    logs.set(key, [...(logs.get(key) ?? []), m]);
  }
  return [...logs.values()].map((log) => {
    const { fromNs, toNs, lateNs, halfNs, reads } = log[0]!;
    const [from, to, late, half] = [fromNs, toNs, Math.abs(lateNs), halfNs].map((ns) => ns / 1e9);
    const count = reads.reduce((n, [a, b]) => n + b - a, 0);
    return (
      `${log.map((m) => m.channel).join(", ")}: between ${from!.toFixed(1)} and ${to!.toFixed(1)} s by their stamps, ` +
      `${count} reads lie up to ${late!.toFixed(2)} ± ${half!.toFixed(2)} s too ${lateNs > 0 ? "late" : "early"} against the physical trace, ` +
      `as much as the stamps jump: the log's clock was set, or the trace lost as much unseen; these reads enter no claim`
    );
  });
}

/** A channel cannot lead what it measures, and none averages over more than a second or so. */
function impossibleLags(lags: readonly Lag[]): string[] {
  return lags
    .filter((l) => l.lagNs < -0.1e9 || l.lagNs > 1.2e9)
    .map(
      (l) =>
        `${l.channel}: by cross-correlation it ${l.lagNs < 0 ? "leads" : "lags"} the physical trace by ${(Math.abs(l.lagNs) / 1e9).toFixed(2)} s; a clock or a zone is wrong`,
    );
}

/** Captures published with their energies were met within 0.02 %; beyond this one of the files was changed. */
const PUBLISHED_WITHIN = 1e-3;

/** Labels `published_<window>_j`, which importers take from the results beside a capture. */
function contradictsPublished({ session }: Scan, results: readonly WindowResult[]): string[] {
  return results.flatMap(({ window, physical }) => {
    const published = Number(session.labels[`published_${window.name.replaceAll("-", "_")}_j`]);
    // Without its edges a window is placed by a log line's time, some milliseconds off: no contradiction.
    const off = physical && !window.doubt ? physical.energyJ / published - 1 : 0;
    return Math.abs(off) > PUBLISHED_WITHIN
      ? [
          `window ${window.name}: ${physical!.energyJ.toPrecision(6)} J here, ${published.toPrecision(6)} J in the results published with it: a file of them was changed`,
        ]
      : [];
  });
}

/** Telemetry that never meets the physical trace: a wrong zone or a stepped clock, most likely. */
function strangers(scan: Scan, results: readonly WindowResult[]): string[] {
  const session = results.find((r) => r.window.kind === "session");
  if (!session?.physical) return [];
  const silent = new Set(scan.telemetry.filter(isSilent).map((s) => s.channel.name));
  const lost = session.telemetry.filter(
    (t) => t.samples === 0 && t.method !== "filter_matched" && !silent.has(t.channel),
  );
  if (lost.length === 0) return [];
  const names = lost.map((t) => t.channel).join(", ");
  return [
    `${names}: no read falls inside the physical trace; a wrong --tz or a stepped clock would do that`,
  ];
}

const isSilent = ({ value }: TelemetrySeries): boolean => !value.some((v) => Number.isFinite(v));

/** NVML_ERROR_NOT_SUPPORTED (nvml.h): the driver's word for a field that this card does not have. */
const NOT_SUPPORTED = 3;

/** Channels that never gave a value; `unsupported`: those of which the driver says why, no failure of the run. */
function silentChannels(scan: Scan, unsupported: boolean): string[] {
  return scan.telemetry
    .filter((s) => s.value.length > 0 && isSilent(s) && /^(power|energy)$/.test(s.channel.quantity))
    .filter(({ code }) => code.some((c) => c !== NOT_SUPPORTED) !== unsupported)
    .map(
      ({ channel, value }) =>
        `${channel.name}: none of its ${value.length} reads holds a value${unsupported ? "; the driver does not support it" : ""}`,
    );
}

/** Beyond this share of the session the straight lines between reads are no longer the channel's own claim. */
const MOST_GAPS = 0.05;

function thinTelemetry(results: readonly WindowResult[]): string[] {
  const session = results.find((r) => r.window.kind === "session");
  return (session?.telemetry ?? [])
    .filter((t) => t.method !== "filter_matched" && t.samples > 0 && t.gapFraction > MOST_GAPS)
    .map(
      (t) =>
        `${t.channel}: ${(100 * t.gapFraction).toFixed(0)} % of the session lies in gaps between its reads`,
    );
}

/** Marks on a clock that nothing ties to the session make no window; they must not vanish without a word. */
function unplacedMarks(scan: Scan, clocks: SessionClocks): string[] {
  return clocks.marks.clocks.flatMap(({ clock, unplaced }) =>
    unplaced > 0
      ? [
          `clock ${clock}: its ${unplaced} marks match no hardware edges, so they cannot be placed and make no windows`,
        ]
      : [],
  );
}

function losses(scan: Scan, counts: TimelineCounts | null): string[] {
  const out: string[] = [];
  if (scan.stream && scan.stream.missingRows > 0)
    out.push(
      `${scan.stream.missingRows} rows of the DAQ stream are missing, in ${scan.stream.gaps} gaps`,
    );
  if (!counts) return out;
  const invisible = counts.gaps - (scan.stream?.gaps ?? 0);
  if (invisible > 0) out.push(`${invisible} gaps in the DAQ stream's own time`);
  if (counts.clipped > 0)
    out.push(`${counts.clipped} rows have a clipped channel: their power is a lower bound`);
  if (counts.notNumbers > 0) out.push(`${counts.notNumbers} rows hold no number and were left out`);
  if (counts.backwards > 0)
    out.push(`${counts.backwards} rows do not advance in time and were left out`);
  return out;
}

function clockDoubts(clocks: SessionClocks): string[] {
  const { daq } = clocks;
  const out = daq ? daqDoubts(daq) : [];
  for (const m of clocks.named.values())
    append(
      out,
      m.warnings.map((w) => `clock ${m.clock}: ${w}`),
    );
  for (const m of clocks.named.values()) {
    if (!clocks.incomplete.has(m.clock)) continue;
    if (m.edgesMissing > 0)
      out.push(
        `clock ${m.clock}: ${m.edgesMissing} of its marks have no hardware edge; windows keep their order by the ${m.clock} clock`,
      );
    else out.push(`clock ${m.clock}: hardware edges between its marks that no mark claims`);
  }
  return out;
}

function daqDoubts(daq: DaqClock): string[] {
  const { clock, segments } = daq;
  const { edgesUsed, edgesMissing } = clockTotals(daq);
  const out = segments.flatMap(({ model, fromNs, toNs }, k) => {
    const seconds = [fromNs, toNs].map((t) => (t / 1e9).toFixed(1)).join(" to ");
    const where = segments.length > 1 ? `, segment ${k + 1} (${seconds} s)` : "";
    return model.warnings.map((w) => `clock ${clock}${where}: ${w}`);
  });
  if (segments.length > 1)
    out.unshift(
      `clock ${clock}: the device began anew or lost count ${segments.length - 1} times (first at ${(segments[1]!.fromNs / 1e9).toFixed(1)} s): each of its ${segments.length} segments has a line of its own, and windows across them count the time between as a gap`,
    );
  if (edgesMissing > 0)
    out.push(`clock ${clock}: ${edgesMissing} edges missing of ${edgesMissing + edgesUsed}`);
  return out;
}

/** The physical path has a transfer function too: a shorter event is seen smeared. */
function tooShort(rig: Rig, list: WindowList): string[] {
  if (rig.stepResponseS === undefined) return [];
  const limitNs = rig.stepResponseS * 1e9;
  let short = 0;
  for (let i = 0; i < list.count; i++) if (list.t1Ns(i) - list.t0Ns(i) < limitNs) short++;
  if (short === 0) return [];
  return [
    `${short} windows are shorter than the physical path's step response of ${(rig.stepResponseS * 1e3).toPrecision(3)} ms: part of their energy lies outside them`,
  ];
}

/** Kernels whose interval holds zero: their Joules one by one say nothing. */
function unresolved(results: readonly WindowResult[]): string[] {
  const kernels = results.filter((r) => r.window.kind === "kernel" && r.physical !== null);
  const lost = kernels.filter((r) => r.physical!.expandedUncertaintyJ >= r.physical!.energyJ);
  if (lost.length === 0) return [];
  const names = [...new Set(lost.map((r) => r.window.name))];
  return [
    `${lost.length} of ${kernels.length} kernels with a window have an uncertainty as large as their Joules (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}): read their sum by name`,
  ];
}

function rigRemarks(rig: Rig): string[] {
  const sensors = rig.rails.flatMap((r: Rail) =>
    [r.voltage, r.current, r.power].filter((s): s is Sensor => s !== undefined),
  );
  const out: string[] = [];
  const assumed = sensors.filter((s) => s.calibration.basis === "assumed").length;
  if (assumed > 0)
    out.push(
      `rig ${rig.name}: ${assumed} of ${sensors.length} sensors have assumed, not measured, calibration figures`,
    );
  const slow = sensors.filter(
    (s) => s.bandwidthHz !== undefined && 2 * s.bandwidthHz < rig.device.rowHz,
  );
  if (slow.length > 0)
    out.push(
      `rig ${rig.name}: ${slow.map((s) => s.field).join(", ")} oversampled: rows come faster than twice the sensor's bandwidth`,
    );
  for (const m of rig.missingRails)
    out.push(
      `rig ${rig.name}: rail ${m.name} is not measured; up to ${m.maxPowerW} W of it stand in the budget`,
    );
  return out;
}
