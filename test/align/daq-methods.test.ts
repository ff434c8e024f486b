// Each kind of evidence for the DAQ's clock alone, and one against another: the truth lies within what is stated, and
// what is stated is as wide as a closed form says.

import { describe, expect, test } from "@jest/globals";
import { type ClockModel, mapUNs, ratePpm, toSessionNs } from "../../align/clocks/clock.ts";
import { fitDaq } from "../../align/clocks/daq-clock.ts";
import { debounced } from "../../align/clocks/methods/sync-edges.ts";
import { placeNs, placeUNs } from "../../align/clocks/segments.ts";
import { random } from "../../stats/random.ts";
import { type Evidence, evidenceOf, type Made, ROW_NS, SESSION } from "../support/evidence.ts";
import { textsOf } from "../../schema/findings.ts";

const MS = 1e6;
const fitted = (e: Evidence | Made): ClockModel => {
  const { scan } = "scan" in e ? e : evidenceOf(e);
  return fitDaq(scan).segments[0]!.model;
};

/** Of `n` instants evenly over the run, the model's greatest error in standard uncertainties. */
function worst(made: Made, n = 20): number {
  const clock = fitDaq(made.scan);
  const [from, to] = [0.3e9, clock.segments[clock.segments.length - 1]!.toNs - 0.1e9];
  const errors = Array.from({ length: n }, (_, k) => {
    const t = from + (k * (to - from)) / (n - 1);
    return Math.abs(placeNs(clock, made.rowAt(t)) - t) / placeUNs(clock, t);
  });
  return Math.max(...errors);
}

/** Pulses at no period: distances of 40 to 160 ms. */
function pulses(n: number, fromNs = 0.5e9): number[] {
  const r = random(3, "pulses");
  let t = fromNs;
  return Array.from({ length: n }, () => (t += 40 * MS + 120 * MS * r.uniform()));
}

describe("edges that the host raised itself", () => {
  const n = 60;
  const sync = { syncNs: pulses(n), halfNs: 3000, ppm: 40, stampLateNs: 7 * MS };

  test("the truth is found, and the stamp's own error with it", () => {
    const made = evidenceOf(sync);
    const model = fitted(made);
    expect(model.method).toBe("sync-edges");
    expect(worst(made)).toBeLessThan(1);
    expect(ratePpm(model)).toBeCloseTo(-40, 1);
    expect(model.startDelayNs! / MS).toBeCloseTo(-7, 2);
    expect([model.edgesUsed, model.edgesMissing, model.edgesExtra]).toEqual([n, 0, 0]);
    expect(textsOf(model.findings)).toEqual([]);
  });

  test("u(offset): rows and brackets as uniform, averaged as far as they scatter; the typical half beside it", () => {
    const own = Math.hypot(ROW_NS / Math.sqrt(12), 3000 / Math.sqrt(3));
    // Edges that lie all on the line speak for four stated ones' worth less: 4 / (4 + n − 2).
    const average = (own / Math.sqrt(n)) * Math.sqrt(4 / (n + 2));
    const model = fitted(sync);
    expect(model.uOffsetNs / Math.hypot(average, 3000 / Math.sqrt(3))).toBeCloseTo(1, 3);
  });

  test("edges anywhere in their brackets: the truth stays within the bounds, which are no wider than bracket and row", () => {
    const r = random(8, "within");
    const at = Array.from({ length: n }, () => 2 * r.uniform() - 1);
    const made = evidenceOf({ ...sync, within: (k) => at[k]! });
    const model = fitted(made);
    const { atNs, loNs, hiNs } = model.bounds!;
    expect(atNs.length).toBeGreaterThan(3);
    atNs.forEach((t, i) => {
      // Where the model puts t the device really was at …
      const row = model.refDevice + (t - model.refNs) / model.nsPerUnit;
      const truth = 0.2e9 + row * ROW_NS * (1 + 40e-6);
      expect(truth - t).toBeGreaterThanOrEqual(loNs[i]!);
      expect(truth - t).toBeLessThanOrEqual(hiNs[i]!);
      // Half a row, half a bracket, the input's 500 ns, either way.
      expect(hiNs[i]! - loNs[i]!).toBeLessThanOrEqual(2 * (ROW_NS / 2 + 3000 + 500));
    });
  });

  test("brackets wider than 0.2 ms say nothing and are left out", () => {
    expect(fitted({ ...sync, halfNs: 0.19 * MS }).method).toBe("sync-edges");
    expect(fitted({ ...sync, halfNs: 0.21 * MS }).method).toBe("prior");
  });

  test("edges that no offset brings to their marks leave the rig's word, and that is told", () => {
    const made = evidenceOf({ syncNs: [1e9, 3e9] });
    // Down where the host went up.
    const edges = made.scan.edges.map((e) => ({ ...e, level: e.level === 1 ? 0 : 1 }) as const);
    const model = fitted({ ...made, scan: { ...made.scan, edges } });
    expect(model.method).toBe("prior");
    expect(textsOf(model.findings).join()).toMatch(
      /both there, but no offset brings them together/,
    );
  });

  test("edges of another input or another stream are not the trigger's", () => {
    const made = evidenceOf(sync);
    const rig = { ...made.scan.rig, trigger: { output: "virtual", daqLine: 0 } };
    const noise = made.scan.edges.flatMap((e) => [
      e,
      { ...e, line: "line1", index: e.index! + 137 },
      { ...e, stream: "other", index: e.index! + 251 },
    ]);
    const model = fitted({ ...made, scan: { ...made.scan, rig, edges: noise } });
    expect([model.edgesUsed, model.edgesExtra]).toEqual([n, 0]);
  });

  test("of edges closer together than 0.2 ms none is used, and they are counted as bounced", () => {
    const made = evidenceOf(sync);
    const bounce = made.scan.edges.slice(10, 13).map((e) => ({ ...e, index: e.index! + 1.5 }));
    const model = fitted({
      ...made,
      scan: { ...made.scan, edges: [...made.scan.edges, ...bounce] },
    });
    expect([model.edgesUsed, model.edgesBounced, model.edgesExtra]).toEqual([n - 3, 6, 6]);
  });

  test("standing alone is being 0.2 ms away from both neighbours", () => {
    const at = (...rows: number[]) =>
      debounced(
        rows.map((device) => ({ device })),
        1e6,
      );
    expect(at(500, 0, 1000)).toEqual([{ device: 0 }, { device: 500 }, { device: 1000 }]);
    expect(at(0, 199, 1000)).toEqual([{ device: 1000 }]);
    expect(at(0, 200, 1000)).toHaveLength(3);
    expect(at(0, 800, 999)).toEqual([{ device: 0 }]);
  });
});

describe("exchanges of four stamps", () => {
  const at = Array.from({ length: 40 }, (_, k) => 0.4e9 + k * 0.24e9);
  const even = {
    exchanges: at.map((t) => [t, 20e3, 20e3] as const),
    ppm: -30,
    stampLateNs: 5 * MS,
  };

  test("the truth is found where both ways take as long", () => {
    const made = evidenceOf(even);
    const model = fitted(made);
    expect(model.method).toBe("exchange");
    expect(worst(made)).toBeLessThan(1);
    expect(ratePpm(model)).toBeCloseTo(30, 0);
  });

  test("u(offset) is that of the shortest round trip, uniform; more exchanges do not average it away", () => {
    const floor = 40e3 / Math.sqrt(12);
    const average = (floor / Math.sqrt(40)) * Math.sqrt(4 / 42);
    expect(fitted(even).uOffsetNs / Math.hypot(floor, average)).toBeCloseTo(1, 2);
  });

  test("all of a round trip one way: off by half of it, and that is within what is stated", () => {
    for (const [there, back] of [
      [40e3, 0],
      [0, 40e3],
    ] as const) {
      const made = evidenceOf({ ...even, exchanges: at.map((t) => [t, there, back] as const) });
      const model = fitted(made);
      const error = toSessionNs(model, made.rowAt(5e9)) - 5e9;
      expect(error).toBeCloseTo(there === 0 ? 20e3 : -20e3, -3);
      expect(Math.abs(error)).toBeLessThan(2 * mapUNs(model, 5e9));
    }
  });

  test("the shortest of uneven exchanges carry the clock", () => {
    const r = random(9, "exchanges");
    const exchanges = at.map(
      (t) => [t, 10e3 + r.exponential(400e3), 10e3 + r.exponential(400e3)] as const,
    );
    expect(worst(evidenceOf({ ...even, exchanges }))).toBeLessThan(2);
  });

  test("the device's own time between its two stamps is no part of the round trip", () => {
    const made = evidenceOf(even);
    // It replies 1 ms after it received: 10 rows, 1,000 ticks.
    const slow = [...made.scan.exchanges].map((e) => ({
      ...e,
      deviceSent: e.deviceSent + 1000n,
      received: (e.received + 1_000_000n) as typeof e.received,
    }));
    const model = fitted({ ...made, scan: { ...made.scan, exchanges: slow } });
    expect(model.uOffsetNs / fitted(made).uOffsetNs).toBeCloseTo(1, 1);
    expect(Math.abs(toSessionNs(model, made.rowAt(5e9)) - 5e9)).toBeLessThan(1e3);
  });

  test("those of another stream are another device's", () => {
    const made = evidenceOf(even);
    const other = [...made.scan.exchanges].map((e) => ({ ...e, stream: "gpu" }));
    expect(fitted({ ...made, scan: { ...made.scan, exchanges: other } }).method).toBe("prior");
  });
});

describe("arrivals", () => {
  const r = random(4, "late");
  const late = Array.from({ length: 2000 }, () => 0.3 * MS + r.exponential(2 * MS));
  const arriving = { arrivals: (k: number) => late[k]!, ppm: 20, startU: 0.5e-3, stampLateNs: 0 };

  test("the earliest of each stretch carry the clock, which lags by the shortest delay and says so", () => {
    const made = evidenceOf(arriving);
    const model = fitted(made);
    expect(model.method).toBe("arrival");
    expect(worst(made)).toBeLessThan(2);
    expect(model.edgesUsed).toBe(16);
    expect(textsOf(model.findings).join()).toMatch(
      /rests on when blocks arrived, and lags by the shortest delay/,
    );
    const lag = toSessionNs(model, made.rowAt(5e9)) - 5e9;
    expect(lag / MS).toBeGreaterThan(0);
    expect(lag / MS).toBeLessThan(0.5);
  });

  test("u(offset) is what the rig says of its start, no less than a USB frame", () => {
    const [short, long] = [0.5e-3, 20e-3].map((startU) => fitted({ ...arriving, startU }));
    expect(short!.uOffsetNs / MS).toBeGreaterThan(1);
    expect(short!.uOffsetNs / MS).toBeLessThan(1.1);
    expect(long!.uOffsetNs / MS).toBeGreaterThan(20);
    expect(long!.uOffsetNs / MS).toBeLessThan(20.1);
  });

  test("fewer than 64 are no envelope", () => {
    const starts = (s: number) => [{ fromNs: 0.2e9, toNs: 0.2e9 + s * 1e9 }];
    expect(fitted({ ...arriving, starts: starts(0.641) }).method).toBe("arrival");
    expect(fitted({ ...arriving, starts: starts(0.631) }).method).toBe("prior");
  });
});

describe("load marks against the power's own steps", () => {
  const starts = [{ fromNs: 0.2e9, toNs: 2.7e9 }];
  const loadNs = pulses(20, 0.3e9);
  const load = { starts, loadNs, ppm: 30, stampLateNs: 4 * MS };

  test("the truth is found where the rails follow at once", () => {
    const made = evidenceOf(load);
    const model = fitted(made);
    expect(model.method).toBe("load-edges");
    expect(worst(made)).toBeLessThan(1);
    expect([model.edgesUsed, model.edgesMissing, model.edgesExtra]).toEqual([20, 0, 0]);
    // A common 0.5 ms that no scatter shows, and 2 ms each, averaged.
    const row = ROW_NS / Math.sqrt(12);
    const average = (Math.hypot(2 * MS, row) / Math.sqrt(20)) * Math.sqrt(4 / 22);
    expect(model.uOffsetNs / Math.hypot(0.5 * MS, average)).toBeCloseTo(1, 1);
  });

  test("rails that follow late shift the clock by as much, which is within what is stated", () => {
    const made = evidenceOf({ ...load, railsLateNs: [0.6 * MS, 0.6 * MS] });
    const model = fitted(made);
    const error = toSessionNs(model, made.rowAt(1.5e9)) - 1.5e9;
    expect(error / MS).toBeCloseTo(-0.6, 1);
    expect(Math.abs(error)).toBeLessThan(2 * mapUNs(model, 1.5e9));
  });

  test("on and off of different lateness show as half their distance", () => {
    const u = (on: number, off: number) =>
      fitted({ ...load, railsLateNs: [on * MS, off * MS] }).uOffsetNs / MS;
    expect(u(0, 4)).toBeGreaterThan(Math.hypot(0.5, 2));
    expect(u(0, 4)).toBeLessThan(Math.hypot(0.5, 2) + 0.3);
    expect(u(4, 0)).toBeCloseTo(u(0, 4), 1);
  });

  test("a rig written for a device 3 % slower: the steps are used, the rig is not", () => {
    const made = evidenceOf({ ...load, ppm: 20_000 });
    const model = fitted(made);
    expect(model.method).toBe("load-edges");
    expect(ratePpm(model) / 1e3).toBeCloseTo(-19.6, 0);
    expect(textsOf(model.findings).join()).toMatch(
      /are used, the rig's value is not; correct device\.clock/,
    );
  });

  test("marks of another recording match no steps: the host's stamp alone is left, and told", () => {
    const made = evidenceOf(load);
    const other = evidenceOf({ ...load, loadNs: [0.7e9, 0.9e9] }).scan.marks;
    const flat = evidenceOf({ ...load, loadNs: pulses(20, 400e9) });
    expect(
      fitted({ ...made, stream: flat.stream, scan: { ...flat.scan, marks: other } }),
    ).toMatchObject({
      method: "prior",
    });
  });
});

describe("the rig's word alone", () => {
  test("u is what the rig states of start and rate, and nothing ties the clocks", () => {
    const made = evidenceOf({ startU: 3e-3, uRel: 25e-6, stampLateNs: 2 * MS });
    const model = fitted(made);
    expect(model).toMatchObject({ method: "prior", uOffsetNs: 3 * MS, uRate: 25e-6 });
    expect(mapUNs(model, model.refNs + 10e9)).toBeCloseTo(Math.hypot(3 * MS, 250e3), 3);
    expect(textsOf(model.findings)).toEqual([
      expect.stringMatching(/rests on the host's stamp alone/),
    ]);
    expect(worst(made)).toBeLessThan(1);
  });

  test("a stamp that took longer than the rig's figure is as uncertain as it took", () => {
    const made = evidenceOf({ startU: 1e-9, uRel: 25e-6 });
    expect(fitted(made).uOffsetNs).toBe(1000);
  });

  test("rows on the host's own clock need no fit", () => {
    const made = evidenceOf({ startU: 0, uRel: 0 });
    expect(fitted(made)).toMatchObject({
      method: "identity",
      uOffsetNs: 0,
      uRate: 0,
      findings: [],
    });
  });

  test("a device that counts on the host's clock begins where its first tick says", () => {
    const made = evidenceOf({ startU: 0 });
    const stream = { ...made.stream, firstTick: SESSION.hostEpoch + 123_456_789n };
    expect(fitted({ ...made, scan: { ...made.scan, stream } })).toMatchObject({
      method: "identity",
      refNs: 123_456_789,
    });
  });

  test("of a file that knows only its own seconds the trace is the session's clock", () => {
    const made = evidenceOf({});
    const session = { ...SESSION, hostClock: "trace" as const };
    expect(fitted({ ...made, scan: { ...made.scan, session } })).toMatchObject({
      method: "identity",
      refNs: 0,
    });
  });
});

describe("evidence against evidence", () => {
  const SHORT = [{ fromNs: 0.2e9, toNs: 2.2e9 }];
  const exchanges = Array.from({ length: 40 }, (_, k) => [0.3e9 + k * 0.04e9, 20e3, 20e3] as const);
  const arrivals = (): number => 0.4 * MS;
  const loadNs = pulses(16, 0.3e9);

  test("edges before exchanges before load steps before arrivals before the stamp", () => {
    const ladder: [string, Evidence][] = [
      ["sync-edges", { syncNs: pulses(16) }],
      ["exchange", { exchanges }],
      ["load-edges", { loadNs }],
      ["arrival", { arrivals }],
      ["prior", {}],
    ];
    for (let k = 0; k < ladder.length; k++) {
      const all = Object.assign(
        { ppm: 10, starts: SHORT },
        ...ladder.slice(k).map(([, e]) => e),
      ) as Evidence;
      expect(fitted(all).method).toBe(ladder[k]![0]);
    }
  });

  test("coarse evidence says where to look for edges that repeat: not a period off", () => {
    // A pulse each 20 ms, and a stamp 120 ms late that alone would allow five places.
    const syncNs = Array.from({ length: 80 }, (_, k) => 0.3e9 + k * 20 * MS);
    const made = evidenceOf({ syncNs, exchanges, stampLateNs: 120 * MS, startU: 0.1, ppm: 10 });
    expect(fitted(made).method).toBe("sync-edges");
    expect(worst(made)).toBeLessThan(1.5);
  });
});

describe("a device that restarted", () => {
  const starts = [
    { fromNs: 0.2e9, toNs: 5.2e9 },
    { fromNs: 6.2e9, toNs: 11.2e9, firstRow: 60_000 },
  ];
  const syncNs = pulses(40);
  const arrivals = (): number => 0.4 * MS;
  const uRel = 50e-6;

  test("the second segment takes the first one's rate, give or take a tenth of the rig's tolerance", () => {
    const made = evidenceOf({ starts, syncNs, arrivals, uRel, ppm: 35 });
    const [first, second] = fitDaq(made.scan).segments.map((s) => s.model);
    expect([first!.method, second!.method]).toEqual(["sync-edges", "arrival"]);
    // Arrivals of 1 ms each tell a rate over 5 s hardly better than that.
    expect(second!.uRate).toBeLessThanOrEqual(Math.hypot(first!.uRate, 0.1 * uRel));
    expect(second!.uRate).toBeGreaterThan(0.9 * 0.1 * uRel);
    expect(Math.abs(ratePpm(second!) - ratePpm(first!))).toBeLessThan(1);
    expect(second!.nominalHz).toBe(first!.nominalHz);
  });

  test("and the delay of its blocks, which the first one's edges tell", () => {
    const made = evidenceOf({ starts, syncNs, arrivals, uRel, ppm: 35, startU: 20e-3 });
    const clock = fitDaq(made.scan);
    const second = clock.segments[1]!.model;
    expect(textsOf(second.findings).join()).toMatch(
      /less the shortest delay of another segment \(0\.400 ms\)/,
    );
    for (const t of [6.3e9, 8e9, 11e9])
      expect(Math.abs(placeNs(clock, made.rowAt(t)) - t)).toBeLessThan(0.05 * MS);
    expect(second.uOffsetNs / MS).toBeLessThan(1.5);
    expect([clock.segments[1]!.fromDevice, clock.segments[1]!.toDevice]).toEqual([
      60_000,
      made.stream.lastDevice,
    ]);
  });

  test("without any stamps it begins where the log's count puts it, give or take the whole pause", () => {
    const made = evidenceOf({ starts, uRel, startU: 3e-3 });
    const clock = fitDaq(made.scan);
    const second = clock.segments[1]!.model;
    expect(second.method).toBe("prior");
    const pauseNs = 60_000 * ROW_NS - 5e9;
    const expected = Math.hypot(3 * MS, 3 * MS, pauseNs, 6e9 * uRel);
    expect(second.uOffsetNs / expected).toBeCloseTo(1, 3);
    expect(placeNs(clock, 60_000)).toBeCloseTo(6.2e9, 0);
  });

  test("edges that fell in the pause are nobody's", () => {
    const made = evidenceOf({ starts, syncNs: pulses(90), uRel, ppm: 5 });
    const clock = fitDaq(made.scan);
    const used = clock.segments.reduce((n, s) => n + s.model.edgesUsed, 0);
    const inside = pulses(90).filter((t) => t < 5.2e9 || (t > 6.2e9 && t < 11.2e9)).length;
    expect(used).toBe(inside);
    expect(worst(made)).toBeLessThan(1.5);
  });
});
