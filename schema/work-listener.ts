// What long work tells whoever asked for it, while it goes on.

import type { Finding } from "./findings.ts";

/** Every call is made where it happens, and must not throw. */
export interface WorkListener {
  /** A stage of the work begins. @returns told how far it is, of a total in the same unit. */
  readonly onProgress?: (stage: string) => (done: number, total: number) => void;
  /** What a reader of the result must know and the result does not say. */
  readonly onFinding?: (finding: Finding) => void;
  /** Another process holds the run: it is waited for. */
  readonly onWaiting?: (text: string) => void;
}
