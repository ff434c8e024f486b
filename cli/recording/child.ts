// The program under measurement: started with the marks folder in its environment, never killed by us
// except when the recording is interrupted, and its end is an event, not an error.

import { spawn } from "node:child_process";
import { InputError } from "../../schema/errors.ts";

/**
 * @returns its exit code when it ends (128 + n for a signal).
 * @throws InputError when it cannot be started.
 */
export function runChild(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  output: "inherit" | "stderr",
): Promise<number> {
  const [program, ...args] = command;
  const child = spawn(program!, args, {
    stdio: ["inherit", output === "stderr" ? 2 : "inherit", "inherit"],
    env: { ...process.env, ...environment },
  });
  return new Promise((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(new InputError(`${program}: cannot be started (${error.code ?? error.message})`)),
    );
    child.once("exit", (code, signal) => resolve(code ?? 128 + (signal ? 15 : 0)));
  });
}
