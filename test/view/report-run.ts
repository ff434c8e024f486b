// Small runs to report on, gone after the tests of the file that made them.

import { rmSync } from "node:fs";
import { afterAll } from "@jest/globals";
import type { RunPaths } from "../../capture/run.ts";
import { type SyntheticOptions, writeSyntheticRun } from "./synthetic.ts";

/** Folders that go with them. */
export const made: string[] = [];
afterAll(() => made.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

export function synthetic(options: SyntheticOptions = {}): RunPaths {
  const run = writeSyntheticRun({ rowHz: 2000, ...options });
  made.push(run.dir);
  return run;
}
