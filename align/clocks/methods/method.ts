// One way to tell the DAQ's clock: evidence → its model, where there is enough of it.

import type { Observation } from "../../../schema/findings.ts";
import type { TracedScan } from "../../scanned.ts";
import type { ClockModel } from "../clock.ts";
import type { Evidence } from "../daq-evidence.ts";

/** What a method goes by, for one segment of the stream. */
export interface Look {
  readonly scan: TracedScan;
  /** With the rate and start as the rig declares them. */
  readonly evidence: Evidence;
  /** The same once exchanges or arrivals have said where edges are to be looked for; absent without either. */
  readonly near: Evidence | undefined;
  /** One of several segments: a pairing in doubt is not used, other evidence is there. */
  readonly broken: boolean;
}

export interface ClockMethod {
  readonly name: ClockModel["method"];
  /**
   * Undefined where it has nothing to go by, or what it has does not fit.
   * @param refuse told why evidence that fits is left out even so.
   */
  fit(look: Look, refuse: (why: Observation) => void): ClockModel | undefined;
}
