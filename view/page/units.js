// Numbers for people, as view/format.ts writes them in the static part. Pure.

const SCALES = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
];

export function grouped(value, decimals) {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split(".");
  const negative = value < 0 && /[1-9]/.test(whole + (fraction ?? ""));
  const text = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return `${negative ? "−" : ""}${text}${fraction ? `.${fraction}` : ""}`;
}

export function measure(value, unit, significant = 4) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const plain = size === 0 || (size >= 1 && size < 1e5);
  const [factor, prefix] = plain ? [1, ""] : (SCALES.find(([f]) => size >= f) ?? SCALES.at(-1));
  const scaled = value / factor;
  const exponent = scaled === 0 ? 0 : Math.floor(Math.log10(Math.abs(scaled)));
  return `${grouped(scaled, Math.min(12, Math.max(0, significant - 1 - exponent)))} ${prefix}${unit}`;
}

/** A plotted value in the unit a channel has; ratios as percent, bytes in GiB, temperatures bare. */
export function plotted(value, unit) {
  if (!Number.isFinite(value)) return "–";
  if (unit === "1") return `${grouped(value * 100, 0)} %`;
  if (unit === "degC") return `${grouped(value, 1)} °C`;
  if (unit === "W" || unit === "A") return `${grouped(value, value < 10 ? 2 : 1)} ${unit}`;
  if (unit === "V") return `${grouped(value, 3)} V`;
  return measure(value, unit);
}

/** An instant: enough decimals for the view it is read in. */
export function instantText(t, viewWidth) {
  const decimals = Math.min(9, Math.max(0, 3 - Math.floor(Math.log10(viewWidth || 1))));
  return `${grouped(t, decimals)} s`;
}

/** Axis ticks: as many decimals as the step needs (0.25 needs two, 0.2 one). */
export function tickText(t, step) {
  let decimals = 0;
  while (decimals < 10 && !isWhole(step * 10 ** decimals)) decimals++;
  return grouped(t, decimals);
}

function isWhole(x) {
  return x > 0.5 && Math.abs(x - Math.round(x)) < 1e-6 * x;
}
