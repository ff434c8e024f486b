// Enters: folded.arrow of a run. Leaves: each kernel's waveform, drawn by sections/folds.ts.

import type { RecordBatch } from "apache-arrow";
import { openArrow } from "../dataset/arrow-reader.ts";
import { checked } from "../schema/documents/document.ts";
import { FOLD_METADATA, type FoldedKernelJson } from "../schema/documents/fold.ts";

/** Times in ns, power in W; NaN where no row fell into a step. */
export interface FoldedKernel extends FoldedKernelJson {
  readonly phaseNs: Float64Array;
  readonly powerW: Float64Array;
  readonly expandedW: Float64Array;
  readonly rails: readonly { readonly name: string; readonly powerW: Float64Array }[];
}

export interface Folds {
  readonly kernels: readonly FoldedKernel[];
  readonly warnings: readonly string[];
  /** Why none is shown, in words. */
  readonly problem: string | null;
}

const REMEDY = "truejoule fold writes it again";

/**
 * @param capture SHA-256 of the capture that the rest of the page is of, where known.
 * @throws InputError when it is no Arrow file.
 */
export async function readFolds(path: string, capture: string | undefined): Promise<Folds> {
  const refuse = (problem: string): Folds => ({ kernels: [], warnings: [], problem });
  const file = await openArrow(path, "truejoule fold", { kernel: "utf8" });
  try {
    const { metadata, fields } = file.schema;
    const about = metadata.get("truejoule.fold");
    if (metadata.get("truejoule.schema") !== "folded/1" || about === undefined)
      return refuse(`says nothing of its kernels; ${REMEDY}`);
    if (capture !== undefined && metadata.get("capture_sha256") !== capture)
      return refuse(`made from another capture; ${REMEDY}`);
    const said = checked(FOLD_METADATA, about);
    if (said.problem !== null) return refuse(`truejoule.fold: ${said.problem}; ${REMEDY}`);
    const { kernels, warnings } = said.document;
    const rails = fields.flatMap((f) => /^power_(.+)_w$/.exec(f.name)?.[1] ?? []);
    const shown: FoldedKernel[] = [];
    // One batch a kernel, in the order of the metadata.
    for await (const batch of file.batches) {
      const name = String(batch.getChild("kernel")?.get(0));
      const kernel = kernels.find((k) => k.kernel === name);
      if (!kernel) return refuse(`says nothing of kernel ${name}; ${REMEDY}`);
      shown.push(kernelOf(batch, kernel, rails));
    }
    return { kernels: shown, warnings, problem: null };
  } finally {
    await file.close();
  }
}

function kernelOf(
  batch: RecordBatch,
  kernel: FoldedKernelJson,
  rails: readonly string[],
): FoldedKernel {
  const numbers = (column: string): Float64Array => {
    const values = batch.getChild(column);
    return Float64Array.from({ length: batch.numRows }, (_, i) => Number(values?.get(i) ?? NaN));
  };
  return {
    ...kernel,
    phaseNs: numbers("phase_ns"),
    powerW: numbers("power_w"),
    expandedW: numbers("expanded_uncertainty_w"),
    rails: rails.map((rail) => ({ name: rail, powerW: numbers(`power_${rail}_w`) })),
  };
}
