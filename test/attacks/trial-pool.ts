// Trials one after another in a few processes of their own: each starts its next as soon as it is free, and none of
// them waits while another reads files. In: plans. Out: what each came to, as it ends.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { siblingModule } from "../../host/sibling.ts";

/** @throws Error where a process of the pool ended by itself. */
export async function inProcesses<Plan extends object, Result>(
  plans: readonly Plan[],
  atOnce: number,
  onResult?: (result: Result, done: number) => void,
): Promise<Result[]> {
  const { url, execArgv } = siblingModule(import.meta.url, "./trial-process");
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    const child = fork(fileURLToPath(url), { execArgv: ["--no-warnings", ...execArgv] });
    try {
      for (let plan = plans[next++]; plan; plan = plans[next++]) {
        const result = new Promise<Result>((resolve, reject) => {
          child.once("message", (m) => resolve(m as Result));
          child.once("exit", (code) => reject(new Error(`a trial's process ended with ${code}`)));
        });
        child.send(plan);
        results.push(await result);
        child.removeAllListeners("exit");
        onResult?.(results.at(-1)!, results.length);
      }
    } finally {
      child.kill();
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, plans.length) }, work));
  return results;
}
