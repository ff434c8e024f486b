// A log of nvidia-smi alone: telemetry, no physical trace, so no rig. Beside a trace it is read by the
// importer of that.

import { basename } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import { instant } from "../../../schema/time.ts";
import type { Importer } from "../importer.ts";
import { importSmi } from "./nvidia-smi.ts";

/** @throws InputError when the file has no timestamp column, no row, or a stamp that is no date. */
export const importSmiCsv: Importer = async (path, context) => {
  const { first, name, notes } = importSmi(path, context);
  if (first === null) throw inputError("no row in it", path, "an nvidia-smi CSV log");
  context.origin(path);
  const log = context.create(
    {
      hostClock: "unix",
      hostEpoch: instant<"host">(first),
      startUnix: first,
      labels: { format: "nvidia-smi", capture: basename(path), ...(name ? { gpu: name } : {}) },
    },
    null,
  );
  importSmi(path, context, log);
  for (const note of notes) log.note(note);
  log.close();
};
