// Three projects, by folder; `npm test` runs all, `npm run test:unit` the first. What is listed by its file stands in
// a folder of unit tests and needs processes, real time or seeded sessions by the hundred.

/** Folders that drive programs, compilers, devices' protocols in real time, or attack the whole. */
const SYSTEM =
  "attacks|calibrate|doctor|end-to-end|firmware|hardware|live|marks|nvml|" +
  "align/(clock-sets|code-errors|daq-bounds|device-skew|discipline|edges-contradict|gpu-clock|late-blocks|match|slice-sums)\\.test|" +
  "capture/(chain-vectors|kill|log)\\.test|dataset/(export|fused|perfetto)|energy/(fold|pipeline)\\.test|" +
  "gpio/uapi\\.test|ingest/(daq-source|pmd-usb|ports|powersensor3|ppk2|text-source|tty-lock|import/fuzz)\\.test|" +
  "virtual/|schema/frame\\.test|view/report\\.test";
/** Those that open pages in Chromium. */
const BROWSER = "view/browser|live/browser|attacks/files-view";

/** What every test needs. */
export const base = {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": "@swc/jest" },
  modulePathIgnorePatterns: ["<rootDir>/dist/", "<rootDir>/.stryker-tmp/"],
};

const hardware = process.env.TRUEJOULE_HARDWARE ? [] : ["<rootDir>/test/hardware/"];

/** @param without what belongs to another project. */
const project = (displayName, folders, without) => ({
  ...base,
  displayName,
  testRegex: [`^(?=.*\\.test\\.ts$).*/test/(${folders})`],
  testPathIgnorePatterns: [...hardware, ...without.map((other) => `/test/(${other})`)],
});

export default {
  // Generous: a slow machine is no failure; nothing asserts an absolute time.
  testTimeout: 60_000,
  // The pages are bundled as `npm run build` does it, so that no test sees one older than its sources.
  globalSetup: "<rootDir>/scripts/bundle-pages.mjs",
  projects: [
    project("unit", "[a-z]", [SYSTEM, BROWSER]),
    project("system", SYSTEM, [BROWSER]),
    project("browser", BROWSER, []),
  ],
};
