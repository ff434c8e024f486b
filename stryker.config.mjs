// Mutation testing (Stryker) of the Joules and the clocks: which small changes would no test notice? A development
// script, not part of CI: `npm run mutate -- --mutate energy/quality.ts`; CONTRIBUTING.md says what it finds.

/** Seeded sessions by the hundred: they hold the whole, and are asked about the file they are named after alone. */
const SLOW =
  "clock|clock-sets|code-errors|cuda-kernels|cuda-times|daq-bounds|decimator|decode|device-skew|discipline|" +
  "discipline-fit|edges-contradict|export|fold|fused|gpu-clock|kernels|late-blocks|match|means|operational|perfetto|" +
  "pipeline|read-column|slice-sums";

export default {
  mutate: [
    "energy/**/*.ts",
    "align/{clocks,reference}/**/*.ts",
    "align/rows/{device-skew,timebase}.ts",
    "dataset/decimator.ts",
  ],
  plugins: ["./scripts/mutation/runner.mjs"],
  testRunner: "in-process",
  mutation: { folders: ["test/energy", "test/align", "test/dataset", "test/stats"], slow: SLOW },
  coverageAnalysis: "perTest",
  ignorers: ["sentences"],
  concurrency: 1,
  // Machines are shared: a mutant that loops for ever is told by its ratio to the usual time.
  timeoutFactor: 4,
  timeoutMS: 10_000,
  warnings: { unknownOptions: false },
  reporters: ["clear-text", "progress-append-only", "json"],
  clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  jsonReporter: { fileName: "reports/mutation.json" },
  ignorePatterns: ["/dist", "/runs", "/carry", "/docs", "/reports"],
  tempDirName: ".stryker-tmp",
  disableTypeChecks: false,
};
