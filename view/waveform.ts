// Enters: one folded kernel. Leaves: its waveform as inline SVG: mean with its band, rails, the kernel's
// own span. Needs no script; colours are the theme's, by class.

import { endsOf } from "../stats/places.ts";
import { zip } from "../stats/zip.ts";
import type { FoldedKernel } from "./folds.ts";
import { fixed, quantity } from "./format.ts";
import { type Html, html } from "./html.ts";

const PLOT = { width: 900, height: 260, left: 62, right: 34, top: 22, bottom: 34 } as const;
const RIGHT = PLOT.width - PLOT.right;
const FLOOR = PLOT.height - PLOT.bottom;
/** A column a pixel and more would only make the page heavy. */
const MAX_COLUMNS = 800;
const RAIL_COLOURS = 6;

/** Of a curve; `w` is NaN where no row fell into the step. */
interface Point {
  readonly ns: number;
  readonly w: number;
}

/** @param stamp says what kind of source it is, also on a picture cut out of the page. */
export function waveform(k: FoldedKernel, stamp: string): Html {
  const every = Math.ceil(k.phaseNs.length / MAX_COLUMNS);
  const t = columnsOf(k.phaseNs, every);
  const curve = (values: Float64Array): Point[] =>
    Array.from(zip(t, columnsOf(values, every)), ([ns, w]) => ({ ns, w }));
  const [mean, half] = [curve(k.powerW), columnsOf(k.expandedW, every)];
  const steps = Array.from(zip(mean, half), ([p, u]) => ({ ...p, low: p.w - u, high: p.w + u }));
  const rails = (k.rails.length > 1 ? k.rails : []).map((rail, i) => ({
    name: rail.name,
    colour: `rail-${(i % RAIL_COLOURS) + 1}`,
    curve: curve(rail.powerW),
  }));
  const drawn = [
    ...steps.flatMap((p) => [p.low, p.high]),
    ...rails.flatMap((r) => r.curve.map((p) => p.w)),
  ];
  const [y0, y1] = range(drawn.filter(Number.isFinite));
  const [first, last] = endsOf(k.phaseNs);
  const [x0, x1] = [first - k.step_ns / 2, last + k.step_ns / 2];
  const [unitNs, unit] = x1 - x0 > 5e6 ? [1e6, "ms"] : [1e3, "µs"];
  const x = (ns: number): number => PLOT.left + ((ns - x0) / (x1 - x0)) * (RIGHT - PLOT.left);
  const y = (w: number): number => FLOOR - ((w - y0) / (y1 - y0)) * (FLOOR - PLOT.top);
  const at = ({ ns, w }: Point): string => `${n(x(ns))} ${n(y(w))}`;
  const line = (points: readonly Point[]): string =>
    stretches(points)
      .map((s) => `M${s.map(at).join("L")}`)
      .join("");
  const band = stretches(steps)
    .map((s) => {
      const there = s.map(({ ns, high }) => at({ ns, w: high }));
      const back = s.map(({ ns, low }) => at({ ns, w: low })).reverse();
      return `M${[...there, ...back].join("L")}Z`;
    })
    .join("");
  const label = `Mean power of ${k.kernel} over time since its start, ${quantity(y0, "W", 3)} to ${quantity(y1, "W", 3)}`;
  return html`<div class="scroll">
      <svg
        class="waveform"
        viewBox="0 0 ${PLOT.width} ${PLOT.height}"
        role="img"
        aria-label="${label}"
      >
        <rect
          class="span"
          x="${n(x(0))}"
          y="${PLOT.top}"
          width="${n(x(Math.min(x1, k.duration_ns)) - x(0))}"
          height="${FLOOR - PLOT.top}"
        />
        ${ticks(y0, y1, 5).map(
          (w) =>
            html`<line
                class="grid"
                x1="${PLOT.left}"
                x2="${RIGHT}"
                y1="${n(y(w))}"
                y2="${n(y(w))}"
              />
              <text x="${PLOT.left - 8}" y="${n(y(w) + 4)}" text-anchor="end">${plain(w)} W</text>`,
        )}
        ${ticks(x0 / unitNs, x1 / unitNs, 8).map(
          (v) =>
            html`<line
                class="grid"
                x1="${n(x(v * unitNs))}"
                x2="${n(x(v * unitNs))}"
                y1="${PLOT.top}"
                y2="${FLOOR}"
              />
              <text x="${n(x(v * unitNs))}" y="${FLOOR + 18}" text-anchor="middle"
                >${plain(v)} ${unit}</text
              >`,
        )}
        <path class="band" d="${band}" />
        ${rails.map((r) => html`<path class="rail ${r.colour}" d="${line(r.curve)}" />`)}
        <path class="mean" d="${line(mean)}" />
        <text class="stamp" x="${RIGHT}" y="${PLOT.top - 7}" text-anchor="end">${stamp}</text>
      </svg>
    </div>
    <figcaption>
      <span class="key mean">all rails</span>
      ${rails.map((r) => html`<span class="key ${r.colour}">${r.name}</span>`)}
      <span class="key span">kernel, by its median duration</span>
      ${every > 1 && ` ${every} steps are drawn as one.`}
    </figcaption>`;
}

/** Means of `every` values; NaN where all are. */
function columnsOf(values: Float64Array, every: number): number[] {
  return Array.from({ length: Math.ceil(values.length / every) }, (_, c) => {
    const known = values.slice(c * every, (c + 1) * every).filter(Number.isFinite);
    return known.reduce((sum, v) => sum + v, 0) / known.length;
  });
}

/** Neighbours that have a value: nothing is drawn across an empty step. */
function stretches<P extends Point>(points: readonly P[]): P[][] {
  const found: P[][] = [];
  let open: P[] | null = null;
  for (const p of points) {
    if (!Number.isFinite(p.w)) open = null;
    else if (open) open.push(p);
    else found.push((open = [p]));
  }
  return found;
}

/** From zero unless power stays in a narrow, high band. */
function range(values: readonly number[]): [number, number] {
  const [min, max] = values.reduce(
    ([a, b], v) => [Math.min(a, v), Math.max(b, v)],
    [Infinity, -Infinity],
  );
  if (!(min <= max)) return [0, 1];
  const pad = 0.06 * (max - min) || 1;
  return [min >= 0 && min < 0.6 * max ? 0 : min - pad, max + pad];
}

/** Multiples of 1, 2 or 5 × 10ⁿ within, about `about` of them. */
function ticks(from: number, to: number, about: number): number[] {
  const rough = (to - from) / about;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * decade).find((s) => s >= rough) ?? rough;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step);
}

const plain = (v: number): string => fixed(v, Number.isInteger(Number(v.toFixed(6))) ? 0 : 2);
const n = (v: number): string => v.toFixed(1);
