// What the reader must know of the rig, and of windows beside what it can resolve or what was published.

import type { Scan } from "../../align/scanned.ts";
import {
  allAbout,
  counted,
  type Finding,
  finding,
  type Observation,
  observed,
} from "../../schema/findings.ts";
import type { Rig, Sensor } from "../../schema/rig.ts";
import { formatQuantity } from "../../schema/units.ts";
import type { WindowResult } from "../result.ts";
import type { RailMean } from "../physical.ts";
import type { WindowList } from "../windows.ts";

/** Captures published with their energies were met within 0.02 %; beyond this one of the files was changed. */
const PUBLISHED_WITHIN = 1e-3;

/** Labels `published_<window>_j`, which importers take from the results beside a capture. */
export function contradictsPublished(
  { session }: Scan,
  results: readonly WindowResult[],
  pairing: readonly Finding[],
): Finding[] {
  // Where a mark was lost a window may have the number of another event.
  const renumbered = new Set(pairing.map((f) => (f.code === "marks-unpaired" ? f.subject : "")));
  return results.flatMap(({ window, physical }) => {
    if (renumbered.has(window.name.replace(/-\d+$/, ""))) return [];
    const published = Number(session.labels[`published_${window.name.replaceAll("-", "_")}_j`]);
    // Without its edges a window is placed by a log line's time, some milliseconds off: no contradiction.
    const off = physical && !window.doubts ? physical.energyJ / published - 1 : 0;
    return Math.abs(off) > PUBLISHED_WITHIN
      ? [
          finding(
            "published-differs",
            window.name,
            `window ${window.name}: ${physical!.energyJ.toPrecision(6)} J here, ${published.toPrecision(6)} J in the results published with it: a file of them was changed`,
          ),
        ]
      : [];
  });
}

/** The physical path has a transfer function too: a shorter event is seen smeared. */
export function tooShort(rig: Rig, list: WindowList): Finding[] {
  if (rig.stepResponseS === undefined) return [];
  const limitNs = rig.stepResponseS * 1e9;
  let short = 0;
  for (let i = 0; i < list.count; i++) if (list.t1Ns(i) - list.t0Ns(i) < limitNs) short++;
  if (short === 0) return [];
  return [
    finding(
      "windows-too-short",
      "windows",
      `${short} windows are shorter than the physical path's step response of ${(rig.stepResponseS * 1e3).toPrecision(3)} ms: part of their energy lies outside them`,
      short,
    ),
  ];
}

/** A rail that gives more than it takes, by more than the zeros of its sensors explain (k = 2): wired backwards. */
export function reversedRails(rig: Rig, means: readonly RailMean[]): Finding[] {
  return rig.rails.flatMap((rail, r) => {
    const mean = means[r];
    if (!mean) return [];
    const { powerW, currentA, voltageV } = mean;
    const volts = voltageV || (rail.assumedVoltage?.valueV ?? 0);
    const u = rail.power
      ? rail.power.offsetU
      : Math.abs(volts) * (rail.current?.offsetU ?? 0) +
        Math.abs(currentA) * (rail.voltage?.offsetU ?? 0);
    return powerW < -2 * u
      ? [
          finding(
            "rail-reversed",
            rail.name,
            `rail ${rail.name}: its mean power is negative, ${formatQuantity(powerW, "W")}: a shunt, clamp or probe is the wrong way round; turn it, or state polarity: reversed of the sensor in the rig`,
          ),
        ]
      : [];
  });
}

/** Kernels whose interval holds zero: their Joules one by one say nothing. */
export function unresolved(results: readonly WindowResult[]): Finding[] {
  const kernels = results.filter((r) => r.window.kind === "kernel" && r.physical !== null);
  const lost = kernels.filter((r) => r.physical!.expandedUncertaintyJ >= r.physical!.energyJ);
  if (lost.length === 0) return [];
  const names = [...new Set(lost.map((r) => r.window.name))];
  return [
    finding(
      "kernels-unresolved",
      "kernels",
      `${lost.length} of ${kernels.length} kernels with a window have an uncertainty as large as their Joules (${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}): read their sum by name`,
      lost.length,
    ),
  ];
}

/** Rows that are means miss nothing; instants see what is slower than half their rate. */
const instantsBelow = ({ device }: Rig, hz: number): boolean =>
  device.sampling === "instant" && device.rowHz < 2 * hz;

/** A load that the rig says is faster than its rows can follow: what aliasing costs, no interval says. */
export function tooFastLoad(rig: Rig): Observation[] {
  const { loadBandwidthHz: hz } = rig;
  if (hz === undefined || !instantsBelow(rig, hz)) return [];
  const [rows, load] = [formatQuantity(rig.device.rowHz, "Hz"), formatQuantity(hz, "Hz")];
  return [
    observed(
      "window-undersampled",
      `rows at ${rows} are slower than twice the load's bandwidth of ${load}: what it does between rows is not seen (aliasing), and no interval holds that; use a higher row rate, or a slower sensor`,
    ),
  ];
}

/** Sensors that let more through than the rows can show, where the rig does not say that the load is slower. */
const tooFast = (rig: Rig): Sensor[] =>
  rig.loadBandwidthHz === undefined
    ? sensorsOf(rig).filter((s) => instantsBelow(rig, s.bandwidthHz ?? 0))
    : [];

export const mayAlias = (rig: Rig): boolean => tooFast(rig).length > 0;

function undersampled(rig: Rig): Observation[] {
  const fast = tooFast(rig);
  return counted(
    "rows-undersampled",
    fast.length,
    `${fast.map((s) => s.field).join(", ")}: rows at ${formatQuantity(rig.device.rowHz, "Hz")} are slower than twice the bandwidth of these sensors, so a load that changes between rows is seen wrongly (aliasing); state load_bandwidth if it does not`,
  );
}

const sensorsOf = (rig: Rig): Sensor[] =>
  rig.rails.flatMap((r) =>
    [r.voltage, r.current, r.power].filter((s): s is Sensor => s !== undefined),
  );

export function rigRemarks(rig: Rig): Finding[] {
  const sensors = sensorsOf(rig);
  const assumed = sensors.filter((s) => s.calibration.basis === "assumed").length;
  const slow = sensors.filter(
    (s) => s.bandwidthHz !== undefined && 2 * s.bandwidthHz < rig.device.rowHz,
  );
  const seen = [
    ...counted(
      "calibration-assumed",
      assumed,
      `${assumed} of ${sensors.length} sensors have assumed, not measured, calibration figures`,
    ),
    ...counted(
      "sensor-oversampled",
      slow.length,
      `${slow.map((s) => s.field).join(", ")} oversampled: rows come faster than twice the sensor's bandwidth`,
    ),
    ...undersampled(rig),
    ...rig.missingRails.map((m) =>
      observed(
        "rail-unmeasured",
        `rail ${m.name} is not measured: up to ${m.maxPowerW} W more than the rails show`,
      ),
    ),
  ];
  return allAbout(rig.name, seen, `rig ${rig.name}: `);
}
