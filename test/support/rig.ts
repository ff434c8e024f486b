// Rigs of round figures for tests that state their expectations in closed form.

import type { Rail, Rig, Sensor } from "../../schema/rig.ts";

/** One count is one unit; exact, but for what `known` says otherwise. */
export function sensor(field: string, known: Partial<Sensor> = {}): Sensor {
  const calibration = { date: "2026-01-01", basis: "certificate" } as const;
  return { field, perCount: 1, zeroCount: 0, gainU: 0, offsetU: 0, calibration, ...known };
}

/** A rail that reports watts. */
export const powerRail = (name = "a", known: Partial<Sensor> = {}): Rail => ({
  name,
  power: sensor(`${name}p`, known),
});

interface Made {
  readonly rails?: readonly Rail[];
  readonly rowHz?: number;
  readonly sampling?: Rig["device"]["sampling"];
  readonly clock?: Partial<Rig["device"]["clock"]>;
  readonly missingRails?: Rig["missingRails"];
}

/** One exact rail of watts at 1 kHz on the session's own clock, unless told otherwise. */
export function rigOf({ rails = [powerRail()], rowHz = 1000, ...made }: Made = {}): Rig {
  return {
    name: "made",
    description: "",
    device: {
      kind: "test",
      stream: "main",
      sampling: made.sampling ?? "instant",
      rowHz,
      clock: { hz: rowHz, uRel: 0, startU: 0, ...made.clock },
    },
    rails,
    missingRails: made.missingRails ?? [],
  };
}
