export default {
  testEnvironment: "node",
  // Generous: a slow machine is no failure; nothing asserts an absolute time.
  testTimeout: 60_000,
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  testPathIgnorePatterns: process.env.TRUEJOULE_HARDWARE ? [] : ["<rootDir>/test/hardware/"],
  extensionsToTreatAsEsm: [".ts"],
  transform: { "^.+\\.ts$": "@swc/jest" },
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
};
