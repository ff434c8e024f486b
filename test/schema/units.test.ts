import { describe, expect, test } from "@jest/globals";
import {
  type Dimension,
  formatMeasured,
  formatQuantity,
  quantity,
  standardUncertainty,
} from "../../schema/units.ts";

const GOOD: readonly [string, Dimension, number][] = [
  ["0.5 mohm", "ohm", 5e-4],
  ["0.5 mΩ", "ohm", 5e-4],
  ["0.5 m\u2126", "ohm", 5e-4],
  ["0.5 mOhm", "ohm", 5e-4],
  ["62.5 mV/A", "V/A", 0.0625],
  ["-62.5 mV / A", "V/A", -0.0625],
  ["0.0625 ohm", "V/A", 0.0625],
  ["100 kHz", "Hz", 1e5],
  ["500 kS/s", "Hz", 5e5],
  ["12 V", "V", 12],
  ["3.3V", "V", 3.3],
  ["2.9345 MHz", "Hz", 2934500],
  ["50 mA", "A", 0.05],
  ["5 W", "W", 5],
  ["50 us", "s", 5e-5],
  ["50 µs", "s", 5e-5],
  ["50 \u03bcs", "s", 5e-5],
  ["10s", "s", 10],
  ["2 min", "s", 120],
  ["3 Wh", "J", 10800],
  ["0.2 ppm", "1", 2e-7],
  ["0.5 %", "1", 0.005],
  ["20 V/V", "1", 20],
  ["50", "1", 50],
  ["-1.5e-3 A", "A", -0.0015],
  ["20 mV*A", "W", 0.02],
];

describe("quantity", () => {
  test.each(GOOD)("%s in %s is %p", async (text, d, want) => {
    expect(Math.abs((await quantity(text, d)) / want - 1)).toBeLessThan(4e-16);
  });

  test.each<[string, Dimension, RegExp]>([
    ["12 V", "ohm", /expected ohm, found V/],
    ["0.5 mohm", "V", /expected V, found ohm/],
    ["12", "V", /expected V, found a number without unit/],
    ["5 %", "A", /expected A, found a ratio/],
    ["5 A", "1", /expected a ratio .*, found A/],
    ["12 volts per amp", "V/A", /unknown unit "volts per amp"/],
    ["twelve V", "V", /found no number/],
    ["", "V", /found no number/],
    ["1,5 V", "V", /unknown unit ",5 V"/],
    ["0x10 V", "V", /unknown unit "x10 V"/],
    ["3 V; process.exit()", "V", /unknown unit/],
    ["3 f(x)", "V", /unknown unit/],
    ["5 K/A", "V/A", /unknown unit/],
    ["5 A/V", "V/A", /found A\/V/],
    ["12 v", "V", /unknown unit "v"/],
    ["1 mV/A/A", "V/A", /expected V\/A, found mV\/A\/A/],
  ])("%p is no %s", async (text, d, message) => {
    await expect(quantity(text, d)).rejects.toThrow(message);
  });

  test("the tables agree with mathjs on every prefix and symbol", async () => {
    const { unit } = await import("mathjs");
    for (const base of ["V", "A", "W", "J", "Wh", "ohm", "Hz", "s"])
      for (const prefix of ["", "p", "n", "u", "m", "k", "M", "G"]) {
        const dimension = base === "Wh" ? "J" : (base as Dimension);
        const si = unit(`1 ${prefix}${base}`).toSI() as unknown as { value: number };
        const ours = await quantity(`1 ${prefix}${base}`, dimension);
        expect(Math.abs(ours / si.value - 1)).toBeLessThan(1e-12);
      }
  });
});

describe("standardUncertainty", () => {
  test.each<[string, Dimension, number]>([
    ["±0.5 %", "1", 0.005 / Math.sqrt(3)],
    ["+/- 50 mA", "A", 0.05 / Math.sqrt(3)],
    ["±50 ppm", "1", 50e-6 / Math.sqrt(3)],
    ["0.5 % (k=2)", "1", 0.0025],
    ["±0.5 % (k = 2)", "1", 0.0025],
    ["3 mV (k=3)", "V", 1e-3],
    ["2 mA (1 sigma)", "A", 2e-3],
    ["2 mA (1σ)", "A", 2e-3],
  ])("%s", async (text, d, want) => {
    expect(await standardUncertainty(text, d)).toBeCloseTo(want, 15);
  });

  test.each<[string, RegExp]>([
    ["0.5 %", /must say its kind/],
    ["±-1 %", /cannot be negative/],
    ["±5 V", /expected a ratio/],
    ["0.5 % (k=0)", /coverage factor/],
    ["about right", /must say its kind/],
  ])("%s is refused", async (text, message) => {
    await expect(standardUncertainty(text, "1")).rejects.toThrow(message);
  });
});

describe("texts for people", () => {
  test.each<[number, string, string]>([
    [0.0625, "V/A", "62.5 mV/A"],
    [2934500, "Hz", "2.935 MHz"],
    [0.9999999, "A", "1 A"],
    [999.96, "W", "1 kW"],
    [0, "J", "0 J"],
    [-0.05, "A", "-50 mA"],
    [12.34, "%", "12.34 %"],
    [NaN, "W", "not known"],
  ])("%p %s", (value, unit, text) => {
    expect(formatQuantity(value, unit)).toBe(text);
  });

  test("value and uncertainty end at the same decimal", () => {
    expect(formatMeasured(384.218, 7.14, "J")).toBe("384.2 ± 7.1 J");
    expect(formatMeasured(2384.218, 7.14, "J")).toBe("2.3842 ± 0.0071 kJ");
    expect(formatMeasured(0.14931, 0.0006, "J")).toBe("149.31 ± 0.60 mJ");
    expect(formatMeasured(5, 0, "W")).toBe("5 W");
  });
});
