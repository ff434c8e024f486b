// Batches of fused.arrow → whether the table agrees with itself: time advances, rails sum to the total,
// and energy_j grows by what time and power give (the trapezoid; for rows that are means the rectangle, as
// running-energy.ts has it: each up to the next row, the last before a gap for a period).
// A flipped bit that matters breaks one of these; Arrow itself would not notice. Where rows are means over
// several samples, which energy_j is not, its growth is only held between bounds. Holds the last row.

import type { RecordBatch, Schema } from "apache-arrow";
import { GAP_PERIODS } from "../align/timeline.ts";

/** t_ns is rounded to whole nanoseconds, so a step may be off by one. */
const STEP_ROUNDING_S = 1e-9;
/** Powers are float32: half a unit in the last place is 2^-24 of the value. */
const FLOAT32 = 2 ** -23;
const FLOAT64 = 2 ** -50;

export class FusedCheck {
  /** The first contradiction, or null. */
  problem: string | null = null;
  readonly #rails: readonly string[];
  readonly #rowsPerMean: number;
  #row = 0;
  #t = -Infinity;
  #w = 0;
  #e = 0;
  /** How long a row that is a mean stands for before a gap, s, by the first gap; 0 before that. */
  #periodS = 0;

  constructor(schema: Schema) {
    this.#rowsPerMean = Number(schema.metadata.get("rows_per_mean") ?? 1);
    const names = schema.fields.map((f) => f.name);
    // A rail has a voltage column before its power; telemetry channels have not.
    this.#rails = names.flatMap((n) => {
      const rail = /^voltage_(.+)_v$/.exec(n)?.[1];
      return rail === undefined ? [] : [`power_${rail}_w`];
    });
  }

  add(batch: RecordBatch): void {
    if (this.problem) return;
    const column = <T>(name: string): T => batch.getChild(name)?.data[0]?.values as T;
    const t = column<BigInt64Array>("t_ns");
    const w = column<Float32Array>("power_w");
    const e = column<Float64Array>("energy_j");
    const rails = this.#rails.map((n) => column<Float32Array>(n));
    if (!t || !w || !e || rails.includes(undefined!)) {
      this.problem = "lacks t_ns, power_w, energy_j or the power of a rail";
      return;
    }
    for (let i = 0; i < batch.numRows && !this.problem; i++) {
      this.problem = this.#next(Number(t[i]), w[i]!, e[i]!) ?? totalProblem(rails, w, i);
      if (this.problem) this.problem = `row ${this.#row + i}: ${this.problem}`;
    }
    this.#row += batch.numRows;
  }

  #next(t: number, w: number, e: number): string | null {
    const [t0, w0, e0] = [this.#t, this.#w, this.#e];
    [this.#t, this.#w, this.#e] = [t, w, e];
    if (!(t > t0)) return "time does not advance";
    if (!Number.isFinite(w) || !Number.isFinite(e)) return "a power or an energy is no number";
    const grown = e - e0;
    if (t0 === -Infinity || grown === 0) return null; // the first row, or a gap
    const dt = (t - t0) * 1e-9;
    const size = Math.abs(w) + Math.abs(w0);
    const slack = size * (STEP_ROUNDING_S + FLOAT32 * dt) + FLOAT64 * Math.abs(e);
    const by = (joules: number): boolean => Math.abs(grown - joules) <= slack;
    const fits = (watts: number): boolean => by(watts * dt);
    const held = !fits(w0) && this.#held(grown / w0, dt) && by(w0 * this.#periodS);
    // No sample of a mean is more than all of them together: what lies before the first and after the last.
    const within = this.#rowsPerMean > 1 && Math.abs(grown) <= 2 * size * dt + slack;
    return within || held || fits((w + w0) / 2) || fits(w0)
      ? null
      : "energy_j does not follow from t_ns and power_w";
  }

  /** Whether a mean may have stood for so long before a gap. */
  #held(heldS: number, dt: number): boolean {
    if (this.#periodS === 0 && heldS > 0 && heldS * GAP_PERIODS <= dt) this.#periodS = heldS;
    return this.#periodS > 0;
  }
}

function totalProblem(
  rails: readonly Float32Array[],
  total: Float32Array,
  i: number,
): string | null {
  let [sum, size] = [0, 0];
  for (const r of rails) {
    sum += r[i]!;
    size += Math.abs(r[i]!);
  }
  return Math.abs(sum - total[i]!) <= (rails.length + 1) * FLOAT32 * size
    ? null
    : "power_w is not the sum of its rails";
}
