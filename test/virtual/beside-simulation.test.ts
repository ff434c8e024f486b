// The virtual bench on a machine that has sensors of its own.

import { expect, test } from "@jest/globals";
import type { Environment } from "../../nvml/environment.ts";
import { besideSimulation } from "../../virtual/record/virtual-bench.ts";

const environment: Environment = {
  schema: "environment/1",
  host: { kernel: "", arch: "", cpu: "", cores: 1, governor: null, confinement: "bare metal" },
  node: "",
  git: null,
  nvml: null,
  warnings: ["a governor"],
};

test("what the machine's own sensors say is not recorded beside simulated rails, and that is told", () => {
  const names = ["nvml fast", "nvml slow", "rapl"];
  const { warnings } = besideSimulation(
    environment,
    names.map((name) => ({ name })),
  );
  expect(warnings).toEqual(["a governor", expect.stringMatching(/^nvml and rapl .* is not read/)]);
  expect(besideSimulation(environment, [])).toBe(environment);
});
