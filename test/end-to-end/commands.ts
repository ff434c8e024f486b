// Commands called in-process, as main.ts would: what they return and what they say.

import type { Command, ExitCode, Ui } from "../../cli/command.ts";

export interface Outcome {
  readonly code: ExitCode;
  readonly document: unknown;
  readonly warnings: readonly string[];
  readonly printed: readonly string[];
}

/** Positionals and options (`{ out: "x" }`); errors meant for the user are thrown as they are. */
export async function call(
  command: Command,
  positionals: readonly string[],
  options: Readonly<Record<string, string | boolean>> = {},
): Promise<Outcome> {
  const warnings: string[] = [];
  const printed: string[] = [];
  let document: unknown;
  const ui: Ui = {
    json: true,
    quiet: true,
    print: (text) => void printed.push(text),
    document: (value) => void (document = JSON.parse(JSON.stringify(value))),
    warn: (text) => void warnings.push(text),
    progress: () => () => undefined,
  };
  const code = await command.run({ positionals, options, rest: [], ui });
  return { code, document, warnings, printed };
}

export interface CompareDocument {
  readonly source: string;
  readonly clock: {
    readonly method: string;
    readonly tick_hz: number;
    readonly offset_ns: number;
    readonly interval_ns: readonly [number, number];
    readonly start_delay_ns: number;
    readonly residual_rms_ns: number;
    readonly edges_used: number;
    readonly edges_missing: number;
    readonly edges_extra: number;
  };
  readonly windows: readonly {
    readonly name: string;
    readonly kind: string;
    readonly doubt?: string;
    readonly t0_ns: number;
    readonly duration_s: number;
    readonly physical: {
      readonly energy_j: number;
      readonly expanded_uncertainty_j: number;
      readonly mean_power_w: number;
      readonly samples: number;
    } | null;
    readonly telemetry: readonly {
      readonly channel: string;
      readonly method: string;
      readonly energy_j: number | null;
      readonly error_pct: number | null;
      readonly quality: string;
    }[];
  }[];
  readonly warnings: readonly string[];
}
