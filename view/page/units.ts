// Numbers for people, where view/format.ts does not say it: what is plotted, instants, ticks. Pure.

import { fixed, quantity } from "../format.ts";

const NAMES: Readonly<Record<string, string>> = {
  W: "Power",
  V: "Voltage",
  A: "Current",
  J: "Energy counters",
  degC: "Temperature",
  Hz: "Clocks",
  1: "Utilisation",
  B: "Memory",
};

/** What is measured in a unit. */
export const unitName = (unit: string): string => NAMES[unit] ?? unit;

/** A plotted value in the unit a channel has; ratios as percent, bytes in GiB, temperatures bare. */
export function plotted(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "–";
  if (unit === "1") return `${fixed(value * 100, 0)} %`;
  if (unit === "degC") return `${fixed(value, 1)} °C`;
  if (unit === "W" || unit === "A") return `${fixed(value, value < 10 ? 2 : 1)} ${unit}`;
  if (unit === "V") return `${fixed(value, 3)} V`;
  return quantity(value, unit);
}

/** As {@link plotted}; nothing for what is not known. */
export const valueText = (value: number, unit: string): string =>
  Number.isFinite(value) ? plotted(value, unit) : "";

/** An instant: enough decimals for the view it is read in. */
export function instantText(t: number, viewWidth: number): string {
  const decimals = Math.min(9, Math.max(0, 3 - Math.floor(Math.log10(viewWidth || 1))));
  return `${fixed(t, decimals)} s`;
}

/** Axis ticks: as many decimals as the step needs (0.25 needs two, 0.2 one). */
export function tickText(t: number, step: number): string {
  let decimals = 0;
  while (decimals < 10 && !isWhole(step * 10 ** decimals)) decimals++;
  return fixed(t, decimals);
}

function isWhole(x: number): boolean {
  return x > 0.5 && Math.abs(x - Math.round(x)) < 1e-6 * x;
}
