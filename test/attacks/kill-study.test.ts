// The kill study in short: node scripts/kill-study.mjs is the whole.

import { expect, test } from "@jest/globals";
import { expectBuilt } from "../end-to-end/built.ts";
import { fillDisks, isRoot } from "./full-disk.ts";
import { killCommands } from "./kill-study.ts";

const SEEDS = Number(process.env["TRUEJOULE_SEEDS"] ?? 1);

test("commands killed at random moments: evidence and a user's files as they were, all in order after the next command", async () => {
  expectBuilt();
  const kills = await killCommands(20 * SEEDS, 2, 1);
  expect(kills.filter((k) => k.problems.length > 0)).toEqual([]);
  expect(kills).toHaveLength(20 * SEEDS);
  // Some were hit at work: else nothing was tested.
  expect(kills.some((k) => k.working)).toBe(true);
}, 1_200_000);

// A tmpfs is mounted for each trial.
(isRoot() ? test : test.skip)(
  "commands on a disk that fills up: what is told is in the log, files are old or whole (needs root)",
  async () => {
    expectBuilt();
    const trials = await fillDisks(20 * SEEDS, 2, 1);
    expect(trials.filter((t) => t.problems.length > 0)).toEqual([]);
    expect(trials).toHaveLength(20 * SEEDS);
    expect(trials.some((t) => t.met)).toBe(true);
  },
  1_200_000,
);
