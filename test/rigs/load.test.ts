import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { builtInRig, loadRig, resolveRig } from "../../rigs/load.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-rig-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

const GOOD = `name: bench
description: a bench
device:
  kind: truejoule-daq
  stream: main
  sampling: instant
  row_rate: "100 kHz"
  clock: { rate: "1 MHz", uncertainty: "±50 ppm" }
  stream_start: "±5 ms"
rails:
  - name: slot
    voltage:
      kind: divider
      channel: adc0
      adc: &adc { bits: 12, reference: "3.3 V" }
      ratio: 11
      calibration: &cal { date: 2026-01-02, basis: comparison, gain: "±0.5 %", offset: "10 mV (k=2)" }
    current:
      kind: shunt
      channel: adc1
      adc: *adc
      resistance: "0.5 mohm"
      gain: 50
      polarity: reversed
      calibration:
        date: 2026-01-02
        basis: certificate
        gain: "0.2 % (k=2)"
        offset: "±20 mA"
missing_rails:
  - { name: slot_3v3, max_power: "9.9 W" }
trigger: { output: gpiochip0/17, daq_line: 2 }
`;

/** Loads a text as the file bench.yaml and gives back the message of its error. */
async function complaint(text: string): Promise<string> {
  const path = join(dir, "bench.yaml");
  writeFileSync(path, text);
  const error = await loadRig(path).then(
    () => undefined,
    (e: unknown) => e as Error,
  );
  expect(error?.name).toBe("InputError");
  expect(error!.message.split("\n")).toHaveLength(1);
  return error!.message.slice(dir.length + 1);
}

const changed = (from: string, to: string): Promise<string> => {
  expect(GOOD).toContain(from);
  return complaint(GOOD.replace(from, to));
};

describe("loadRig", () => {
  test("counts become SI, uncertainties become standard uncertainties", async () => {
    const path = join(dir, "good.yaml");
    writeFileSync(path, GOOD);
    const { rig, text, sha256 } = await loadRig(path);
    expect(sha256).toBe(createHash("sha256").update(text).digest("hex"));
    expect(rig.device).toMatchObject({
      rowHz: 1e5,
      clock: { hz: 1e6, startU: 5e-3 / Math.sqrt(3) },
    });
    expect(rig.device.clock.uRel).toBeCloseTo(50e-6 / Math.sqrt(3), 12);
    const [slot] = rig.rails;
    const lsb = 3.3 / 4096;
    expect(slot!.voltage).toMatchObject({
      field: "adc0",
      zeroCount: 0,
      offsetU: 0.005,
      clip: [-1, 4095],
    });
    expect(slot!.voltage!.perCount).toBeCloseTo(lsb * 11, 15);
    // 0.5 mΩ · 50 = 25 mV/A; reversed polarity turns the sign.
    expect(slot!.current!.perCount).toBeCloseTo(-lsb / 0.025, 12);
    expect(slot!.current).toMatchObject({ gainU: 0.001, calibration: { basis: "certificate" } });
    expect(rig.missingRails).toEqual([{ name: "slot_3v3", maxPowerW: 9.9 }]);
    expect(rig.trigger).toEqual({ output: "gpiochip0/17", daqLine: 2 });
  });

  test("rig/2: what errors have in common, drift, noise, what a rail feeds, how fast the load is", async () => {
    const path = join(dir, "two.yaml");
    const more = `schema: rig/2
load_bandwidth: "3 kHz"
shared:
  - { cause: meter, of: gain, sensors: [slot.voltage, slot.current], uncertainty: "0.1 % (k=2)" }
  - { cause: zero, of: offset, sensors: [slot.current] }
`;
    const text = GOOD.replace(
      "  - name: slot\n",
      '  - name: slot\n    feeds: ["GPU-1", 1, "gpu:2"]\n',
    )
      .replace('offset: "±20 mA"', 'offset: "±20 mA"\n        drift: "0.4 % (k=2)"')
      .replace(
        "      gain: 50\n",
        '      gain: 50\n      noise: { rms: "20 mA", floor: "3 mA" }\n',
      );
    writeFileSync(path, more + text);
    const { rig } = await loadRig(path);
    expect(rig.loadBandwidthHz).toBe(3000);
    expect(rig.shared).toEqual([
      {
        ...{ cause: "meter", of: "gain", u: 0.0005 },
        sensors: [
          { rail: "slot", quantity: "voltage" },
          { rail: "slot", quantity: "current" },
        ],
      },
      { cause: "zero", of: "offset", sensors: [{ rail: "slot", quantity: "current" }] },
    ]);
    const [slot] = rig.rails;
    expect(slot!.feeds).toEqual(["GPU-1", "1", "2"]);
    const unknown = GOOD.replace("  - name: slot\n", "  - name: slot\n    feeds: [gpu0]\n");
    writeFileSync(path, unknown);
    await expect(loadRig(path)).rejects.toThrow(/feeds: "gpu0" is no index or UUID/);
    expect(slot!.current).toMatchObject({ driftU: 0.002, noise: { rms: 0.02, floor: 0.003 } });
  });

  test.each([
    ["schema: rig/3", /schema: expected rig\/1, rig\/2, found "rig\/3"/],
    ["devices: []", /devices: a run is of one DAQ yet/],
    [
      "shared: [{ cause: x, of: gain, sensors: [slot.power] }]",
      /no sensor "slot.power"; there are slot.voltage, slot.current/,
    ],
    [
      'shared: [{ cause: x, of: offset, sensors: [slot.voltage, slot.current], uncertainty: "±1 V" }]',
      /one of voltage and current cannot have one unit; leave it out, or make an entry of each/,
    ],
    ["shared: [{ cause: x, of: noise, sensors: [slot.voltage] }]", /of: expected gain, offset/],
  ])("%s is refused with its line", async (line, why) => {
    const said = await complaint(`${GOOD}${line}\n`);
    expect(said).toMatch(/^bench.yaml:\d+: /);
    expect(said).toMatch(why);
  });

  test("a rail that is part of another is refused until it can be counted once", async () => {
    expect(await changed("  - name: slot\n", "  - name: slot\n    child_of: other\n")).toMatch(
      /rail "slot": child_of: rails add up/,
    );
  });

  test("a kind of device that nobody knows is no DAQ of ours: the kinds there are, are listed", async () => {
    expect(await changed("kind: truejoule-daq", "kind: pico")).toMatch(
      /^bench.yaml:4: kind: expected truejoule-daq, powersensor3, .*text-lines, .*csv, .*virtual, found "pico"$/,
    );
  });

  test("the DAQ has four lines", async () => {
    expect(await changed("daq_line: 2", "daq_line: 4")).toMatch(
      /^bench.yaml:\d+: daq_line: expected 0 to 3, found 4$/,
    );
  });

  test("a Hall sensor's zero is the count it rests at", async () => {
    const path = join(dir, "hall.yaml");
    const hall = `kind: hall\n      sensitivity: "62.5 mV/A"\n      zero: "1.65 V"`;
    writeFileSync(
      path,
      GOOD.replace("kind: shunt", hall).replace(/ {6}(resistance|gain: 50|polarity).*\n/g, ""),
    );
    const current = (await loadRig(path)).rig.rails[0]!.current!;
    expect(current.zeroCount).toBe(2048);
    expect(current.perCount).toBeCloseTo(3.3 / 4096 / 0.0625, 12);
    expect(current.clip).toEqual([0, 4095]);
  });

  test("JSON with the same keys is the same rig", async () => {
    const { parse } = await import("yaml");
    writeFileSync(join(dir, "a.yaml"), GOOD);
    writeFileSync(join(dir, "a.json"), JSON.stringify(parse(GOOD), null, "\t"));
    expect((await loadRig(join(dir, "a.json"))).rig).toEqual(
      (await loadRig(join(dir, "a.yaml"))).rig,
    );
  });

  test.each<[string, string, string, RegExp]>([
    ["wrong unit", `"0.5 mohm"`, `"0.5 V"`, /^bench.yaml:22: resistance: .*expected ohm, found V/],
    ["no unit", `"100 kHz"`, "100000", /^bench.yaml:7: row_rate: .*a number without unit/],
    [
      "unknown key",
      "resistance:",
      "resistence:",
      /^bench.yaml:22: unknown key "resistence".*"resistance"/,
    ],
    [
      "unknown key, nothing near",
      "polarity:",
      "colour:",
      /^bench.yaml:24: unknown key.*known: kind, /,
    ],
    [
      "key of another kind",
      "gain: 50",
      "gain: 50\n      ratio: 3",
      /^bench.yaml:24: unknown key "ratio"/,
    ],
    [
      "unknown kind",
      "kind: shunt",
      "kind: shunts",
      /^bench.yaml:19: kind: expected direct, .*"shunts"/,
    ],
    [
      "kind for the wrong quantity",
      "kind: shunt",
      "kind: divider",
      /^bench.yaml:19: .*measures V, not A/,
    ],
    [
      "uncertainty of no kind",
      `"±20 mA"`,
      `"20 mA"`,
      /^bench.yaml:29: offset: .*must say its kind/,
    ],
    [
      "uncertainty in another unit",
      `"±20 mA"`,
      `"±20 mV"`,
      /^bench.yaml:29: offset: .*expected A, found V/,
    ],
    ["bad date", "2026-01-02\n", "2026-13-02\n", /^bench.yaml:26: date: expected YYYY-MM-DD/],
    ["missing key", "stream: main", "", /^bench.yaml:4: device lacks "stream"/],
    ["bits", "bits: 12", "bits: 1.5", /^bench.yaml:15: bits: expected a whole number/],
    ["zero resistance", `"0.5 mohm"`, `"0 ohm"`, /^bench.yaml:22: resistance: expected above 0/],
    ["rail name", "name: slot\n", "name: Slot 12V\n", /^bench.yaml:11: rail name "Slot 12V"/],
    [
      "no way to watts",
      "voltage:\n",
      "voltages:\n",
      /^bench.yaml:12: unknown key "voltages".*"voltage"/,
    ],
    ["bad YAML", "rails:", "rails: [", /^bench.yaml:\d+: bad YAML/],
    [
      "duplicate key",
      "stream: main",
      "stream: main\n  stream: aux",
      /^bench.yaml:6: bad YAML: .*unique/,
    ],
    ["bad alias", "*adc", "*nothing", /^bench.yaml:\d+: /],
    ["empty value", `rate: "1 MHz"`, "rate:", /^bench.yaml:8: clock lacks "rate"/],
    [
      "plausible range of another unit",
      "  - name: slot\n",
      '  - name: slot\n    plausible: { current: ["0 V", "1 V"] }\n',
      /^bench.yaml:\d+: current: .*expected A/,
    ],
    [
      "plausible range upside down",
      "  - name: slot\n",
      '  - name: slot\n    plausible: { current: ["1 A", "0 A"] }\n',
      /^bench.yaml:\d+: current: expected \[low, high\]/,
    ],
    ["list where a map is due", "device:", "device: []\nx:", /^bench.yaml:\d+: /],
  ])("%s", async (_what, from, to, message) => {
    expect(await changed(from, to)).toMatch(message);
  });

  test("a sensor without calibration", async () => {
    const text = GOOD.replace(/ {6}calibration:\n[^]*(?=missing_rails)/, "");
    expect(await complaint(text)).toMatch(/^bench.yaml:19: a sensor needs a "calibration"/);
  });

  describe("a device that prints lines", () => {
    const TEXT = GOOD.replace("kind: truejoule-daq", "kind: text-lines").replace(
      "rails:",
      `  text:
    lines: csv
    columns: [us, adc0, adc1]
    tick: { column: us, bits: 32 }
    baud: 115200
rails:`,
    );

    test("its format comes through", async () => {
      const path = join(dir, "text.yaml");
      writeFileSync(path, TEXT);
      expect((await loadRig(path)).rig.device.text).toEqual({
        lines: "csv",
        columns: ["us", "adc0", "adc1"],
        tick: { column: "us", bits: 32 },
        baud: 115200,
      });
    });

    test.each<[string, string, RegExp]>([
      ["lines: csv", "lines: tsv", /^bench.yaml:11: lines: expected csv, json, found "tsv"/],
      ["[us, adc0, adc1]", "[us, adc0, adc0]", /^bench.yaml:12: columns: "adc0" is listed twice/],
      ["[us, adc0, adc1]", "[us, 5, adc1]", /^bench.yaml:12: columns must be a list of names/],
      ["[us, adc0, adc1]", "[]", /^bench.yaml:12: columns: expected at least one name/],
      ["[us, adc0, adc1]", "[us, adc0]", /^bench.yaml:\d+: channel: expected adc0, found "adc1"/],
      ["column: us", "column: ms", /^bench.yaml:13: column: expected us, adc0, adc1, found "ms"/],
      ["column: us", "column: adc1", /^bench.yaml:\d+: channel: expected us, adc0, found "adc1"/],
      ["bits: 32", "bits: 16", /^bench.yaml:13: bits: expected 32, 64, found 16/],
      ["baud: 115200", "baud: 115000", /^bench.yaml:14: baud: expected 9600, .*found 115000/],
      ["baud: 115200", 'baud: "fast"', /^bench.yaml:14: baud: expected a number, found "fast"/],
      ["baud:", "boud:", /^bench.yaml:14: unknown key "boud".*"baud"/],
      [
        "kind: text-lines",
        "kind: truejoule-daq",
        /^bench.yaml:11: text belongs to kind: text-lines/,
      ],
    ])("%s → %s", async (from, to, message) => {
      expect(TEXT).toContain(from);
      expect(await complaint(TEXT.replace(from, to))).toMatch(message);
    });

    test("without a format there is nothing to read", async () => {
      expect(await changed("kind: truejoule-daq", "kind: text-lines")).toMatch(
        /^bench.yaml:\d+: device lacks "text"/,
      );
    });
  });

  test("the same rail twice", async () => {
    const rail = GOOD.slice(GOOD.indexOf("  - name: slot"), GOOD.indexOf("missing_rails"));
    const again = rail
      .replace("&adc ", "")
      .replace("&cal ", "")
      .replace("*adc", "{ bits: 12, reference: 3 V }");
    expect(await complaint(GOOD.replace("missing_rails", `${again}missing_rails`))).toMatch(
      /^bench.yaml:30: rail "slot" is listed twice/,
    );
  });

  test("empty file, binary file, no file", async () => {
    expect(await complaint("")).toMatch(/^bench.yaml:1: the rig must be a map/);
    expect(await complaint("\u0000\u0001\u0002: [")).toMatch(/^bench.yaml:1: /);
    await expect(loadRig(join(dir, "nowhere.yaml"))).rejects.toThrow(
      /nowhere.yaml: no such file \(expected a rig file/,
    );
  });
});

describe("built-in rigs", () => {
  test.each(["elmorlabs-pmd-usb", "example-pico", "virtual"])(
    "%s loads and survives JSON",
    async (name) => {
      const { rig } = await builtInRig(name);
      expect(rig.name).toBe(name);
      expect(JSON.parse(JSON.stringify(rig))).toEqual(rig);
    },
  );

  test("the Pico to copy uses the inputs that a Pico brings out, each once", async () => {
    const { rig } = await builtInRig("example-pico");
    const fields = rig.rails.flatMap((r) => [r.voltage, r.current].map((s) => s?.field));
    expect(fields.filter((f) => f !== undefined)).toEqual(["adc0", "adc1", "adc2"]);
    expect(rig.rails.find((r) => !r.voltage)!.assumedVoltage!.u).toBeGreaterThan(0.1);
  });

  test("the PMD's scales and clock are those of its makers", async () => {
    const { rig, text } = await builtInRig("elmorlabs-pmd-usb");
    expect(rig.device.clock.hz).toBe(2934500);
    expect(rig.rails.map((r) => r.current!.perCount)).toEqual([0.0488, 0.0488, 0.0488, 0.0488]);
    expect(rig.rails.map((r) => r.voltage!.field)).toEqual([
      "pcie1_v",
      "pcie2_v",
      "eps1_v",
      "eps2_v",
    ]);
    expect(Buffer.compare(text, readFileSync("rigs/elmorlabs-pmd-usb.yaml"))).toBe(0);
  });

  test("an unknown name lists the known ones; a path is a path", async () => {
    await expect(builtInRig("pdm")).rejects.toThrow(
      /no built-in rig "pdm"; there are .*elmorlabs-pmd-usb, /,
    );
    await expect(resolveRig("./pdm")).rejects.toThrow(/no such file \(expected a rig file/);
    expect((await resolveRig("example-pico")).rig.name).toBe("example-pico");
  });

  test("a folder that bears a built-in rig's name does not hide it, a file does", async () => {
    const name = "example-ppk2";
    const before = process.cwd();
    try {
      process.chdir(dir);
      mkdirSync(name);
      expect((await resolveRig(name)).rig.name).toBe(name);
      rmSync(name, { recursive: true });
      writeFileSync(name, GOOD);
      expect((await resolveRig(name)).rig.name).toBe("bench");
    } finally {
      process.chdir(before);
    }
  });
});

describe("source meter", () => {
  const text = readFileSync("rigs/example-ppk2.yaml", "utf8");
  const feeding = (volts: string): string =>
    text.replace(/# source_meter: .*/, `source_meter: { voltage: "${volts}" }`);

  test("only a rig that says so has its device feed the rail", async () => {
    expect((await builtInRig("example-ppk2")).rig.device.feedsV).toBeUndefined();
    const path = join(dir, "feeding.yaml");
    writeFileSync(path, feeding("3300 mV"));
    expect((await loadRig(path)).rig.device.feedsV).toBeCloseTo(3.3, 12);
  });

  test("volts that it cannot give, or that the rail contradicts, are refused with their line", async () => {
    expect(await complaint(feeding("12 V"))).toMatch(/voltage: expected 0.8 to 5 V, found 12 V/);
    expect(await complaint(feeding("1.8 V"))).toMatch(/assumed_voltage: the device feeds 1.8 V/);
    expect(await complaint(feeding("3.3 V").replace("nordic-ppk2", "truejoule-daq"))).toMatch(
      /^bench.yaml:\d+: source_meter belongs to kind: nordic-ppk2/,
    );
  });
});

describe("reference", () => {
  const REFERENCE = `    reference:
      kind: ina226
      address: 0x41
      current:
        resistance: "0.5 mohm"
        polarity: reversed
        calibration: { date: 2026-01-02, basis: specification, gain: "±0.2 %", offset: "±20 mA" }
      voltage:
        calibration: { date: 2026-01-02, basis: specification, gain: "±0.1 %", offset: "±7.5 mV" }
`;
  const withReference = GOOD.replace("missing_rails:", `${REFERENCE}missing_rails:`);

  test("becomes sensors on the readings' stream, in volts and amperes", async () => {
    const path = join(dir, "reference.yaml");
    writeFileSync(path, withReference);
    const { reference } = (await loadRig(path)).rig.rails[0]!;
    expect(reference).toMatchObject({ kind: "ina226", address: 0x41, stream: "main.ina226-41" });
    expect(reference!.current).toMatchObject({ field: "shunt", zeroCount: 0 });
    expect(reference!.current!.perCount).toBeCloseTo(-5e-3, 12);
    expect(reference!.current!.gainU).toBeCloseTo(2e-3 / Math.sqrt(3), 12);
    expect(reference!.voltage).toMatchObject({ field: "bus", perCount: 1.25e-3 });
  });

  test.each([
    [
      "address: 0x41",
      "address: 0x50",
      /^bench.yaml:\d+: address: expected 0x40, 0x41, 0x44 or 0x45/,
    ],
    [
      'resistance: "0.5 mohm"\n        polarity',
      'resistance: "1 V"\n        polarity',
      /resistance/,
    ],
    ["kind: ina226", "kind: ina219", /kind: expected ina226/],
    [
      "      voltage:\n        calibration: { date: 2026-01-02, basis: spec",
      "      voltag:\n        calibration: { date: 2026-01-02, basis: spec",
      /did you mean "voltage"/,
    ],
  ])("%s → %s", async (from, to, message) => {
    expect(withReference).toContain(from);
    expect(await complaint(withReference.replace(from, to))).toMatch(message);
  });

  test("a rail without a voltage sensor has none to be corrected", async () => {
    const a = withReference.indexOf("    voltage:\n      kind");
    const b = withReference.indexOf("    current:\n      kind");
    const assumed = '    assumed_voltage: { value: "12 V", uncertainty: "±2 %" }\n';
    const text = `${withReference.slice(0, a)}${assumed.replace("±2 %", "±0.2 V")}${withReference.slice(b).replaceAll("*adc", '{ bits: 12, reference: "3.3 V" }')}`;
    expect(await complaint(text)).toMatch(/rail "slot" has no voltage sensor to be corrected/);
  });
});

describe("code_errors of a converter", () => {
  const withTable = (table: string): string =>
    GOOD.replace(
      '{ bits: 12, reference: "3.3 V" }',
      `{ bits: 12, reference: "3.3 V", code_errors: { table: ${table}, uncertainty: "±1.5" } }`,
    );

  test("go with every sensor of that converter", async () => {
    const path = join(dir, "codes.yaml");
    writeFileSync(path, withTable("[[511, 4.4], [513, -4.5]]"));
    const { voltage, current } = (await loadRig(path)).rig.rails[0]!;
    const table = [
      [511, 4.4],
      [513, -4.5],
    ];
    expect(voltage!.codeErrors).toEqual({ table, u: 1.5 / Math.sqrt(3) });
    expect(current!.codeErrors).toEqual(voltage!.codeErrors);
  });

  test.each([
    ["[[513, 1], [511, 1]]", /codes must rise from 0 to 4095, found 511/],
    ["[[4096, 1]]", /codes must rise from 0 to 4095, found 4096/],
    ["[[511, -4], [513, 4]]", /code 513 less its error must lie above code 511's/],
    ["[511, 4]", /table must be a list of \[number, number\]/],
  ])("%s", async (table, message) => expect(await complaint(withTable(table))).toMatch(message));
});

describe("skew of a channel", () => {
  const late = (text: string): string =>
    GOOD.replace("      channel: adc1\n", `      channel: adc1\n      skew: "${text}"\n`);

  test("is a time below a row", async () => {
    const path = join(dir, "skew.yaml");
    writeFileSync(path, late("2.5 us"));
    expect((await loadRig(path)).rig.rails[0]!.current!.skewS).toBeCloseTo(2.5e-6, 15);
    expect(await complaint(late("-1 us"))).toMatch(/skew: expected 0 or above/);
    expect(await complaint(late("10 us"))).toMatch(/skew: expected less than a row, 10 µs/);
  });
});
