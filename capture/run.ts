// A run is a folder; this file is the only one that knows the names in it.

import { type Stats, statSync } from "node:fs";
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

/** The files that are made from the log, SHA256SUMS among them: truejoule can make them again. */
export function derivedFiles(p: RunPaths): string[] {
  const tables = [p.fused, p.events, p.telemetry, p.folded];
  return [...tables, p.align, p.compare, p.report, p.checksums];
}

/** @throws InputError when the folder is no run, or cannot be looked into. */
export function openRun(dir: string): RunPaths {
  const paths = runPaths(dir);
  if (!look(dir, paths.capture).isFile())
    throw new InputError(`${dir}: not a run (its capture.mcap is no file)`);
  return paths;
}

/** What cannot be seen is not taken for what is not there. */
function look(dir: string, capture: string): Stats {
  try {
    return statSync(capture);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = UNSEEN[code ?? ""] ?? `cannot be looked at (${code})`;
    throw new InputError(`${ABSENT.has(code) ? dir : capture}: ${why}`);
  }
}

const ABSENT = new Set<string | undefined>(["ENOENT", "ENOTDIR"]);
const NO_RUN = "not a run (no capture.mcap in it); record or import makes one";
const DENIED = "permission denied; change the permissions of the folder or run as its owner";
const UNSEEN: Readonly<Record<string, string>> = {
  ENOENT: NO_RUN,
  ENOTDIR: NO_RUN,
  EACCES: `${DENIED} (EACCES)`,
  EPERM: `${DENIED} (EPERM)`,
  ELOOP: "a link that leads to itself (ELOOP)",
};
