// bindings.ts and nvml.ts through a real C library: the stub, built by the machine's C compiler.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { loadNvml } from "../../nvml/bindings.ts";
import { readEnvironment } from "../../nvml/environment.ts";
import type { NvmlLibrary, Quantity } from "../../nvml/library.ts";
import { nvmlProvider } from "../../nvml/nvml-provider.ts";
import { openNvml } from "../../nvml/nvml.ts";

function compiler(): string | undefined {
  return ["cc", "gcc", "clang"].find((name) => {
    try {
      execFileSync(name, ["--version"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

const cc = process.platform === "linux" ? compiler() : undefined;
const withCompiler = cc ? describe : describe.skip;

withCompiler("NVML over the C stub (skipped where there is no C compiler)", () => {
  let dir: string;
  let nvml: NvmlLibrary;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "truejoule-nvml-"));
    const library = join(dir, "libstub.so");
    execFileSync(cc!, ["-shared", "-fPIC", "-O1", "-o", library, "test/nvml/nvml-stub.c"]);
    nvml = openNvml(await loadNvml(library), () => ({ unixUs: Date.now() * 1e3, bootUs: 1 }));
  });
  afterAll(() => {
    nvml.close();
    rmSync(dir, { recursive: true });
  });

  function rows(quantity: Quantity, device = 0): [value: number, code: number, stampUs: number][] {
    const got: [number, number, number][] = [];
    nvml.devices[device]!.read[quantity]({ put: (v, c, s) => void got.push([v, c, s]) });
    return got;
  }

  test("names, versions and GPUs, with the one that cannot be opened", () => {
    expect(nvml.driver).toBe("580.00.stub");
    expect(nvml.devices.map((d) => [d.index, d.name, d.uuid])).toEqual([
      [0, "Stub GPU", "GPU-a"],
      [1, "Stub GPU", "GPU-b"],
    ]);
    expect(nvml.unopened).toEqual([{ index: 2, code: 15 }]);
  });

  test.each<[Quantity, number]>([
    ["power_usage", 123.456],
    ["energy_counter", 6000000000.001],
    ["temperature", 41], // through GetTemperatureV
    ["clock_sm", 1980e6],
    ["clock_memory", 2619e6],
    ["utilization_gpu", 0.87],
    ["utilization_memory", 0.12],
    ["memory_used", 5 * 2 ** 30], // through GetMemoryInfo
    ["pstate", 0],
    ["clocks_event_reasons", 4], // through its older name
    ["power_limit", 500],
  ])("%s is %d in SI units", (quantity, value) => {
    expect(rows(quantity)).toEqual([[value, 0, NaN]]);
  });

  test("fields go by their value type and carry the driver's stamp", () => {
    const [instant, average] = [rows("power_instant")[0]!, rows("power_average")[0]!];
    expect(instant.slice(0, 2)).toEqual([98.765, 0]);
    expect(average.slice(0, 2)).toEqual([100.5, 0]);
    expect(Math.abs(instant[2] - Date.now() * 1e3)).toBeLessThan(60e6);
  });

  test("a refused field and a refused call are NaN with the code", () => {
    expect(rows("temperature_memory")).toEqual([[NaN, 3, NaN]]);
    expect(rows("power_usage", 1)).toEqual([[NaN, 3, NaN]]);
  });

  test("a field that was not answered, or in an unknown type, is no value", () => {
    expect(rows("power_average", 1)).toEqual([[NaN, 999, NaN]]);
    expect(rows("power_instant", 1)).toEqual([[NaN, 999, NaN]]);
  });

  test("a ring larger than usual, of another value type, comes whole", () => {
    const values = rows("power_samples", 1).map(([value]) => value);
    expect(values).toHaveLength(400);
    expect(values[399]).toBeCloseTo(150.3995, 9);
  });

  test("samples are harvested once each", () => {
    const first = rows("power_samples");
    expect(first.map(([value]) => value)).toEqual([150, 150.001, 150.002, 150.003, 150.004]);
    const seen = new Set(first.map((r) => r[2]));
    for (const [, code, stamp] of rows("power_samples")) {
      expect(code).toBe(0);
      expect(seen.has(stamp)).toBe(false);
    }
  });

  test("channels carry the index among several GPUs; what is missing is named", () => {
    const fast = nvmlProvider(nvml, "fast");
    expect(fast.channels.map((c) => c.name)).toEqual([
      "nvml.0.power_usage",
      "nvml.0.power_average",
      "nvml.1.power_average",
      "nvml.0.power_instant",
      "nvml.1.power_instant",
    ]);
    expect(fast.missing).toEqual([
      "nvml.1.power_usage: not supported (code 3)",
      "nvml.2: GPU is lost (code 15)",
    ]);
  });

  test("the environment states limits, modes and what to beware of", async () => {
    const { nvml: facts, warnings } = await readEnvironment({ nvml, cwd: dir });
    expect(facts?.gpus[1]).toEqual({
      index: 1,
      name: "Stub GPU",
      uuid: "GPU-b",
      pci_bus_id: "00000000:02:00.0",
      architecture: "Hopper",
      power_limit_w: 500,
      enforced_power_limit_w: 500,
      default_power_limit_w: 700,
      min_power_limit_w: 200,
      max_power_limit_w: 700,
      persistence: false,
      ecc: true,
      mig: true,
      compute_processes: 2,
    });
    expect(warnings).toContain("GPU 0: the power limit in force is 500 W, its default is 700 W");
    expect(warnings.filter((w) => /MIG is on/.test(w))).toHaveLength(1);
  });
});

test("a machine without the driver is told so", async () => {
  await expect(loadNvml("libno-such-driver.so.1")).rejects.toThrow(
    "libno-such-driver.so.1: no NVIDIA driver on this machine",
  );
});
