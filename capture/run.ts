// A run is a folder; this file is the only one that knows the names in it.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../schema/errors.ts";

export interface RunPaths {
  readonly dir: string;
  readonly capture: string;
  readonly fused: string;
  readonly events: string;
  readonly telemetry: string;
  readonly align: string;
  readonly compare: string;
  readonly report: string;
  readonly receipt: string;
}

export function runPaths(dir: string): RunPaths {
  return {
    dir,
    capture: join(dir, "capture.mcap"),
    fused: join(dir, "fused.arrow"),
    events: join(dir, "events.arrow"),
    telemetry: join(dir, "telemetry.arrow"),
    align: join(dir, "align.json"),
    compare: join(dir, "compare.json"),
    report: join(dir, "report.html"),
    receipt: join(dir, "receipt.dsse.json"),
  };
}

/** Makes an empty run folder. @throws InputError when something is there already: evidence is never overwritten. */
export function createRun(dir: string): RunPaths {
  if (existsSync(dir) && readdirSync(dir).length > 0)
    throw new InputError(`${dir}: already exists and is not empty; choose another --out or move it away`);
  mkdirSync(dir, { recursive: true });
  return runPaths(dir);
}

/** @throws InputError when the folder is no run. */
export function openRun(dir: string): RunPaths {
  const paths = runPaths(dir);
  if (!existsSync(paths.capture))
    throw new InputError(`${dir}: not a run (no capture.mcap in it); record or import makes one`);
  return paths;
}
