// What a program's marks say of themselves, once it is over. In: marks as they come. Out: what its owner should
// know: no program ever opened the ring, the CUDA library was never loaded, or says that records are missing.

import { CudaAccount } from "../align/clocks/cuda-account.ts";
import type { MarkTotals } from "../marks/marks-source.ts";
import { about, type Finding, finding } from "../schema/findings.ts";
import type { Mark, Note } from "../schema/records.ts";

const UNOPENED = finding("mark-ring-unopened", "marks", "no program opened the mark ring");

export interface Said {
  readonly finding: Finding;
  /** The level of its note in the log. */
  readonly noted: Note["level"];
}

export class ProgramMarks {
  readonly #cuda: boolean;
  readonly #account = new CudaAccount();
  #any = false;

  /** @param cuda whether kernels were asked for. */
  constructor(cuda: boolean) {
    this.#cuda = cuda;
  }

  see(mark: Mark): void {
    this.#any = true;
    if (this.#cuda) this.#account.see(mark);
  }

  /** At the end. Compare finds by itself what the library says is missing, so that is only told. */
  said({ opened }: MarkTotals): Said[] {
    if (!this.#cuda) return opened || this.#any ? [] : [{ finding: UNOPENED, noted: "info" }];
    if (this.#account.processes === 0)
      return [
        {
          noted: "warning",
          finding: finding(
            "cuda-not-loaded",
            "CUDA",
            `no program loaded the library, so no kernels were recorded (${opened ? "" : "none opened the mark ring either; "}did it run in a container, without CUDA, or could its driver not load it? docs/cuda.md, "Containers")`,
          ),
        },
      ];
    return this.#account.findings().map((o) => ({ finding: about("CUDA", o), noted: "info" }));
  }
}
