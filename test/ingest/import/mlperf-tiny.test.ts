import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { StreamScanner } from "../../../align/stream-scanner.ts";
import { importMlperfTiny } from "../../../ingest/import/mlperf/mlperf-tiny.ts";
import { BlockFlag } from "../../../schema/records.ts";
import {
  type Imported,
  lossCount,
  rowBytes,
  rowCount,
  runImport,
  scratch,
  sweep,
  trace,
} from "./context.ts";

afterEach(sweep);

const RATE = 500;
const EDGES = [0.01, 1, 2, 2.5, 3.5];

/** A trace of ramps, 500 Hz, with the lines of the runner's log that carry time. */
function capture(change: (dir: string) => void = () => undefined, samples = ramp(2000)): string {
  const dir = join(scratch(), "board");
  mkdirSync(dir);
  const head = Buffer.alloc(5);
  head[0] = 0xf1;
  head.writeFloatLE(RATE, 1);
  writeFileSync(join(dir, "trace1-energy.bin"), Buffer.concat([head, samples]));
  writeFileSync(join(dir, "trace1-timestamps.json"), JSON.stringify(EDGES));
  writeFileSync(
    join(dir, "log.txt"),
    [
      "00010.250 session: m-session-start-id[20231114231320]",
      "00010.251 sequencer: m-sequencing-i[1]-command[io dut infer 7 1]-ack[/dut.?: m-ready/]",
      "00012.000 emon: m-trace[on]",
      "00012.011 io: m-lap-us-4000010000",
      "00013.001 io: m-lap-us-4001001188",
      "00013.003 io: [dut]: m-infer-start-7",
      "00014.002 io: m-lap-us-4002002376",
      "00014.004 io: [dut]: m-infer-done",
    ].join("\r\n") + "\r\n",
  );
  writeFileSync(
    join(dir, "results.txt"),
    "1.0 ulp-ml: Energy data for window 2 at time 1.00 for 1.00 sec.:\n" +
      "1.0 ulp-ml:   Energy       :   101897.480 uJ\n" +
      "1.0 ulp-ml:   Energy/Inf.  :      101.897 uJ/inf.\n",
  );
  change(dir);
  return dir;
}

function ramp(n: number): Buffer {
  const out = Buffer.alloc(4 * n);
  for (let i = 0; i < n; i++) out.writeFloatLE(5 + i / 100, 4 * i);
  return out;
}

const importAt = (dir: string): Promise<Imported> =>
  runImport(importMlperfTiny, dir, { zoneHours: 1 });

describe("a monitor's trace", () => {
  test("keeps the samples as they stand and takes the rate from the file", async () => {
    const got = await importAt(capture());
    expect(rowBytes(got).equals(ramp(2000))).toBe(true);
    expect(got.rig!.device).toMatchObject({ rowHz: RATE, sampling: "interval_mean" });
    expect(got.rig!.device.clock.hz).toBe(RATE);
    expect(got.rig!.rails[0]!.power!.perCount).toBeCloseTo(1e-3, 12);
    expect(got.session).toMatchObject({ hostClock: "trace", hostEpoch: 0n });
    expect(got.blocks[0]!.hostBefore).toBe(0n);
    expect(got.notes.filter((n) => n.level !== "info")).toEqual([]);
  });

  test("records every edge and no pairing of them", async () => {
    const { edges } = await importAt(capture());
    expect(edges).toEqual(
      EDGES.map((seconds) => ({ line: "trigger", stream: "main", seconds, level: null })),
    );
  });

  test("marks stand on the clock that stamped them", async () => {
    const { marks } = await importAt(capture());
    expect(marks.map((m) => [m.name, m.phase, m.clock, m.t])).toEqual([
      ["lap", "instant", "io", 4_000_010_000_000n],
      ["lap", "instant", "io", 4_001_001_188_000n],
      ["infer", "begin", "log", 13_003_000_000n],
      ["lap", "instant", "io", 4_002_002_376_000n],
      ["infer", "end", "log", 14_004_000_000n],
    ]);
    expect(marks[0]!.fields).toEqual({ log_s: 12.011 });
  });

  describe("messages of the device that its line garbled or lost", () => {
    /** Three inferences of 0.5 s, whose messages a test changes; the monitor saw all of their edges. */
    const log = (...messages: (string | null)[]): Promise<Imported> =>
      importAt(
        capture((d) => {
          const lines = messages.flatMap((m, k) =>
            m === null ? [] : [`0001${2 + (k >> 1)}.${k % 2 ? "503" : "003"} io: [dut]: ${m}`],
          );
          writeFileSync(join(d, "log.txt"), lines.join("\n") + "\n");
          const edges = [0.01, 0.5, 1, 1.5, 2, 2.5, 3];
          writeFileSync(join(d, "trace1-timestamps.json"), JSON.stringify(edges));
        }),
      );
    const infer = ({ marks }: Imported): string[] =>
      marks.map((m) => `${m.phase} ${Number(m.t) / 1e9}`);
    const [start, done] = ["m-infer-start-7", "m-infer-done"];
    const ALL = [
      "begin 12.003",
      "end 12.503",
      "begin 13.003",
      "end 13.503",
      "begin 14.003",
      "end 14.503",
    ];

    test("are what is left of them", async () => {
      const garbled = [start, "m-infer-donerG\\x0eI", "m-inf\\x02r-start-7", "m-infr-done"];
      const got = await log(...garbled, "m-infer-start-7q", "XZm-infer-done");
      expect(infer(got)).toEqual(ALL);
      expect(got.notes).toContainEqual(expect.objectContaining({ level: "warning", count: 5 }));
    });

    test("are placed by their edges where nothing is left", async () => {
      for (const lost of [0, 1, 2, 3, 4, 5]) {
        const messages = [start, done, start, done, start, done];
        const got = await log(...messages.map((m, k) => (k === lost ? null : m)));
        expect(infer(got)).toEqual(ALL);
        expect(got.notes).toContainEqual(
          expect.objectContaining({ text: expect.stringContaining("by their edges") as unknown }),
        );
      }
    });

    test("are not made up where edges do not say whose they are", async () => {
      const got = await log(start, done, null, null, start, null);
      expect(infer(got)).toEqual(["begin 12.003", "end 12.503", "begin 14.003"]);
    });

    test("and others are no inferences", async () => {
      const others = [
        "m-init-done",
        "m-warmup-done",
        "m-warmup-start-10",
        "m-ready",
        "m-timestamp",
      ];
      expect((await log(...others)).marks).toEqual([]);
    });
  });

  test("UTC of the trace's start: the session's local time plus the log's way to it", async () => {
    const { session } = await importAt(capture());
    expect(session.startUnix).toBe(1_700_000_000_000_000_000n + 1_750_000_000n);
    expect(session.labels).toMatchObject({ published_infer_1_j: "0.10189748" });
  });

  test("without a log there is no wall clock, and that is told", async () => {
    const got = await importAt(capture((d) => rmSync(join(d, "log.txt"))));
    expect(got.session.startUnix).toBeNull();
    expect(got.notes).toContainEqual(expect.objectContaining({ level: "warning" }));
  });

  test("a sample that is no number leaves a gap, counted, and the index goes on", async () => {
    const samples = ramp(2000);
    samples.writeFloatLE(NaN, 4 * 700);
    samples.writeFloatLE(Infinity, 4 * 701);
    const got = await importAt(capture(undefined, samples));
    expect(got.blocks.map((b) => [b.firstIndex, b.rows, b.flags])).toEqual([
      [0, 700, 0],
      [702, 1298, BlockFlag.gapBefore],
    ]);
    expect(lossCount(got)).toBe(2);
  });

  test("a block of zeros, as a disk leaves it, is kept as it stands: the rows around it tell what it is", async () => {
    const samples = ramp(2000);
    samples.fill(0, 4 * 700, 4 * 712);
    const got = await importAt(capture(undefined, samples));
    expect(got.notes.filter((n) => n.level !== "info")).toEqual([]);
    expect(rowBytes(got).equals(samples)).toBe(true);
    const scanner = new StreamScanner(got.layouts[0]!, got.rig!, got.session);
    for (const b of got.blocks) scanner.add(b, 0, 0);
    scanner.end();
    expect(scanner.learned![0]!.zeros).toMatchObject([{ from: 700, to: 712 }]);
  });

  test("a trace much shorter than its log says, and results without a figure", async () => {
    const got = await importAt(
      capture((d) => {
        writeFileSync(
          join(d, "log.txt"),
          readFileSync(join(d, "log.txt"), "utf8") + "00018.000 emon: m-trace[off]\r\n",
        );
        writeFileSync(join(d, "results.txt"), "no figures here\n");
      }),
    );
    expect(got.notes.filter((n) => n.level === "warning").map((n) => n.text)).toEqual([
      expect.stringContaining("4.00 s of samples, though the log has the trace on for 6.00 s"),
      expect.stringContaining("results.txt: no published energy"),
    ]);
  });

  test("a flipped exponent bit is told", async () => {
    const samples = ramp(2000);
    samples[4 * 700 + 3]! ^= 0x40;
    samples.writeFloatLE(3e20, 4 * 900);
    const got = await importAt(capture(undefined, samples));
    const warned = got.notes.filter((n) => n.level === "warning").map((n) => n.text);
    expect(warned).toEqual([expect.stringContaining("1 samples are beyond 1 kW")]);
    expect(rowCount(got)).toBe(2000);
  });

  test("a cut trace loses its trailing part of a sample and shows edges beyond its end", async () => {
    const got = await importAt(capture(undefined, ramp(1000).subarray(0, 3998)));
    expect(rowCount(got)).toBe(999);
    expect(lossCount(got)).toBe(2);
    expect(got.notes).toContainEqual(expect.objectContaining({ level: "warning", count: 3 }));
  });
});

describe("what is refused, in one line that names the file", () => {
  const bin = "trace1-energy.bin";
  const put = (name: string, data: string | Buffer) => (d: string) =>
    writeFileSync(join(d, name), data);
  const refused: [string, (dir: string) => void, RegExp][] = [
    ["an empty trace", put(bin, ""), /trace1-energy\.bin: empty/],
    [
      "text as trace",
      put(bin, "not a trace"),
      /offset 0: wrong first byte \(expected 0xf1, found 0x6e\)/,
    ],
    ["a header alone", put(bin, Buffer.from([0xf1, 0, 0, 0x7a, 0x44])), /no sample/],
    [
      "a rate of NaN",
      put(bin, Buffer.from([0xf1, 255, 255, 255, 255, 0, 0, 0, 0])),
      /bad sample rate/,
    ],
    [
      "edges that are no JSON",
      put("trace1-timestamps.json", "[1, 2"),
      /timestamps\.json: not JSON/,
    ],
    ["edges that are no list", put("trace1-timestamps.json", "{}"), /not a list/],
    ["an edge that is no number", put("trace1-timestamps.json", '[1, "2"]'), /element 1: bad edge/],
    ["edges that go back", put("trace1-timestamps.json", "[1, 3, 2]"), /element 2: edges go back/],
    ["two traces", put("trace2-energy.bin", ""), /several traces/],
    ["no trace", (d) => rmSync(join(d, bin)), /no trace/],
  ];
  test.each(refused)("%s", async (_name, change, message) => {
    const failure = await importAt(capture(change)).then(
      () => undefined,
      (e: unknown) => e as Error,
    );
    expect(failure).toMatchObject({ name: "InputError" });
    expect(failure!.message).toMatch(message);
    expect(failure!.message).not.toContain("\n");
  });
});

describe("the open runner", () => {
  const trial = (n: number, stamps: unknown[], file = "x.bin"): object => ({
    file,
    power: { samples: Array.from({ length: n }, (_, i) => (1 + i) * 1e-6), timestamps: stamps },
  });
  const openRunner = (trials: unknown): string => {
    const dir = join(scratch(), "mcu");
    mkdirSync(dir);
    writeFileSync(join(dir, "results.json"), JSON.stringify(trials));
    return dir;
  };

  test("trials follow each other with a gap; the last two edges of each bound it", async () => {
    const got = await importAt(
      openRunner([
        trial(
          100,
          [
            ["00", 5],
            ["01", 20],
            ["02", 70],
          ],
          "a",
        ),
        trial(
          50,
          [
            ["03", 10],
            ["04", 40],
          ],
          "b",
        ),
      ]),
    );
    expect(got.blocks.map((b) => [b.firstIndex, b.rows, b.flags])).toEqual([
      [0, 100, 0],
      [1100, 50, BlockFlag.gapBefore | BlockFlag.pause],
    ]);
    expect(got.edges.map((e) => e.index)).toEqual([5, 20, 70, 1110, 1140]);
    expect(got.marks.map((m) => [m.name, m.phase, m.t / 1_000_000n, m.fields!.file])).toEqual([
      ["trial", "begin", 20n, "a"],
      ["trial", "end", 70n, "a"],
      ["trial", "begin", 1110n, "b"],
      ["trial", "end", 1140n, "b"],
    ]);
    // A row is Joules of one millisecond, so a kilowatt per Joule.
    expect(got.rig!.rails[0]!.power!.perCount).toBe(1000);
    expect(rowBytes(got).readDoubleLE(8 * 99)).toBeCloseTo(1e-4, 12);
  });

  test("a trial with one edge has no window, and that is a loss", async () => {
    const got = await importAt(openRunner([trial(100, [["01", 20]])]));
    expect(got.marks).toEqual([]);
    expect(lossCount(got)).toBe(1);
  });

  const edges = [
    ["01", 20],
    ["02", 70],
  ];

  test("a sample that is no number is a gap, the second between trials a pause", async () => {
    const spoiled = trial(100, edges) as { power: { samples: (number | null)[] } };
    spoiled.power.samples[50] = null;
    const got = await importAt(openRunner([trial(100, edges), spoiled]));
    expect(got.blocks.map((b) => [b.firstIndex, b.flags])).toEqual([
      [0, 0],
      [1100, BlockFlag.gapBefore | BlockFlag.pause],
      [1151, BlockFlag.gapBefore],
    ]);
  });

  test.each([
    ["of all trials", [3, 4, 5]],
    ["of those with power", [3, 5]],
  ])("a trial without power is left out and named; the log has figures %s", async (_, figures) => {
    const dir = openRunner([trial(100, edges), { file: "accuracy" }, trial(100, edges)]);
    const lines = figures.map(
      (uJ, n) => `Energy data for trial ${n} at 1\n  Total Energy : ${uJ} uJ`,
    );
    writeFileSync(join(dir, "log.txt"), lines.join("\n"));
    const got = await importAt(dir);
    expect(rowCount(got)).toBe(200);
    const told = got.notes.filter((n) => n.level !== "info");
    expect(told).toMatchObject([{ level: "warning" }]);
    expect(told[0]!.text).toMatch(/no power in trial 1 of 0 to 2/);
    expect(Number(got.session.labels["published_trial_1_j"])).toBeCloseTo(3e-6, 12);
    expect(Number(got.session.labels["published_trial_2_j"])).toBeCloseTo(5e-6, 12);
  });

  test.each([
    ["no list", {}, /no trials/],
    ["no trial with power", [{ file: "a" }, { power: null }], /no trial with power/],
    ["no samples", [{ power: { timestamps: [] } }], /trial 0: no samples/],
    [
      "a sample of text",
      [{ power: { samples: [1, "2"], timestamps: [] } }],
      /trial 0, sample 1: bad sample/,
    ],
    ["an edge beyond the end", [trial(10, [["01", 11]])], /timestamp 0: bad timestamp/],
    [
      "edges that go back",
      [
        trial(10, [
          ["01", 9],
          ["02", 3],
        ]),
      ],
      /timestamps go back/,
    ],
  ])("refuses %s", async (_name, document, message) => {
    await expect(importAt(openRunner(document))).rejects.toThrow(message);
  });
});

const real = trace("mlperf-tiny");
(real ? describe : describe.skip)("real captures (TRUEJOULE_TRACES)", () => {
  test.each([
    ["three-clock/syntiant_9120_0v9_30mhz-ic", 137_216, "io"],
    ["three-clock/syntiant_9120_0v9_30mhz-kws", 82_944, "io"],
    ["js110-fpga/pynq-z2-ic-RN07", 121_508, "emon"],
    ["lpm01a-mcu/stm-nucleo-h7a3-ic", 104_448, undefined],
    ["lpm01a-mcu/greenwaves-gap9-kws", 70_656, undefined],
  ])(
    "%s: rows, edges and marks; published windows by the rectangle sum",
    async (name, rows, lapClock) => {
      const got = await importAt(join(real!, name));
      expect(rowCount(got)).toBe(rows);
      expect(got.edges).toHaveLength(11);
      expect(got.marks.filter((m) => m.name === "infer")).toHaveLength(10);
      const laps = got.marks.filter((m) => m.name === "lap");
      expect(laps.map((m) => m.clock)).toEqual(Array(lapClock ? 11 : 0).fill(lapClock));
      const bytes = rowBytes(got);
      for (const w of [2, 4, 6, 8, 10]) {
        const at = (i: number): number => Math.round(got.edges[i]!.seconds! * 1000);
        let joule = 0;
        for (let i = at(w - 1); i < at(w); i++) joule += bytes.readFloatLE(4 * i) * 1e-6;
        const published = Number(got.session.labels[`published_infer_${w / 2}_j`]);
        expect(Math.abs(joule / published - 1)).toBeLessThan(1e-4);
      }
      expect(got.notes.filter((n) => n.level !== "info")).toEqual([]);
    },
  );

  test("open-runner-v1.3: published trials to the printed digit", async () => {
    const got = await importAt(join(real!, "open-runner-v1.3/stm-nucleo-l4r5-kws"));
    const samples = JSON.parse(
      readFileSync(join(real!, "open-runner-v1.3/stm-nucleo-l4r5-kws/results.json"), "utf8"),
    ) as { power: { samples: number[] } }[];
    expect(rowCount(got)).toBe(samples.reduce((n, t) => n + t.power.samples.length, 0));
    expect(got.edges).toHaveLength(11);
    const rowAt = (index: number): number => {
      let before = 0;
      for (const b of got.blocks) {
        if (index < b.firstIndex + b.rows) return before + index - b.firstIndex;
        before += b.rows;
      }
      return before;
    };
    const bytes = rowBytes(got);
    for (let trial = 1; trial <= 5; trial++) {
      const [begin, end] = got.marks
        .slice(2 * trial - 2, 2 * trial)
        .map((m) => Number(m.t / 1_000_000n));
      let joule = 0;
      for (let i = rowAt(begin!); i < rowAt(end!); i++) joule += bytes.readDoubleLE(8 * i);
      expect(joule * 1e6).toBeCloseTo(
        Number(got.session.labels[`published_trial_${trial}_j`]) * 1e6,
        2,
      );
    }
  });
});
