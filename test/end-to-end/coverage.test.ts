// The stated interval holds the true Joules as often as it says: a smaller version of
// `truejoule bench coverage`, run from the build since Jest slows the sample loops tenfold.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Coverage } from "../../protocols/coverage.ts";

const built = join(import.meta.dirname, "../../dist/protocols/coverage.js");

test("40 seeded virtual sessions: coverage and bias", () => {
  if (!existsSync(built))
    throw new Error("dist/ is missing: npm run build (npm test does it first)");
  const script = `import(${JSON.stringify(built)}).then(async (m) =>
    process.stdout.write(JSON.stringify(await m.coverage({ sessions: 40, durationS: 3 }))))`;
  const text = execFileSync(process.execPath, ["-e", script], { encoding: "utf8" });
  const c = JSON.parse(text) as Coverage;
  expect(c.sessions).toBe(40);
  expect(c.lost_rows).toBeGreaterThan(0);
  // 40 sessions share 40 draws of gain: one standard error is 3.4 %. A factor of two in u would show.
  expect(c.covered).toBeGreaterThan(0.85);
  expect(c.median_u_pct).toBeLessThan(0.5);
  expect(Math.abs(c.pipeline_bias_pct)).toBeLessThan(0.02);
  expect(c.clock_covered).toBeGreaterThan(0.85);
}, 120_000);
