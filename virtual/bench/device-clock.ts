// The DAQ's clock as it really runs: row index ↔ host time. In: the rig's stated clock and a seed.
// Out: session nanoseconds. Holds: rate error drawn from the rig's uncertainty, a slow drift of it, and
// jitter at every tile's start; within a tile rows are evenly spaced.

import { hashName, random } from "../../stats/random.ts";
import type { DeviceClock } from "../../schema/rig.ts";
import type { NoiseTable } from "./noise.ts";

/** Rows between two jittered instants; also the unit in which counts are computed. */
export const TILE = 256;

/** A clock keeps the tolerance that its rig states, √3 standard uncertainties, with what it drifts. */
const WITHIN = 1.5;

/** A crystal's temperature drift is about a fiftieth of its tolerance over minutes. */
const DRIFT_SHARE = 0.02;
const JITTER_NS = 60;

export class VirtualClock {
  /** True session time of row 0. */
  readonly startNs: number;
  /** True ns per row without drift. */
  readonly periodNs: number;
  readonly #driftNs: number;
  readonly #driftPeriodNs: number;
  readonly #driftPhase: number;
  readonly #key: number;
  readonly #noise: NoiseTable;

  constructor(clock: DeviceClock, seed: number, startNs: number, noise: NoiseTable) {
    const r = random(seed, "clock");
    this.startNs = startNs;
    const off = Math.max(-WITHIN, Math.min(WITHIN, r.normal()));
    this.periodNs = 1e9 / (clock.hz * (1 + clock.uRel * off));
    this.#driftPeriodNs = 60e9 * (1 + 2 * r.uniform());
    this.#driftNs = (DRIFT_SHARE * clock.uRel * r.normal() * this.#driftPeriodNs) / (2 * Math.PI);
    this.#driftPhase = 2 * Math.PI * r.uniform();
    this.#key = hashName(seed, "jitter");
    this.#noise = noise;
  }

  /** Session time of the first row of a tile. */
  tileNs(tile: number): number {
    const nominal = tile * TILE * this.periodNs;
    const turn = (2 * Math.PI * nominal) / this.#driftPeriodNs + this.#driftPhase;
    const drift = this.#driftNs * (Math.sin(turn) - Math.sin(this.#driftPhase));
    const jitter = JITTER_NS * this.#noise.at(this.#key ^ tile);
    return this.startNs + nominal + drift + jitter;
  }

  /** Session time of a row. */
  rowNs(index: number): number {
    const tile = Math.floor(index / TILE);
    const from = this.tileNs(tile);
    return from + ((this.tileNs(tile + 1) - from) * (index - tile * TILE)) / TILE;
  }

  /** First row at or after an instant. */
  rowAt(tNs: number): number {
    let row = Math.max(0, Math.ceil((tNs - this.startNs) / this.periodNs));
    while (row > 0 && this.rowNs(row - 1) >= tNs) row--;
    while (this.rowNs(row) < tNs) row++;
    return row;
  }
}
