import { expect, test } from "@jest/globals";
import { usualHz } from "../../../ingest/import/shared/rows.ts";

test("rows come at the rate of the median step: neither bursts nor pauses move it", () => {
  const steps = [1e6, 1e6, 2e6, 1e6, 1e6, 900e6, 0.1e6, 1e6, 0.1e6];
  expect(usualHz(steps)).toBe(1000);
  // Three kinds of step in equal parts, in any order.
  expect(usualHz([4e6, 1e6, 2e6, 4e6, 2e6, 1e6, 2e6, 1e6, 4e6])).toBe(500);
  expect(usualHz([5e6])).toBe(200);
});

test("of a single row there is no rate", () => {
  expect(usualHz([])).toBe(1);
});
