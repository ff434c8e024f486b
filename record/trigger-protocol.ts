// What the recorder and its trigger worker say to each other.

import type { Mark } from "../schema/records.ts";

/** `control[0]`. */
export const Run = { running: 0, stopping: 1 } as const;

export interface TriggerInput {
  readonly control: SharedArrayBuffer;
  /** Line, as docs/gpio.md names it. */
  readonly output: string;
  /** Ring whose launches raise the line. */
  readonly ring: string;
  /** Look without pause; else every millisecond. */
  readonly spin: boolean;
}

/** What the worker did, and what it cost. */
export interface TriggerReport {
  readonly output: string;
  readonly spin: boolean;
  readonly patternPulses: number;
  readonly submitPulses: number;
  /** Launches seen; those that came within the least distance of a pulse raised none. */
  readonly submits: number;
  /** Half of the host's bracket around an edge, ns. */
  readonly halfNs: { readonly median: number; readonly most: number };
  readonly cpuS: number;
  readonly wallS: number;
}

export type TriggerMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "marks"; readonly marks: readonly Mark[] }
  | { readonly kind: "done"; readonly report: TriggerReport };
