import { expect, test } from "@jest/globals";
import { random } from "../../stats/random.ts";
import { killMany } from "./kill.ts";

const FLUSH_MS = 500;

test("a recorder killed at 20 random moments loses less than a second and no sample is wrong", async () => {
  const r = random(1, "kills");
  const delays = Array.from({ length: 20 }, () => 1200 * r.uniform());
  const kills = await killMany(20, 10, (k) => delays[k]!, FLUSH_MS);
  expect(kills).toHaveLength(20);
  for (const k of kills) {
    expect(k).toMatchObject({ wrongRows: 0, damages: 0 });
    expect(k.keptRows).toBeLessThanOrEqual(k.handedRows);
    expect(k.lostS).toBeLessThanOrEqual(1);
  }
  // Some kill did cost something, and some log had been flushed: else nothing was tested.
  expect(kills.some((k) => k.keptRows < k.handedRows)).toBe(true);
  expect(kills.some((k) => k.keptRows > 0)).toBe(true);
}, 120_000);
