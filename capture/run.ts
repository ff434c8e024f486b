// A run is a folder; this file is the only one that knows the names in it.

import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../schema/errors.ts";
import type { Source } from "../schema/records.ts";
import { readCapture } from "./log-reader.ts";

export interface RunPaths {
  readonly dir: string;
  readonly capture: string;
  readonly fused: string;
  readonly events: string;
  readonly telemetry: string;
  readonly align: string;
  readonly compare: string;
  /** Where `fold` puts its waveforms. */
  readonly folded: string;
  readonly report: string;
  readonly receipt: string;
  /** Of the derived files. */
  readonly checksums: string;
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
    folded: join(dir, "folded.arrow"),
    report: join(dir, "report.html"),
    receipt: join(dir, "receipt.dsse.json"),
    checksums: join(dir, "SHA256SUMS"),
  };
}

/**
 * Makes an empty run folder. What was recorded is never overwritten; an import can be repeated, since
 * its source still exists, and replaces itself.
 * @throws InputError when something else is there already.
 */
export function createRun(dir: string, replace?: Source): RunPaths {
  if (existsSync(dir) && !statSync(dir).isDirectory())
    throw new InputError(`${dir}: a file, not a folder; choose another --out`);
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    if (replace === undefined || sourceOf(runPaths(dir).capture) !== replace)
      throw new InputError(
        `${dir}: already exists and is not empty; choose another --out or move it away`,
      );
    rmSync(dir, { recursive: true });
  }
  mkdirSync(dir, { recursive: true });
  return runPaths(dir);
}

/** What made the log, or undefined where there is none to read. */
function sourceOf(capture: string): Source | undefined {
  if (!existsSync(capture)) return undefined;
  try {
    for (const r of readCapture(capture)) if (r.kind === "session") return r.session.source;
  } catch {
    // no log of ours: not ours to replace
  }
  return undefined;
}

/** @throws InputError when the folder is no run. */
export function openRun(dir: string): RunPaths {
  const paths = runPaths(dir);
  if (!existsSync(paths.capture))
    throw new InputError(`${dir}: not a run (no capture.mcap in it); record or import makes one`);
  return paths;
}
