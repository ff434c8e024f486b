// What the reader must know of the rig, and of windows beside what it can resolve or what was published.

import type { Scan } from "../../align/scanned.ts";
import { allAbout, counted, type Finding, finding, observed } from "../../schema/findings.ts";
import type { Rail, Rig, Sensor } from "../../schema/rig.ts";
import type { WindowResult } from "../result.ts";
import type { WindowList } from "../windows.ts";

/** Captures published with their energies were met within 0.02 %; beyond this one of the files was changed. */
const PUBLISHED_WITHIN = 1e-3;

/** Labels `published_<window>_j`, which importers take from the results beside a capture. */
export function contradictsPublished(
  { session }: Scan,
  results: readonly WindowResult[],
): Finding[] {
  return results.flatMap(({ window, physical }) => {
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

export function rigRemarks(rig: Rig): Finding[] {
  const sensors = rig.rails.flatMap((r: Rail) =>
    [r.voltage, r.current, r.power].filter((s): s is Sensor => s !== undefined),
  );
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
    ...rig.missingRails.map((m) =>
      observed(
        "rail-unmeasured",
        `rail ${m.name} is not measured; up to ${m.maxPowerW} W of it are in the budget`,
      ),
    ),
  ];
  return allAbout(rig.name, seen, `rig ${rig.name}: `);
}
