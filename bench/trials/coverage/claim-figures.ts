// Not speed but honesty: how often the intervals of filter-matched claims hold the sensor's true error, a line a channel
// and window length (docs/evidence/claims.md).

import type { BenchOptions } from "../../options.ts";
import { CLAIMS_DURATION_S } from "./claims.ts";
import { judgedCells } from "./figures.ts";

export const run = (options: BenchOptions = {}): AsyncGenerator<object> =>
  judgedCells("claims", options, CLAIMS_DURATION_S);
