// Load marks against the power's own steps, method alone: which of them pair, at which rate, and what their lag is
// worth.

import { describe, expect, test } from "@jest/globals";
import { type ClockModel, ratePpm } from "../../align/clocks/clock.ts";
import { evidenceOf } from "../../align/clocks/daq-evidence.ts";
import { loadEdges } from "../../align/clocks/methods/load-edges.ts";
import type { Mark } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { MarkTable } from "../../align/mark-table.ts";
import { type Evidence, evidenceOf as made, ROW_NS, SESSION } from "../support/evidence.ts";

const MS = 1e6;
const mark = (ms: number, phase: "begin" | "end", name = "load"): Mark => ({
  ...{ name, phase, clock: "host" },
  t: instant<"host">(SESSION.hostEpoch + BigInt(Math.round(ms * MS))),
});

interface Case extends Evidence {
  /** On and off in turn, ms. */
  readonly loadMs: readonly number[];
  /** Instead of the load's own. */
  readonly marks?: readonly Mark[];
  readonly isNear?: boolean;
  readonly broken?: boolean;
}

/** Rows of 0.1 ms from 200 ms on, up to a while after the last step. */
function fitted({
  loadMs,
  marks,
  isNear = false,
  broken = false,
  ...e
}: Case): ClockModel | undefined {
  const starts = [{ fromNs: 200 * MS, toNs: (Math.max(...loadMs) + 100) * MS }];
  const { scan } = made({ starts, loadNs: loadMs.map((ms) => ms * MS), ...e });
  const table = new MarkTable(SESSION);
  const own = loadMs.map((ms, k) => mark(ms, k % 2 === 0 ? "begin" : "end"));
  for (const m of marks ?? own) table.add(m, 1);
  const of = { ...scan, marks: table };
  const [evidence] = evidenceOf(of) as [ReturnType<typeof evidenceOf>[0]];
  const look = { scan: of, evidence, near: isNear ? evidence : undefined, broken };
  return loadEdges.fit(look, () => undefined);
}

/** No two distances alike, 40 ms at least. */
const AT = [300, 345, 420, 472, 590, 633, 731, 812];

describe("which pair", () => {
  test("all steps with their marks, however short the load", () => {
    expect(fitted({ loadMs: AT })).toMatchObject({ method: "load-edges", edgesUsed: 8 });
    // Steps 9 ms apart are seen by means over 3 ms.
    const short = [300, 310, 325, 334, 350, 368, 379, 395];
    expect(fitted({ loadMs: short })).toMatchObject({
      edgesUsed: 8,
      edgesMissing: 0,
      edgesExtra: 0,
    });
  });

  test("marks of other names are no load's; without a load there is nothing to go by", () => {
    const own = AT.map((ms, k) => mark(ms, k % 2 === 0 ? "begin" : "end"));
    const other = [310, 550].map((ms) => mark(ms, "begin", "step"));
    expect(fitted({ loadMs: AT, marks: [...own, ...other] })).toMatchObject({
      ...{ edgesUsed: 8, edgesMissing: 0 },
    });
    expect(fitted({ loadMs: AT, marks: other })).toBeUndefined();
  });

  test("two marks at one instant are no shortest step", () => {
    const own = AT.map((ms, k) => mark(ms, k % 2 === 0 ? "begin" : "end"));
    expect(fitted({ loadMs: AT, marks: [...own, mark(590, "end")] })?.edgesUsed).toBe(8);
  });

  test("a train that lost an end fits two ways: of several segments it is left out", () => {
    const train = Array.from({ length: 12 }, (_, k) => 300 + 15 * k);
    const marks = [-2, -1, ...train.keys()].map((k) => mark(300 + 15 * k, k % 2 === 0 ? "begin" : "end")); // prettier-ignore
    const broken = { loadMs: train, marks, startU: 20e-3 };
    expect(fitted({ ...broken, broken: true })).toBeUndefined();
    expect(fitted({ ...broken })?.method).toBe("load-edges");
    expect(fitted({ loadMs: AT, broken: true })?.method).toBe("load-edges");
  });
});

describe("marks that fit no steps", () => {
  // The load's steps lie where no mark is within the 30 ms that the rig's start allows.
  const marks = [350, 380].map((ms, k) => mark(ms + 1000, k % 2 === 0 ? "begin" : "end"));
  const unfit = { loadMs: AT, marks };

  test("leave the host's stamp, and that is told", () => {
    const model = fitted(unfit)!;
    expect([model.method, model.findings.map((f) => f.code)]).toEqual([
      "prior",
      ["load-unmatched"],
    ]);
  });

  test("are nothing to say where other evidence is there", () => {
    expect(fitted({ ...unfit, isNear: true })).toBeUndefined();
    expect(fitted({ ...unfit, broken: true })).toBeUndefined();
    // One step is none to match.
    expect(fitted({ ...unfit, loadMs: [500] })).toBeUndefined();
  });
});

describe("a rate that the rig does not allow", () => {
  // Eight seconds at 2 % are 160 ms, far beyond what pairs.
  const long = [400, 900, 1700, 2450, 3600, 4250, 5600, 6300, 7100, 8000];
  const slow = { ppm: 20_000, uRel: 50e-6 };

  test("is believed where it brings nine of ten steps to their marks", () => {
    const model = fitted({ loadMs: long, ...slow })!;
    expect(model.edgesUsed).toBe(10);
    expect(ratePpm(model) / 1e3).toBeCloseTo(-1000 / 51, 1);
  });

  test("is not looked for by three steps, which fit many", () => {
    const model = fitted({ loadMs: [400, 3600, 8000], ...slow });
    expect(model === undefined || Math.abs(ratePpm(model)) < 10_000).toBe(true);
    expect(fitted({ loadMs: [400, 2450, 5600, 8000], ...slow })!.edgesUsed).toBe(4);
  });
});

describe("what a load's edges are worth", () => {
  /** uOffset, ms, of n edges of 2 ms and a row, which leave so much about the line, with what all have in common. */
  const expected = (residualsMs: readonly number[], commonMs: number): number => {
    const own = Math.hypot(2, ROW_NS / MS / Math.sqrt(12));
    const n = residualsMs.length;
    const chi2 = residualsMs.reduce((sum, r) => sum + (r / own) ** 2, 0);
    const scale = Math.sqrt((4 + chi2) / (4 + n - 2));
    return Math.hypot((scale * own) / Math.sqrt(n), commonMs);
  };
  const free = { startU: 1, uRel: 0 };

  test("half a millisecond that none shows, where on and off lag alike", () => {
    const model = fitted({ loadMs: AT, railsLateNs: [MS, MS], ...free })!;
    expect(model.uOffsetNs / MS).toBeCloseTo(expected(AT.map(() => 0), 0.5), 2); // prettier-ignore
  });

  test("and half the distance of on and off, each by its own mean", () => {
    // Eight on, four off, 3 ms apart: 1 and −2 ms from the line.
    const on = [300, 420, 590, 731, 850, 990, 1130, 1300];
    const off = [345, 472, 633, 812, 905, 1060, 1190, 1350];
    const loadMs = on.flatMap((ms, k) => [ms, off[k]!]);
    const marks = [...on.map((ms) => mark(ms, "begin")), ...off.slice(0, 4).map((ms) => mark(ms, "end"))]; // prettier-ignore
    const model = fitted({ loadMs, marks, railsLateNs: [3 * MS, 0], ...free })!;
    expect(model.edgesUsed).toBe(12);
    const residuals = [...on.map(() => 1), ...off.slice(0, 4).map(() => 2)];
    const u = model.uOffsetNs / MS;
    expect(u).toBeCloseTo(expected(residuals, Math.hypot(0.5, 1.5)), 1);
  });

  test("of edges one way alone, what they leave about the line", () => {
    const on = AT.filter((_, k) => k % 2 === 0).map((ms) => mark(ms, "begin"));
    const model = fitted({ loadMs: AT, marks: on, ...free })!;
    expect(model.edgesUsed).toBe(4);
    expect(model.uOffsetNs / MS).toBeCloseTo(expected([0, 0, 0, 0], 0.5), 2);
  });
});
