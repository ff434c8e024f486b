// Errors. A bug throws whatever assert throws; these two are for the world outside.
// Bad data is neither: it becomes a gap, a flag or a warning that travels with the run.

/** A user can act on it: one line saying what, where, expected, found. The CLI prints it and exits 1. */
export class InputError extends Error {
  override readonly name = "InputError";
  /** Survives realms and structured clones, where `instanceof` does not. */
  readonly tag = "InputError";
}

/** Wrong command line; the CLI prints it with a hint and exits 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly tag = "UsageError";
}

/** A source (port, library, line) failed. One that is awaited again is asked again. */
export class SourceError extends Error {
  override readonly name: string = "SourceError";
  readonly tag = "SourceError";

  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}

/** Asking again cannot help: a stranger answers, or the device says that it cannot. */
export class FinalSourceError extends SourceError {
  override readonly name = "FinalSourceError";
}

/** Where in a file a problem stands, in words that grep and hex editors understand. */
export function inputError(
  what: string,
  where: string,
  expected?: string,
  found?: string,
): InputError {
  const tail = [expected && `expected ${short(expected)}`, found && `found ${short(found)}`].filter(
    Boolean,
  );
  return new InputError(`${where}: ${what}${tail.length ? ` (${tail.join(", ")})` : ""}`);
}

/** Of what a file holds, the beginning: a header may have 100,000 columns. */
const SHOWN = 400;

const short = (text: string): string =>
  text.length <= SHOWN ? text : `${text.slice(0, SHOWN)} … (${text.length} characters)`;
