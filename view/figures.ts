// Enters: a few numbers. Leaves: small drawings as inline SVG that need no script: they print, follow the
// theme through CSS classes, and scale by percentages instead of stretching.

import { type Html, html } from "./html.ts";
import { quantity } from "./format.ts";
import { mostOf } from "../stats/summary.ts";

/** Symmetric axis around 0, in percent of physical energy, whose own ±U is a band. */
export interface ErrorAxis {
  readonly limit: number;
  readonly bandPct: number;
}

const at = (axis: ErrorAxis, pct: number): string =>
  `${(50 + 48 * Math.max(-1, Math.min(1, pct / axis.limit))).toFixed(2)}%`;

/** A round limit that shows the band and every claim: 1, 2, 5 × 10ⁿ. */
export function errorAxis(bandPct: number, values: readonly number[]): ErrorAxis {
  const largest = mostOf([bandPct, ...values].filter(Number.isFinite).map(Math.abs), 0.1);
  const decade = 10 ** Math.floor(Math.log10(largest));
  const limit = [1, 1.5, 2, 3, 5, 7.5, 10].map((m) => m * decade).find((l) => l >= largest * 1.02);
  return { limit: limit ?? 10 * decade, bandPct };
}

/** One claim against the truth: dot (hollow where like was compared with like), whisker, physical ±U as a band. */
/** @param span of the error, percent. */
export function errorDot(
  axis: ErrorAxis,
  errorPct: number,
  [lo, hi]: readonly [number, number],
  hollow: boolean,
): Html {
  const whisker = Number.isFinite(hi - lo)
    ? html`<line class="whisker" x1="${at(axis, lo)}" x2="${at(axis, hi)}" y1="12" y2="12" />`
    : null;
  const label = `${errorPct.toFixed(2)} percent`;
  return html`<svg class="dotplot" height="24" role="img" aria-label="${label}">
    ${band(axis)}
    <line class="stem" x1="50%" x2="${at(axis, errorPct)}" y1="12" y2="12" />
    ${whisker}
    <circle class="dot ${hollow && "hollow"}" cx="${at(axis, errorPct)}" cy="12" r="4.5" />
  </svg>`;
}

/** The physical row of the same plot: the band alone. */
export function errorBand(axis: ErrorAxis): Html {
  return html`<svg
    class="dotplot"
    height="24"
    role="img"
    aria-label="plus or minus ${axis.bandPct.toFixed(2)} percent"
  >
    ${band(axis)}
    <circle class="truth" cx="50%" cy="12" r="5" />
  </svg>`;
}

export function errorScale(axis: ErrorAxis): Html {
  const text = (v: number): string => `${v > 0 ? "+" : v < 0 ? "−" : ""}${Math.abs(v)} %`;
  return html`<span class="scale"
    ><span>${text(-axis.limit)}</span><span>0</span><span>${text(axis.limit)}</span></span
  >`;
}

function band({ limit, bandPct }: ErrorAxis): Html {
  const half = Math.min(48, 48 * (Math.max(0, bandPct || 0) / limit));
  return html`<rect
      class="band"
      x="${(50 - half).toFixed(2)}%"
      width="${(2 * half).toFixed(2)}%"
      y="0"
      height="24"
    /><line class="zero" x1="50%" x2="50%" y1="0" y2="24" />`;
}

/** A bar from 0 to `fraction` of the cell. */
export function bar(fraction: number): Html {
  const width = (100 * Math.max(0, Math.min(1, fraction || 0))).toFixed(2);
  return html`<svg class="bar" height="14" aria-hidden="true">
    <rect class="rail" width="100%" height="14" rx="3" />
    <rect class="fill" width="${width}%" height="14" rx="3" />
  </svg>`;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const PLOT = { width: 720, height: 190, left: 62, right: 12, top: 14, bottom: 34 } as const;

/** Residuals in seconds against session seconds, with ±rms as a band. */
export function residualPlot(points: readonly Point[], rms: number): Html {
  const [x0, x1] = extent(points.map((p) => p.x));
  const yMax =
    mostOf(
      points.map((p) => Math.abs(p.y)),
      rms || 0,
    ) * 1.15 || 1e-9;
  const inner = { w: PLOT.width - PLOT.left - PLOT.right, h: PLOT.height - PLOT.top - PLOT.bottom };
  const x = (v: number): number => PLOT.left + ((v - x0) / (x1 - x0 || 1)) * inner.w;
  const y = (v: number): number => PLOT.top + (0.5 - v / (2 * yMax)) * inner.h;
  const right = PLOT.width - PLOT.right;
  const tick = (v: number): Html =>
    html`<line class="grid" x1="${PLOT.left}" x2="${right}" y1="${y(v)}" y2="${y(v)}" /><text
        x="${PLOT.left - 8}"
        y="${y(v) + 4}"
        text-anchor="end"
        >${quantity(v, "s", 2)}</text
      >`;
  const stamps = [x0, (x0 + x1) / 2, x1].map(
    (v, i) =>
      html`<text
        x="${x(v).toFixed(1)}"
        y="${PLOT.height - 12}"
        text-anchor="${["start", "middle", "end"][i]}"
        >${quantity(v, "s", 4)}</text
      >`,
  );
  const dots = points.map(
    (p) => html`<circle class="dot" cx="${x(p.x).toFixed(1)}" cy="${y(p.y).toFixed(1)}" r="3" />`,
  );
  const rmsBand = rms
    ? html`<rect
        class="band"
        x="${PLOT.left}"
        width="${inner.w}"
        y="${y(rms).toFixed(1)}"
        height="${(y(-rms) - y(rms)).toFixed(1)}"
      />`
    : null;
  const label = `Residuals of ${points.length} edges over the session, root mean square ${quantity(rms, "s", 2)}`;
  return html`<svg
    class="residuals"
    viewBox="0 0 ${PLOT.width} ${PLOT.height}"
    role="img"
    aria-label="${label}"
  >
    ${rmsBand}${[-yMax / 1.15, 0, yMax / 1.15].map(tick)}${dots}${stamps}
  </svg>`;
}

function extent(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(
    ([a, b], v) => [Math.min(a, v), Math.max(b, v)],
    [Infinity, -Infinity],
  );
}
