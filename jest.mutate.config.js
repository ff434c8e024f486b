// The unit tests that `npm run mutate` asks of every mutant (stryker.config.mjs).
import { base } from "./jest.config.js";

export default {
  ...base,
  testTimeout: 60_000,
  testRegex: ["/test/(energy|align|dataset)/[^/]*\\.test\\.ts$"],
  // Seeded sessions by the hundred: they hold the whole, and are too slow for this.
  testPathIgnorePatterns: [
    "test/align/(clock-sets|code-errors|cuda-times|daq-bounds|daq-clock|device-skew|discipline|gpu-clock)\\.test",
    "test/align/(kernels|late-blocks|match|skew|slice-sums|wall-clock)\\.test",
    "test/energy/(cuda-kernels|fold|pipeline)\\.test",
    "test/dataset/(decimator|export|fused|fused-check|perfetto)\\.test",
  ],
};
