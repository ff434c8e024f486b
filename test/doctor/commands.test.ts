// The commands themselves: doctor on this machine, devices with the virtual DAQ on a pty and with a port
// where nobody speaks.

import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { command as devices } from "../../cli/devices.ts";
import { command as doctor } from "../../cli/doctor.ts";
import { builtInRig } from "../../rigs/load.ts";
import { openPty } from "../../virtual/daq/pty.ts";
import { type VirtualDaqProcess, spawnVirtualDaq } from "../../virtual/daq/spawn.ts";
import { call } from "../end-to-end/commands.ts";

jest.setTimeout(30_000); // processes start slowly on a busy machine

interface DevicesDocument {
  readonly schema: string;
  readonly ports: readonly Readonly<Record<string, unknown>>[];
}

const onLinux = process.platform === "linux" ? describe : describe.skip;

onLinux("devices", () => {
  let daq: VirtualDaqProcess;
  beforeAll(async () => {
    daq = await spawnVirtualDaq((await builtInRig("virtual")).rig, ["--serial", "VD-7"]);
  });
  afterAll(async () => void (await daq.stop()));

  test("who answers the handshake is named, and what the device says of itself", async () => {
    const { code, document, printed } = await call(devices, [], { port: [daq.path] } as never);
    expect(code).toBe(0);
    const { schema, ports } = document as DevicesDocument;
    expect(schema).toBe("devices/1");
    expect(ports).toHaveLength(1);
    expect(ports[0]).toMatchObject({
      path: daq.path,
      answered: true,
      serial: "VD-7",
      source: "virtual",
      channels: ["slot_v", "slot_i", "hpwr_v", "hpwr_i"],
      row_hz: 100_000,
    });
    expect(printed.join("\n")).toContain("VD-7");
  });

  test("a PowerSensor3 is known by its own tongue, and says how it is set up", async () => {
    const { rig } = await builtInRig("example-powersensor3");
    const instrument = await spawnVirtualDaq(rig, []);
    const { document } = await call(devices, [], { port: [instrument.path] } as never);
    await instrument.stop();
    const [port] = (document as DevicesDocument).ports;
    expect(port).toMatchObject({ answered: true, kind: "powersensor3", firmware: "F411-1.6.1" });
    const sensors = port!["sensors"] as { sensor: number; pair: string; sensitivity: number }[];
    expect(sensors.map((s) => [s.sensor, s.pair])).toEqual([
      [0, "slot_12v"],
      [1, "slot_12v"],
      [2, "hpwr_12v"],
      [3, "hpwr_12v"],
    ]);
    expect(sensors[0]!.sensitivity).toBeCloseTo(0.0625, 6);
  });

  test("a PPK2 has no version, and says whether it is calibrated", async () => {
    const { rig } = await builtInRig("example-ppk2");
    const instrument = await spawnVirtualDaq(rig, []);
    const { document, printed } = await call(devices, [], { port: [instrument.path] } as never);
    await instrument.stop();
    expect((document as DevicesDocument).ports[0]).toMatchObject({
      ...{ answered: true, kind: "nordic-ppk2", firmware: null },
      ...{ row_hz: 100_000, vdd_v: 3, defaults: ["GS0"] },
    });
    expect(printed.join("\n")).toMatch(
      /Nordic PPK2\n.*shunts 1\.004 kohm, .*; calibrated but for GS0/,
    );
  });

  test("--bootloader names who left, and is for one port", async () => {
    const options = (...port: string[]): never => ({ port, bootloader: true }) as never;
    const { code, document, printed } = await call(devices, [], options(daq.path));
    expect([code, document]).toEqual([
      0,
      {
        schema: "devices/1",
        ports: [],
        bootloader: expect.objectContaining({ path: daq.path, serial: "VD-7" }),
      },
    ]);
    expect(printed).toEqual([expect.stringMatching(/VD-7 left for its bootloader/)]);
    for (const ports of [[], [daq.path, "/dev/ttyNOPE9"]])
      await expect(call(devices, [], options(...ports))).rejects.toThrow(/one port: --port TTY/);
    await expect(call(devices, [], options("/dev/ttyNOPE9"))).rejects.toThrow(/no such device/);
  });

  test("where nobody speaks, that is said; so is a port that is not there", async () => {
    const silent = openPty();
    const { document } = await call(devices, [], {
      port: [silent.path, "/dev/ttyNOPE9"],
    } as never);
    silent.close();
    const { ports } = document as DevicesDocument;
    expect(ports.map((p) => p["answered"])).toEqual([false, false]);
    // Who answers is what was asked here.
    expect(ports[0]!["problem"]).toMatch(/no answer to identify$/);
    expect(ports[1]!["problem"]).toContain("no such device");
  });
});

describe("doctor", () => {
  test("answers on this machine, whatever it is", async () => {
    const { code, document, printed } = await call(doctor, [], { rig: "virtual" });
    const { schema, findings } = document as {
      schema: string;
      findings: { check: string; verdict: string; remedy?: string }[];
    };
    expect([code, schema]).toEqual([0, "doctor/1"]);
    expect(findings).toHaveLength(printed.length);
    for (const f of findings) if (f.verdict !== "ok") expect(f.remedy).toBeTruthy();
    expect(findings.find((f) => f.check === "node")!.verdict).toBe("ok");
  });

  test("exit 1 when the rig asked for cannot be read", async () => {
    expect((await call(doctor, [], { rig: "rigs/nowhere.yaml" })).code).toBe(1);
  });
});
