// What the report embeds and its script takes: the one definition for both sides. Times are session ns as float64;
// arrays travel as base64 of little-endian typed arrays. Holds: no import, so that the page can have it.

/** base64 of a typed array of the named kind. */
export interface Packed<Kind extends "f32" | "f64" | "u8"> {
  readonly kind: Kind;
  readonly base64: string;
}

/** One plotted DAQ quantity over the buckets; NaN where a bucket is empty. */
export interface PageSeries {
  readonly name: string;
  readonly role: "total" | "rail";
  readonly unit: "W" | "V" | "A";
  readonly min: Packed<"f32">;
  readonly max: Packed<"f32">;
  readonly mean: Packed<"f32">;
}

/** Telemetry reads in time order. `lo`/`hi` stand where there were too many reads to embed each. */
export interface PageChannel {
  readonly name: string;
  readonly unit: string;
  readonly reads: number;
  readonly failed: number;
  readonly tNs: Packed<"f64">;
  readonly value: Packed<"f32">;
  readonly lo?: Packed<"f32">;
  readonly hi?: Packed<"f32">;
  /** Times of failed reads, the first few hundred. */
  readonly failedNs: readonly number[];
}

/** Raw rows around a window edge: every sample, no bucket. `values[i]` belongs to `series[i]`. */
export interface PageExcerpt {
  readonly tNs: Packed<"f64">;
  readonly values: readonly Packed<"f32">[];
}

export interface PageWindow {
  readonly name: string;
  readonly kind: string;
  readonly t0Ns: number;
  readonly t1Ns: number;
  /** Expanded uncertainty of its physical energy with its coverage factor, where it was compared. */
  readonly expandedJ?: number;
  readonly k?: number;
}

export interface PageTrace {
  readonly startNs: number;
  readonly widthNs: number;
  readonly used: number;
  readonly rowPeriodNs: number;
  readonly series: readonly PageSeries[];
  /** Seconds of each bucket that were observed. */
  readonly activeS: Packed<"f32">;
  readonly flags: Packed<"u8">;
  /** Running energy at bucket starts, used + 1 values, J. */
  readonly energyJ: Packed<"f64">;
  readonly excerpts: readonly PageExcerpt[];
}

export interface PageData {
  readonly source: string;
  readonly simulated: boolean;
  /** Extent of everything there is to see. */
  readonly spanNs: readonly [number, number];
  readonly trace: PageTrace | null;
  readonly channels: readonly PageChannel[];
  readonly windows: readonly PageWindow[];
  readonly gapsNs: readonly (readonly [number, number])[];
  readonly edgesNs: readonly number[];
  /** Window to place the markers on when the page opens. */
  readonly headline: PageWindow | null;
}
