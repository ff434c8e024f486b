// What the sensors' own errors come to in a step of phase (fold.ts). In: the means of its rows. Out: a variance. Holds:
// the terms are those of a window's Joules (sensors.ts), of a window as long as the launches reach, since a step's rows
// are spread over all of it; what averages over rows is in the scatter of the launches and not here.

import type { RowLayout } from "../../schema/records.ts";
import type { Rig } from "../../schema/rig.ts";
import { NS_PER_S } from "../../schema/time.ts";
import { Sum } from "../integrate.ts";
import { leastOf } from "../../stats/summary.ts";
import type { RailStep } from "../rail-sums.ts";
import { noiseSources } from "./noise.ts";
import { type RunNoise, sensorSources } from "./sensors.ts";
import type { Seen, Source } from "./term.ts";

export class StepErrors {
  readonly #sources: readonly Source[];
  readonly #run: RunNoise;
  readonly #rowHz: number;

  constructor(rig: Rig, layout: RowLayout, run: RunNoise) {
    // The noise that differs from window to window is what the launches scatter by.
    const lasting = noiseSources(rig, run).filter((s) => s.windows !== "independent");
    this.#sources = [...sensorSources(rig, layout, run), ...lasting];
    this.#run = run;
    this.#rowHz = rig.device.rowHz;
  }

  /** Of the mean power of all rails, W². @param rails the step's, in the rig's order. @param spanS of the launches. */
  varianceW2(rails: readonly RailStep[], spanS: number): number {
    const seen = this.#seenOf(rails, spanS);
    return this.#sources.reduce((sum, source) => sum + (source.of(seen) / spanS) ** 2, 0);
  }

  #seenOf(rails: readonly RailStep[], spanS: number): Seen {
    const { noise } = this.#run;
    const means = rails.flatMap(({ powerW, currentA, voltageV }) => [powerW, currentA, voltageV]);
    const energyJ = rails.reduce((sum, r) => sum + r.powerW, 0) * spanS;
    const rowsS = leastOf(rails.map((r) => r.n)) / this.#rowHz;
    const still = [0, 0, 0, 0] as const;
    return {
      w: { name: "", kind: "mark", t0Ns: 0, t1Ns: spanS * NS_PER_S, u0Ns: 0, u1Ns: 0 },
      s: {
        between: (_from, _to, k) => (k < Sum.rails ? 0 : (means[k - Sum.rails] ?? 0) * spanS),
        value: () => NaN,
      },
      durationS: spanS,
      energyJ,
      whole: 1,
      // Rows apart are quieter together than as many side by side, if anything.
      noiseW: rowsS > 0 ? noise.meanU(rowsS) : 0,
      runNoiseW: noise.runU,
      shifted: { offset: still, rate: still },
    };
  }
}
