// What the report embeds for its script: the one interface between view/*.ts and view/page/*.js.
// Times are session ns as float64; arrays travel as base64 of little-endian typed arrays.

/** base64 of a typed array of the named kind. */
export interface Packed {
  readonly kind: "f32" | "f64" | "u8";
  readonly base64: string;
}

/** One plotted DAQ quantity over the buckets; NaN where a bucket is empty. */
export interface PageSeries {
  readonly name: string;
  readonly role: "total" | "rail";
  readonly unit: "W" | "V" | "A";
  readonly min: Packed;
  readonly max: Packed;
  readonly mean: Packed;
}

/** Telemetry reads in time order. `lo`/`hi` stand where there were too many reads to embed each. */
export interface PageChannel {
  readonly name: string;
  readonly unit: string;
  readonly reads: number;
  readonly failed: number;
  readonly tNs: Packed;
  readonly value: Packed;
  readonly lo?: Packed;
  readonly hi?: Packed;
  /** Times of failed reads, the first few hundred. */
  readonly failedNs: readonly number[];
}

/** Raw rows around a window edge: every sample, no bucket. `values[i]` belongs to `series[i]`. */
export interface PageExcerpt {
  readonly tNs: Packed;
  readonly values: readonly Packed[];
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

export interface PageData {
  readonly source: string;
  readonly simulated: boolean;
  /** Extent of everything there is to see. */
  readonly spanNs: readonly [number, number];
  readonly trace: {
    readonly startNs: number;
    readonly widthNs: number;
    readonly used: number;
    readonly rowPeriodNs: number;
    readonly series: readonly PageSeries[];
    /** Seconds of each bucket that were observed. */
    readonly activeS: Packed;
    readonly flags: Packed;
    /** Running energy at bucket starts, used + 1 values, J. */
    readonly energyJ: Packed;
    readonly excerpts: readonly PageExcerpt[];
  } | null;
  readonly channels: readonly PageChannel[];
  readonly windows: readonly PageWindow[];
  readonly gapsNs: readonly (readonly [number, number])[];
  readonly edgesNs: readonly number[];
  /** Window to place the markers on when the page opens. */
  readonly headline: PageWindow | null;
}
