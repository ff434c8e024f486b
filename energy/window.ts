// A stretch of the session whose Joules are asked for.

import { type Observation, textsOf } from "../schema/findings.ts";
import type { SessionNs } from "../schema/time.ts";

export interface Window {
  readonly name: string;
  readonly kind: "mark" | "kernel" | "step" | "session";
  readonly t0Ns: SessionNs;
  readonly t1Ns: SessionNs;
  /** Standard uncertainty of the marks themselves (not of the clock map), ns. */
  readonly u0Ns: number;
  readonly u1Ns: number;
  /** Where in the log the messages of its two marks lie, whose fields are its own; 0 without fields. */
  readonly fieldsAt?: readonly [number, number];
  /** Its fields, where no mark holds them. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
  /** Why the window is suspect; absent where it is not. */
  readonly doubts?: readonly Observation[];
}

/** The reasons, in one line; undefined without any. */
export const doubtText = (doubts: Window["doubts"]): string | undefined =>
  doubts && doubts.length > 0 ? textsOf(doubts).join("; ") : undefined;
