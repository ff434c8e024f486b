// A firmware script as a program: its help, what of its arguments is wrong (exit 2) and what went wrong (exit 1), each
// in one line of plain words.

import { pathToFileURL } from "node:url";
import { UsageError } from "../schema/errors.ts";

/**
 * Runs `body` where the module at `url` is the program and not imported.
 * @param body gets the arguments; resolves with the exit code; a UsageError, or one of parseArgs, is told with `usage`.
 */
export async function script(
  url: string,
  usage: string,
  body: (args: readonly string[]) => Promise<number>,
): Promise<void> {
  if (url !== pathToFileURL(process.argv[1] ?? "").href) return;
  const args = process.argv.slice(2);
  if (args.includes("--help") || args.includes("-h")) return void console.log(usage);
  try {
    process.exitCode = await body(args);
  } catch (error) {
    const wrong = error instanceof UsageError || codeOf(error).startsWith("ERR_PARSE_ARGS");
    const { message } = error as Error;
    // Of parseArgs the first sentence: the others teach it.
    console.error(wrong ? `${message.split(/\. |\n/)[0]}; ${usage}` : message);
    process.exitCode = wrong ? 2 : 1;
  }
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? "";
