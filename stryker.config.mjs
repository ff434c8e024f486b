// Mutation testing (Stryker) of the Joules and the clocks: which small changes would no test notice? A development
// script, not part of CI: `npm run mutate`, or of some files `npm run mutate -- --mutate energy/budget.ts`.

/** Hours for all on two cores: these are asked for by name as a rule. */
const HEART = [
  "energy/**/*.ts",
  ...["clock", "clock-sets", "daq-bounds", "daq-clock", "daq-evidence", "device-skew"],
  ...["discipline", "discipline-fit", "feasible-lines", "fit", "fit-model", "gpu-clock", "lag"],
  ...["match", "placing", "power-edges", "segments", "timebase", "wall-clock", "wander"],
].map((name) => (name.includes("/") ? name : `align/${name}.ts`));

export default {
  mutate: [...HEART, "dataset/decimator.ts"],
  testRunner: "jest",
  // Tests are ECMAScript modules.
  testRunnerNodeArgs: ["--experimental-vm-modules", "--no-warnings"],
  jest: { configFile: "jest.mutate.config.js" },
  coverageAnalysis: "perTest",
  concurrency: 1,
  // Machines are shared: a mutant that loops for ever is told by its ratio to the usual time.
  timeoutFactor: 4,
  timeoutMS: 20_000,
  reporters: ["clear-text", "json"],
  clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  jsonReporter: { fileName: "reports/mutation.json" },
  ignorePatterns: ["/dist", "/runs", "/carry", "/docs", "/reports"],
  tempDirName: ".stryker-tmp",
  disableTypeChecks: false,
};
