// The MCAP library, required and not imported: it comes as CommonJS, which an import reads through once more for the
// names in it, and that takes twice as long as the library itself.

import { createRequire } from "node:module";
import type * as Mcap from "@mcap/core";

export const { McapChunkBuilder, McapRecordBuilder, McapStreamReader } = createRequire(
  import.meta.url,
)("@mcap/core") as typeof Mcap;
