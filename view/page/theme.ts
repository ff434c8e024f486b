// Enters: CSS custom properties and a series' place. Leaves: the colours canvases draw with, and the theme's switch.
// Cool colours are measured on rails, warm ones are claimed by telemetry; page.css holds the values.

import { byId } from "./dom.ts";

const RAIL_COLOURS = 6;
const CLAIM_COLOURS = 6;

/** What every canvas needs besides series colours; read again when the theme changes. */
export interface Theme {
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly card: string;
  readonly accent: string;
  readonly loss: string;
  readonly window: string;
  readonly marker: string;
}

export function readTheme(): Theme {
  return {
    ink: cssColour("--ink"),
    muted: cssColour("--muted"),
    line: cssColour("--line"),
    card: cssColour("--card"),
    accent: cssColour("--accent"),
    loss: cssColour("--loss"),
    window: cssColour("--window"),
    marker: cssColour("--marker"),
  };
}

/** Resolved `rgb()` of a custom property: canvases know nothing of light-dark(). */
export function cssColour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

export function withAlpha(rgb: string, alpha: number): string {
  const [r = "0", g = "0", b = "0"] = rgb.match(/[\d.]+/g) ?? [];
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

/** Of rails by their names, in order of appearance: names of custom properties. */
export function railColours(): (name: string) => string {
  const seen: string[] = [];
  return (name) => {
    if (!seen.includes(name)) seen.push(name);
    return `--rail-${(seen.indexOf(name) % RAIL_COLOURS) + 1}`;
  };
}

/** One after the other within each unit. */
export function claimColours(): (unit: string) => string {
  const used = new Map<string, number>();
  return (unit) => {
    const i = used.get(unit) ?? 0;
    used.set(unit, i + 1);
    return `--claim-${(i % CLAIM_COLOURS) + 1}`;
  };
}

/** The system's choice until the button has been pressed. @param repaint called after either changed */
export function wireTheme(repaint: () => void): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", repaint);
  byId("theme").addEventListener("click", () => {
    const { dataset } = document.documentElement;
    const isDark = dataset["theme"] ? dataset["theme"] === "dark" : dark.matches;
    dataset["theme"] = isDark ? "light" : "dark";
    repaint();
  });
}
