// What the references said of the fast sensors, for align.json and compare.json (docs/reference.md).

import type { Discipline } from "../../align/reference/discipline.ts";
import type { DisciplineFit } from "../../schema/documents/compare.ts";

export function disciplinesToJson(disciplines: readonly Discipline[]): DisciplineFit[] {
  return disciplines.map(({ fit, ...d }) => ({
    rail: d.rail,
    quantity: d.quantity,
    reference: d.reference,
    readings_used: fit?.readings ?? 0,
    readings_unplaced: d.unplaced,
    readings_refused: d.refused,
    ...(fit
      ? {
          gain: d.gain,
          gain_u: d.gainU,
          offset: d.offset,
          offset_u: d.offsetU,
          pivot: fit.pivot + fit.level,
          level_u: fit.levelU,
          slope_u: fit.slopeU,
          slope_from_readings: fit.slopeFromReadings,
          drift: fit.drift,
          drift_u: fit.driftU,
          residual_rms: fit.residualRms,
          birge: fit.birge,
          contradiction_chi2: fit.contradiction,
          contradiction_degrees: fit.degrees,
        }
      : {}),
  }));
}
