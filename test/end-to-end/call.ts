// A command of cli/ called as a function: what it printed, warned, returned, or why it failed.

import type { Command, ExitCode, OptionValues, Ui } from "../../cli/command.ts";

export interface Outcome {
  /** null where the command threw. */
  readonly code: ExitCode | null;
  readonly printed: readonly string[];
  readonly warnings: readonly string[];
  /** The document of --json. */
  readonly document: unknown;
  readonly error: (Error & { readonly tag?: string }) | null;
}

export async function call(
  command: Command,
  positionals: readonly string[],
  options: OptionValues = {},
): Promise<Outcome> {
  const printed: string[] = [];
  const warnings: string[] = [];
  let document: unknown;
  const ui: Ui = {
    json: true,
    quiet: true,
    print: (text) => void printed.push(text),
    document: (value) => void (document = value),
    warn: (text) => void warnings.push(text),
    progress: () => () => undefined,
  };
  try {
    const code = await command.run({ positionals, options, rest: [], ui });
    return { code, printed, warnings, document, error: null };
  } catch (error) {
    return { code: null, printed, warnings, document, error: error as Error };
  }
}
