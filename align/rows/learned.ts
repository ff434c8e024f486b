// What a whole run shows of its rails' rows that no single row does: rows that are no measurement, by which the
// others are then read (row-watch.ts finds them), and what else its reader must know.

import type { Quantity } from "../../schema/rig.ts";

export type Range = readonly [low: number, high: number];
export type PerQuantity<T> = Readonly<Partial<Record<Quantity, T>>>;

export interface ZeroRun {
  /** Rows by index, [from, to). */
  readonly from: number;
  readonly to: number;
  /** Of what the sensor says in the rows just before and after, the lesser magnitude. */
  readonly besideLeast: number;
}

export interface LearnedRail {
  /** Rows by index, [from, to), ascending: dropped samples, written as zeros. */
  readonly zeros: readonly ZeroRun[];
  /** Values beyond these can be nothing that the rail carried: V, A, W. */
  readonly ranges: PerQuantity<Range>;
  /** Values at which so many rows stand, the greatest of their sensor: its range ends there. */
  readonly tops: PerQuantity<Top>;
}

export interface Top {
  /** A, W */
  readonly value: number;
  readonly rows: number;
}

/** In the order of the rig's rails. */
export type Learned = readonly LearnedRail[];

/** What is odd about a load, but no reason to leave a row out. */
export interface Oddity {
  /** All rows of it the same while other rails move, nothing or something; or a few, or one, far above all others. */
  readonly kind: "silent" | "stuck" | "alone" | "spike";
  readonly rail: string;
  readonly quantity: Quantity;
  /** A, W; and what is held elsewhere in the run. */
  readonly value: number;
  readonly held: number;
}

/** The values of one of a rail's sensors. */
export interface Measured {
  readonly quantity: Quantity;
  readonly column: Float64Array;
  /** What a row of zeros says. */
  readonly zero: number;
  /** From here on it is saturated, as its rig and its layout say. */
  readonly end: number;
  /** Of a count; 0 of a number. And the standard uncertainty of its zero. */
  readonly step: number;
  readonly offsetU: number;
}
