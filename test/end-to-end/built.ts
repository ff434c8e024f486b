// The built command as a process: what it printed and how it ended.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/** The built command. */
export const main = join(import.meta.dirname, "../../dist/cli/main.js");

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function expectBuilt(): void {
  if (!existsSync(main))
    throw new Error("dist/ is missing: npm run build (npm test does it first)");
}

export async function truejoule(...args: string[]): Promise<Ran> {
  try {
    // Stands in for marks/cuda, which needs CUDA: that it is a library or program is all that record asks for.
    const env = { ...process.env, TRUEJOULE_CUDA_LIBRARY: process.execPath };
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, ...args], {
      env,
    });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const e = error as { code: number; stdout: string; stderr: string };
    return { code: e.code, stdout: e.stdout, stderr: e.stderr };
  }
}
