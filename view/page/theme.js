// Enters: CSS custom properties and a series' place. Leaves: the colours canvases draw with.
// Cool colours are measured on rails, warm ones are claimed by telemetry; page.css holds the values.

const RAIL_COLOURS = 6;
const CLAIM_COLOURS = 6;

/** Resolved `rgb()` of a custom property: canvases know nothing of light-dark(). */
export function cssColour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

export function withAlpha(rgb, alpha) {
  const [r, g, b] = rgb.match(/[\d.]+/g);
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** Names of the custom properties, in order of appearance. */
export const railColour = (i) => `--rail-${(i % RAIL_COLOURS) + 1}`;
export const claimColour = (i) => `--claim-${(i % CLAIM_COLOURS) + 1}`;

/** What every canvas needs besides series colours; read again when the theme changes. */
export function readTheme() {
  const names = ["ink", "muted", "line", "card", "accent", "loss", "warn", "window", "marker"];
  return Object.fromEntries(names.map((n) => [n, cssColour(`--${n}`)]));
}
