// RAPL, hwmon and the host's facts over copies of the kernel's trees.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { readEnvironment } from "../../nvml/environment.ts";
import { open as openHwmon } from "../../nvml/hwmon.ts";
import type { TelemetryProvider } from "../../nvml/provider.ts";
import { open as openRapl } from "../../nvml/rapl.ts";
import { isPermanentErrno } from "../../nvml/sysfs.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "truejoule-sysfs-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function tree(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${text}\n`);
  }
}

function readAll(provider: TelemetryProvider): Record<string, [value: number, code: number]> {
  const rows: Record<string, [number, number]> = {};
  provider.channels.forEach((channel, i) =>
    provider.read(i, { put: (value, code) => void (rows[channel.name] = [value, code]) }),
  );
  return rows;
}

describe("RAPL", () => {
  const zone = (id: string, name: string, uj: string): Record<string, string> => ({
    [`intel-rapl:${id}/name`]: name,
    [`intel-rapl:${id}/energy_uj`]: uj,
    [`intel-rapl:${id}/max_energy_range_uj`]: "262143328850",
  });

  test("one counter a zone, children under their parent's name, each with its modulus", () => {
    tree({
      ...zone("0", "package-0", "262143000000"),
      ...zone("0:0", "dram", "5000000"),
      ...zone("1", "package-1", "7"),
      "intel-rapl-mmio:0/name": "package-0",
    });
    const provider = openRapl({ root });
    expect(provider.channels.map((c) => [c.name, c.unit, c.wrapsAt])).toEqual([
      ["rapl.package-0", "J", 262143.32885],
      ["rapl.package-0.dram", "J", 262143.32885],
      ["rapl.package-1", "J", 262143.32885],
    ]);
    expect(readAll(provider)["rapl.package-0"]).toEqual([262143, 0]);
    tree(zone("0", "package-0", "1000000")); // wrapped: the counter is kept as read
    expect(readAll(provider)["rapl.package-0"]).toEqual([1, 0]);
    provider.close();
  });

  test("a zone that vanishes or turns to garbage is a code, not a zero", () => {
    tree(zone("0", "package-0", "12"));
    const provider = openRapl({ root });
    tree(zone("0", "package-0", "none"));
    const [value, code] = readAll(provider)["rapl.package-0"]!;
    expect(value).toBeNaN();
    expect(code).toBeGreaterThan(0);
    provider.close();
  });

  test("zones of one name stay two channels", () => {
    tree({ ...zone("0", "package-0", "1"), ...zone("1", "psys", "2"), ...zone("3", "psys", "3") });
    const provider = openRapl({ root });
    expect(Object.keys(readAll(provider))).toEqual(["rapl.package-0", "rapl.psys", "rapl.psys-3"]);
    provider.close();
  });

  test("a zone that cannot be read is left out and named; a busy one would stay", () => {
    const { EACCES, EAGAIN, EBUSY, EIO } = constants.errno;
    expect([EACCES, EAGAIN, EBUSY, EIO].map(isPermanentErrno)).toEqual([true, false, false, false]);
    tree({ ...zone("0", "package-0", "1"), ...zone("1", "package-1", "7") });
    rmSync(join(root, "intel-rapl:1/energy_uj"));
    const provider = openRapl({ root });
    expect(provider.channels.map((c) => c.name)).toEqual(["rapl.package-0"]);
    expect(provider.missing).toEqual(["rapl.package-1: errno 2"]);
    provider.close();
  });

  test("a machine without powercap has no channels, and that is no error", () => {
    expect(openRapl({ root: join(root, "nothing") }).channels).toEqual([]);
  });
});

describe("hwmon", () => {
  test("INA3221 power is V·I of its rails, not of its sums", () => {
    tree({
      "hwmon1/name": "ina3221",
      "hwmon1/in1_label": "VDD_GPU",
      "hwmon1/in1_input": "5000",
      "hwmon1/curr1_input": "2400",
      "hwmon1/in4_input": "12",
      "hwmon1/curr4_input": "4000",
    });
    const provider = openHwmon({ root });
    const rows = readAll(provider);
    expect(Object.keys(rows)).toEqual(["hwmon.ina3221.VDD_GPU"]);
    expect(rows["hwmon.ina3221.VDD_GPU"]![0]).toBeCloseTo(12, 12);
    provider.close();
  });

  test("the mean is preferred to the momentary value, and labels become words", () => {
    tree({
      "hwmon5/name": "psu",
      "hwmon5/power1_label": "power total",
      "hwmon5/power1_average": "250000000",
      "hwmon5/power1_input": "9",
    });
    const provider = openHwmon({ root });
    expect(readAll(provider)).toEqual({ "hwmon.psu.power_total": [250, 0] });
    provider.close();
  });

  test("two chips of a kind are told apart by their bus address", () => {
    for (const [n, address] of [
      ["hwmon1", "1-0040"],
      ["hwmon2", "1-0041"],
    ]) {
      tree({
        [`devices/${address}/x`]: "",
        [`class/${n}/name`]: "ina3221",
        [`class/${n}/in1_label`]: "VDD",
        [`class/${n}/in1_input`]: "1000",
        [`class/${n}/curr1_input`]: "1000",
      });
      symlinkSync(join(root, `devices/${address}`), join(root, `class/${n}/device`));
    }
    const provider = openHwmon({ root: join(root, "class") });
    expect(provider.channels.map((c) => c.name)).toEqual([
      "hwmon.ina3221-1-0040.VDD",
      "hwmon.ina3221-1-0041.VDD",
    ]);
    provider.close();
  });

  test("amdgpu gives rocm channels for the files it has", () => {
    tree({
      "hwmon3/name": "amdgpu",
      "hwmon3/power1_average": "203000000",
      "hwmon3/temp1_input": "61000",
      "hwmon3/device/gpu_busy_percent": "97",
    });
    const provider = openHwmon({ root });
    expect(readAll(provider)).toEqual({
      "rocm.power_average": [203, 0],
      "rocm.temperature": [61, 0],
      "rocm.utilization_gpu": [0.97, 0],
    });
    expect(provider.missing).toContain("rocm.power_input: unreadable (errno 2)");
    provider.close();
  });
});

test("several AMD GPUs are numbered by their PCI addresses", () => {
  for (const [n, address, watts] of [
    ["hwmon10", "0000:43:00.0", "100"],
    ["hwmon2", "0000:03:00.0", "200"],
  ]) {
    tree({
      [`devices/${address}/x`]: "",
      [`class/${n}/name`]: "amdgpu",
      [`class/${n}/power1_average`]: `${watts}000000`,
    });
    symlinkSync(join(root, `devices/${address}`), join(root, `class/${n}/device`));
  }
  const provider = openHwmon({ root: join(root, "class") });
  expect(readAll(provider)).toEqual({
    "rocm.0.power_average": [200, 0],
    "rocm.1.power_average": [100, 0],
  });
  provider.close();
});

test("an energy counter of hwmon is a channel beside the chip's power", () => {
  tree({
    "hwmon4/name": "xe",
    "hwmon4/energy1_label": "card",
    "hwmon4/energy1_input": "12500000",
    "hwmon4/energy2_input": "1000000",
  });
  const provider = openHwmon({ root });
  expect(readAll(provider)).toEqual({
    "hwmon.xe.card_energy": [12.5, 0],
    "hwmon.xe.energy2": [1, 0],
  });
  expect(provider.channels[0]).toMatchObject({ quantity: "energy", unit: "J" });
  provider.close();
});

test.each([
  ["a namespace of its own", { pid: "pid:[4026532281]" }, {}, "container"],
  ["a cgroup namespace of its own", { cgroup: "cgroup:[4026532280]" }, {}, "container"],
  ["the kernel's namespaces", { pid: "pid:[4026531836]" }, {}, "bare metal"],
  ["a hypervisor's firmware", {}, { "sys/class/dmi/id/sys_vendor": "QEMU" }, "virtual machine"],
])("confinement by %s", async (_, spaces, files, found) => {
  tree({ "proc/1/cgroup": "0::/", ...files });
  mkdirSync(join(root, "proc/self/ns"), { recursive: true });
  for (const [name, target] of Object.entries(spaces))
    symlinkSync(target, join(root, "proc/self/ns", name));
  const { host } = await readEnvironment({ nvml: null, root, cwd: root });
  expect(host.confinement).toBe(found);
});

test("the host's facts: governors and confinement", async () => {
  tree({
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance",
    "proc/cpuinfo": "flags\t\t: fpu vme hypervisor",
  });
  const { host, warnings, nvml, git } = await readEnvironment({ nvml: null, root, cwd: root });
  expect(host.governor).toEqual(["performance", "powersave"]);
  expect(host.confinement).toBe("virtual machine");
  expect(warnings).toEqual(["CPU governor is powersave, not performance"]);
  expect([nvml, git]).toEqual([null, null]);
});
