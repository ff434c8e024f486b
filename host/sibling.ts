// A module's own location and a neighbour's name → what a Worker or a child process needs to run that
// neighbour, whether the program was built (.js) or runs from its TypeScript sources (tests, development).

export interface SiblingModule {
  readonly url: URL;
  /** Arguments for node before the module: the TypeScript hook when running from source. */
  readonly execArgv: string[];
}

/** @param from the caller's `import.meta.url`. @param name relative path without extension, `./tty-worker`. */
export function siblingModule(from: string, name: string): SiblingModule {
  const source = from.endsWith(".ts");
  const hook = new URL("../scripts/ts-register.mjs", import.meta.url);
  return {
    url: new URL(`${name}${source ? ".ts" : ".js"}`, from),
    execArgv: source ? ["--import", hook.href] : [],
  };
}

/**
 * For workers that make little garbage, over hours: V8 would let 48 MB of it lie about in each before looking
 * (`resourceLimits` of node:worker_threads).
 */
export const LEAN = { maxYoungGenerationSizeMb: 4 } as const;
