// Doctor on machines made of files: each obstacle is found, named and has a remedy; a machine without any
// gets none.

import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { examine } from "../../cli/doctor/examine.ts";
import type { Finding, Machine } from "../../cli/doctor/machine.ts";
import type { Kernel } from "../../gpio/kernel.ts";
import type { DeviceFacts, NvmlDevice, NvmlLibrary } from "../../nvml/library.ts";
import { simulateNvml } from "../../virtual/driver/sim.ts";
import { SourceError } from "../../schema/errors.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "truejoule-doctor-"));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${text}\n`);
  return file;
}

const noGpio = (): Kernel => {
  throw new SourceError("trigger lines need Linux, this is elsewhere");
};

/** A library whose devices say other things of themselves. */
function nvmlWith(facts: Partial<DeviceFacts>, reasons = 0): NvmlLibrary {
  const sim = simulateNvml({ powerW: () => 100, nowNs: () => 5e9, unixOffsetNs: 0 });
  const devices = sim.devices.map((d): NvmlDevice => ({
    ...d,
    name: "Card",
    facts: () => ({ ...d.facts(), computeProcesses: { value: 0 }, ...facts }),
    read: { ...d.read, clocks_event_reasons: (out) => out.put(reasons, 0, NaN) },
  }));
  return { ...sim, simulated: false, driver: "580.1", devices };
}

const machine = (o: Partial<Machine> = {}): Machine => ({
  root,
  nodeVersion: "v20.19.0",
  user: "ada",
  cwd: root,
  mayUse: (path) => (statSync(path).mode & 0o006) === 0o006,
  grantsFifo: () => true,
  freeBytes: () => 100e9,
  openNvml: async () => nvmlWith({}),
  gpio: noGpio,
  ...o,
});

const about = (findings: readonly Finding[], check: string): Finding[] =>
  findings.filter((f) => f.check.includes(check));
async function find(check: string, o: Partial<Machine> = {}, rig?: string): Promise<Finding> {
  const found = about(await examine(machine(o), rig), check);
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** A bench on which nothing is wrong. */
function goodMachine(): Partial<Machine> {
  put("proc/self/limits", "Max realtime priority     20                   20                   ");
  put("proc/self/status", "CapEff:\t0000000000000000");
  put("proc/cpuinfo", "flags : fpu");
  put("proc/1/cgroup", "0::/init.scope");
  put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
  put("sys/class/powercap/intel-rapl:0/name", "package-0");
  put("sys/class/powercap/intel-rapl:0/energy_uj", "123456");
  put("sys/class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850");
  daq("ttyACM0", 0o666);
  const kernel: Kernel = {
    chips: () => ["/dev/gpiochip0"],
    open: () => 3,
    close: () => undefined,
    ioctl: (_fd, _request, argument) => {
      if (argument.length === 68) argument.writeUInt32LE(2, 64); // chip info: two lines
      return 0;
    },
    readable: () => false,
    read: () => 0,
  };
  return { gpio: () => kernel };
}

function daq(name: string, mode: number): void {
  const usb = "sys/devices/pci0/usb1/1-2";
  put(`${usb}/idVendor`, "2e8a");
  put(`${usb}/idProduct`, "000a");
  put(`${usb}/product`, "Pico");
  mkdirSync(join(root, usb, "1-2:1.0"), { recursive: true });
  mkdirSync(join(root, "sys/class/tty", name), { recursive: true });
  symlinkSync(join(root, usb, "1-2:1.0"), join(root, "sys/class/tty", name, "device"));
  const file = put(`dev/${name}`, "");
  chmodSync(file, mode);
}

const ownGroup = (name: string): string =>
  put("etc/group", `root:x:4242:\n${name}:x:${statSync(root).gid}:`);

describe("doctor", () => {
  test("says what a card's claims resolve", async () => {
    expect((await find("GPU 0 events")).text).toBe(
      "the shortest that a claim resolves: 300 ms (3 updates) by nvml.power_usage, nvml.power_instant, nvml.energy_counter",
    );
  });

  test("has nothing to say against a good machine", async () => {
    const findings = await examine(machine(goodMachine()));
    expect(findings.filter((f) => f.verdict !== "ok")).toEqual([]);
    expect(findings.length).toBeGreaterThan(12);
  });

  test("whatever is not ok has a remedy, on a machine that has nothing", async () => {
    const bare = {
      openNvml: async () => "libnvidia-ml.so.1: no NVIDIA driver",
      freeBytes: () => null,
    };
    const findings = await examine(machine({ ...bare, nodeVersion: "v18.0.0" }), "no-such-rig");
    expect(findings.filter((f) => f.verdict !== "ok").length).toBeGreaterThan(6);
    for (const f of findings) if (f.verdict !== "ok") expect(f.remedy).toBeTruthy();
  });

  test.each([
    ["v20.19.0", "ok"],
    ["v20.18.9", "no"],
    ["v24.1.0", "ok"],
    ["v18.20.0", "no"],
  ])("Node %s is %s", async (nodeVersion, verdict) => {
    expect((await find("node", { nodeVersion })).verdict).toBe(verdict);
  });

  test("a port of another group: who must join which", async () => {
    ownGroup("dialout");
    daq("ttyACM0", 0o660);
    expect(await find("/dev/ttyACM0")).toEqual({
      check: "/dev/ttyACM0",
      verdict: "no",
      text: 'USB 2e8a:000a "Pico": no permission (group dialout)',
      remedy: "sudo usermod -aG dialout ada, then log in again",
    });
  });

  test("a port of root's group needs a rule, not a member", async () => {
    ownGroup("root");
    writeFileSync(join(root, "etc/group"), `root:x:${statSync(root).gid}:\n`);
    daq("ttyACM3", 0o600);
    expect((await find("/dev/ttyACM3")).remedy).toBe(
      'a udev rule: KERNEL=="ttyACM*", GROUP="dialout", MODE="0660"',
    );
  });

  test("a port that the container was not given", async () => {
    daq("ttyACM0", 0o666);
    rmSync(join(root, "dev/ttyACM0"));
    const f = await find("/dev/ttyACM0");
    expect([f.verdict, f.remedy]).toEqual([
      "no",
      "pass it into the container: --device=/dev/ttyACM0",
    ]);
  });

  test("an FTDI adapter that holds bytes back", async () => {
    daq("ttyUSB0", 0o666);
    put("sys/bus/usb-serial/devices/ttyUSB0/latency_timer", "16");
    const f = await find("ttyUSB0 latency");
    expect(f.verdict).toBe("warn");
    expect(f.remedy).toContain("sudo tee /sys/bus/usb-serial/devices/ttyUSB0/latency_timer");
    put("sys/bus/usb-serial/devices/ttyUSB0/latency_timer", "1");
    expect((await find("ttyUSB0 latency")).verdict).toBe("ok");
  });

  test("ModemManager, where there are ports for it to disturb", async () => {
    put("proc/812/comm", "ModemManager");
    expect(about(await examine(machine()), "ModemManager")).toEqual([]);
    daq("ttyACM0", 0o666);
    expect((await find("ModemManager")).verdict).toBe("warn");
  });

  test.each([
    ["0                    0", "0000000000000000", /rtprio 0/, /limits\.d/],
    ["5                    5", "0000000000000000", /rtprio 5/, /limits\.d/],
    ["10                   99", "0000000000000000", /though .* permit/, /rt_runtime/],
    ["unlimited            unlimited", "0000000000000000", /though .* permit/, /rt_runtime/],
    ["0                    0", "0000000000800000", /though .* permit/, /rt_runtime/],
    ["0                    0", "00000000a80425fb", /rtprio 0/, /limits\.d/],
  ])("no SCHED_FIFO, rtprio %s, capabilities %s: %s, %s", async (limit, caps, text, remedy) => {
    put("proc/self/limits", `Limit  Soft  Hard\nMax realtime priority     ${limit}    `);
    put("proc/self/status", `Name:\tnode\nCapEff:\t${caps}\n`);
    expect((await find("realtime")).verdict).toBe("ok");
    const refused = await find("realtime", { grantsFifo: () => false });
    expect(refused.verdict).toBe("warn");
    expect(refused.text).toMatch(text);
    expect(refused.remedy).toMatch(remedy);
  });

  test("little shared memory, little disk", async () => {
    const freeBytes = (dir: string): number => (dir.endsWith("dev/shm") ? 8e6 : 5e9);
    const shm = await find("/dev/shm", { freeBytes });
    expect([shm.verdict, shm.remedy]).toEqual([
      "no",
      "mount -o remount,size=256m /dev/shm (a container: --shm-size=256m)",
    ]);
    expect((await find("disk", { freeBytes })).verdict).toBe("warn");
    expect((await find("disk", { freeBytes: () => 1e6 })).verdict).toBe("no");
    expect((await find("disk", {}, "virtual")).text).toMatch(/, \d+ h of this rig/);
  });

  test("governor and confinement", async () => {
    put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");
    put("proc/1/cgroup", "0::/kubepods/besteffort/pod1");
    expect(await find("governor")).toMatchObject({
      verdict: "warn",
      remedy: "sudo cpupower frequency-set -g performance",
    });
    expect((await find("confinement")).text).toMatch(/^container/);
    rmSync(join(root, "proc/1/cgroup"));
    put("proc/cpuinfo", "flags : fpu hypervisor");
    expect((await find("confinement")).text).toMatch(/^virtual machine/);
  });

  test.each([
    ["persistence", { persistence: { value: false } }, "sudo nvidia-smi -i 0 -pm 1"],
    ["ECC", { ecc: { value: false } }, "sudo nvidia-smi -i 0 -e 1"],
    ["MIG", { mig: { value: true } }, "sudo nvidia-smi -i 0 -mig 0"],
    ["power limit", { enforcedPowerLimitW: { value: 500 } }, "sudo nvidia-smi -i 0 -pl 700"],
    ["processes", { computeProcesses: { value: 2 } }, "nvidia-smi lists them"],
  ] as const)("GPU %s", async (check, facts, remedy) => {
    const f = await find(`GPU 0 ${check}`, { openNvml: async () => nvmlWith(facts) });
    expect(f.verdict).toBe("warn");
    expect(f.remedy).toContain(remedy);
  });

  test("what a card refuses to say is not held against it", async () => {
    const refused = { code: 3 };
    const facts = { ecc: refused, mig: refused, persistence: refused, computeProcesses: refused };
    const findings = await examine(machine({ openNvml: async () => nvmlWith(facts) }));
    for (const f of about(findings, "GPU")) expect(f.verdict).toBe("ok");
  });

  test("a card that is slowed down says why", async () => {
    const openNvml = async (): Promise<NvmlLibrary> => nvmlWith({}, 0x4 | 0x40);
    const f = await find("GPU 0 clocks", { openNvml });
    expect(f.verdict).toBe("warn");
    expect(f.text).toContain("software power cap, hardware thermal slowdown");
  });

  test("RAPL that only root may read", async () => {
    put("sys/class/powercap/intel-rapl:0/name", "package-0");
    mkdirSync(join(root, "sys/class/powercap/intel-rapl:0/energy_uj")); // unreadable, even for root
    const f = await find("RAPL");
    expect(f.verdict).toBe("no");
    expect(f.text).toContain("rapl.package-0");
    expect(f.remedy).toContain("chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj");
  });

  test("meters behind hwmon are named where there are some", async () => {
    expect(about(await examine(machine()), "hwmon")).toEqual([]);
    put("sys/class/hwmon/hwmon0/name", "amdgpu");
    put("sys/class/hwmon/hwmon0/power1_average", "95000000");
    expect(await find("hwmon")).toMatchObject({ verdict: "ok", text: "rocm.power_average" });
    put("sys/class/hwmon/hwmon0/power1_average", "asleep");
    expect((await find("hwmon")).text).toContain("rocm.power_average: unreadable");
  });

  test("GPIO that may not be opened, and a machine without any", async () => {
    const kernel: Kernel = {
      ...goodMachine().gpio!(),
      open: () => {
        throw Object.assign(new Error("denied"), { code: "EACCES" });
      },
    };
    const f = await find("GPIO", { gpio: () => kernel });
    expect([f.verdict, f.text]).toEqual(["no", "/dev/gpiochip0: no permission"]);
    expect(f.remedy).toContain("add yourself to the group");
    expect((await find("GPIO", { gpio: noGpio })).text).toContain("trigger lines need Linux");
  });

  describe("rigs", () => {
    test("the virtual one is fine", async () => {
      const found = about(await examine(machine(), "virtual"), "rig");
      expect(found.map((f) => f.verdict)).toEqual(["ok", "ok", "ok"]);
      expect(found[1]!.text).toBe(
        "the shortest that the rails resolve: 132 µs (the physical path's step response)",
      );
    });

    test("assumed figures, unmeasured rails and missing sensors are said", async () => {
      const found = about(await examine(machine(), "mlperf-tiny-open"), "rig");
      expect(found[0]!.verdict).toBe("ok");
      expect(found[1]!.text).toMatch(/the rails resolve: .*rows at/);
      expect(found.slice(2).every((f) => f.verdict === "warn")).toBe(true);
    });

    test("an input that a Pico does not bring out is said", async () => {
      const texts = async (rig: string): Promise<string> =>
        about(await examine(machine(), rig), "rig")
          .map((f) => `${f.check}: ${f.text}`)
          .join("\n");
      expect(await texts("emulated-pico")).toMatch(/rig slot_12v: adc3: on a .* VSYS/);
      const example = await texts("example-pico");
      expect(example).toMatch(/rig slot_12v: voltage is taken as 12 V, not measured/);
      expect(example).not.toContain("adc3");
    });

    test("a mistake is its one line with file and line", async () => {
      const file = put("bench.yaml", "name: x\ndescription: y\ndevice: 3");
      const f = await find("rig", {}, file);
      expect(f.verdict).toBe("no");
      expect(f.text).toMatch(/bench\.yaml:3: /);
    });
  });
});
