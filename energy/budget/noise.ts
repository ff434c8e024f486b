// What the noise of a run comes to in a window. In: a rig, the noise that the run shows. Out: terms of the budget.

import { loadSensors, type Rig } from "../../schema/rig.ts";
import type { RunNoise } from "./sensors.ts";
import { ownOf, type Seen, type Source } from "./term.ts";

/** What the run shows, unless its sensors' noise is stated: then that stands among their own errors. */
export function noiseSources(rig: Rig, { noise }: RunNoise): Source[] {
  if (loadSensors(rig).every((s) => s.noise)) return [];
  const { dof } = noise;
  const apart = ({ noiseW, runNoiseW, durationS }: Seen): number =>
    Math.sqrt(Math.max(0, noiseW ** 2 - runNoiseW ** 2)) * durationS;
  return [
    { ...ownOf("noise", "A", apart), dof },
    {
      ...{ term: "noise (mean of the run)", type: "A", windows: "one error", dof },
      of: ({ noiseW, runNoiseW, durationS }) => Math.min(noiseW, runNoiseW) * durationS,
    },
  ];
}
