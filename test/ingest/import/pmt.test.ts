import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importPmt } from "../../../ingest/import/pmt/pmt.ts";
import { BlockFlag } from "../../../schema/records.ts";
import {
  type Imported,
  lossCount,
  random,
  rowBytes,
  rowCount,
  runImport,
  scratch,
  sweep,
  trace,
} from "./context.ts";

afterEach(sweep);

const importText = (text: string): Promise<Imported> => {
  const path = join(scratch(), "run.log");
  writeFileSync(path, text);
  return runImport(importPmt, path);
};

const START = 1_700_000_000;

/** Rows each 50 ms; the marks' zero lies `zero` seconds after the first row. */
function log(
  zero: number,
  marks: [number, string][],
  rows = 200,
  header = "timestamp gpu_instant gpu_average",
): string {
  const lines = [header];
  const waiting = [...marks];
  for (let i = 0; i < rows; i++) {
    const t = 0.05 * i;
    while (waiting.length > 0 && waiting[0]![0] + zero < t) {
      const [s, text] = waiting.shift()!;
      lines.push(`M ${s.toFixed(3)} "${text}"`);
    }
    lines.push(
      [
        (START + t).toFixed(3),
        ...header
          .split(" ")
          .slice(1)
          .map((_, k) => (30 + i + k).toFixed(3)),
      ].join(" "),
    );
  }
  return lines.join("\n") + "\n";
}

describe("a PMT log", () => {
  test("columns of one name are of several GPUs, and stay apart; blank lines may lead", async () => {
    const text = log(0, [], 20, "timestamp gpu_instant device gpu_instant");
    const got = await importText(`\n${text}`);
    expect(got.channels.map((c) => c.name)).toEqual([
      "nvml.0.power_instant",
      "rocm.device",
      "nvml.1.power_instant",
    ]);
    expect(got.reads.slice(0, 3).map((r) => r.value)).toEqual([30, 31, 32]);
    expect(lossCount(got)).toBe(0);
  });

  const marks: [number, string][] = [
    [1.011, "start"],
    [2.034, "end"],
    [3.057, "gemm start"],
    [4.089, "gemm end"],
    [5.001, "tick"],
  ];

  test("is telemetry: no rig, no rows, one read a column", async () => {
    const got = await importText(log(0.3, marks));
    expect(got.rig).toBeNull();
    expect(got.blocks).toEqual([]);
    expect(got.channels.map((c) => c.name)).toEqual(["nvml.power_instant", "nvml.power_average"]);
    expect(got.reads).toHaveLength(400);
    expect(got.reads[3]).toMatchObject({
      value: 32,
      code: 0,
      before: BigInt(START) * 10n ** 9n + 50_000_000n,
    });
    expect(got.session).toMatchObject({ hostClock: "unix", startUnix: BigInt(START) * 10n ** 9n });
  });

  test.each([0.12, 0.32, 0.7])(
    "the marks' zero is found by their place: %d s after the first row",
    async (zero) => {
      const got = await importText(log(zero, marks));
      const first = Number(got.marks[0]!.t - BigInt(START) * 10n ** 9n) / 1e9 - 1.011;
      expect(Math.abs(first - zero)).toBeLessThan(0.03);
      expect(got.marks.map((m) => [m.name, m.phase])).toEqual([
        ["mark", "begin"],
        ["mark", "end"],
        ["gemm", "begin"],
        ["gemm", "end"],
        ["tick", "instant"],
      ]);
      expect(got.notes).toEqual([expect.objectContaining({ level: "info" })]);
    },
  );

  test("a zero at the first row is taken as exactly that", async () => {
    const got = await importText(log(0, marks));
    expect(got.marks[0]!.t).toBe(BigInt(START) * 10n ** 9n + 1_011_000_000n);
  });

  test("marks that contradict their place are told", async () => {
    const moved = log(0.1, marks).split("\n");
    const at = moved.findIndex((l) => l.startsWith("M 4"));
    const [line] = moved.splice(at, 1);
    moved.splice(5, 0, line!);
    const got = await importText(moved.join("\n"));
    expect(got.notes).toContainEqual(expect.objectContaining({ level: "warning" }));
  });

  test("marks stamped in Unix time stand as they are", async () => {
    const got = await importText(
      `timestamp device\n${START}.000 5\nM ${START}.250000 "start"\n${START}.500 5\n`,
    );
    expect(got.marks[0]!.t).toBe(BigInt(START) * 10n ** 9n + 250_000_000n);
    expect(got.channels[0]!.name).toBe("rocm.device");
  });

  test("relative rows and marks count from one start", async () => {
    const got = await importText(
      'timestamp total\n1.000 5\nM 1.200 "start"\n1.500 5\nM 1.700 "end"\n2.000 6\n',
    );
    expect(got.session).toMatchObject({
      hostClock: "trace",
      startUnix: null,
      hostEpoch: 1_000_000_000n,
    });
    expect(got.marks.map((m) => m.t)).toEqual([1_200_000_000n, 1_700_000_000n]);
    expect(got.channels[0]!.name).toBe("meter.total");
  });

  test("a far line has no place; a leap of the time is refused, as the claim would go on", async () => {
    const lines = (times: number[]): string =>
      "timestamp device\n" + times.map((t) => `${t.toFixed(1)} 5\n`).join("");
    const times = Array.from({ length: 40 }, (_, i) => i / 10);
    const got = await importText(lines(times.with(20, 9e6)));
    expect(got.reads).toHaveLength(39);
    expect(lossCount(got)).toBe(1);
    await expect(importText(lines(times.map((t) => (t < 2 ? t : t + 9e6))))).rejects.toThrow(
      /:22: the time leaps by 9.*split/,
    );
  });

  test("NaN is a failed read, a cut line a loss, a late line goes where it belongs", async () => {
    const got = await importText("timestamp device\n1.0 5\n1.1 nan\n1.2\n0.9 5\n1.3 17.5\n1.4 1");
    expect(got.reads.map((r) => r.code)).toEqual([0, 0, 1, 0]);
    expect(got.reads[2]!.value).toBeNaN();
    expect(lossCount(got)).toBe(2);
    expect(got.notes.filter((n) => n.level !== "loss")).toEqual([
      expect.objectContaining({ level: "info", count: 1 }),
      expect.objectContaining({ level: "warning", text: expect.stringMatching(/no marks/) }),
    ]);
  });

  test.each([
    ["an empty file", "", /empty/],
    ["another text", "hello world\n", /run\.log:1: unknown header/],
    ["a header alone", "timestamp device\n", /no sample/],
    ["binary", "timestamp device\n\0\0", /NUL/],
  ])("refuses %s", async (_name, text, message) => {
    const failure = await importText(text).catch((e: unknown) => e as Error);
    expect(failure).toMatchObject({ name: "InputError" });
    expect((failure as Error).message).toMatch(message);
  });
});

describe("a PowerSensor3 dump", () => {
  /** 20 kHz, pairs 0 and 2, host times in six significant digits as the host prints them. */
  function dump(rows: number, marks: Record<number, string> = {}): string[] {
    const next = random(2);
    const lines = [
      "marker time dt_micro device_timestamp current0 voltage0 power0 current2 voltage2 power2 power_total",
    ];
    for (let i = 0; i < rows; i++) {
      const t = 9.99 + i * 50e-6;
      if (marks[i]) lines.push(`M ${marks[i]}`);
      const amps = 2 + next();
      lines.push(
        `S ${Number(t.toPrecision(6))} 50 ${(i * 50 + 7) & 1023} ${amps.toFixed(4)} 12.1 ${(amps * 12.1).toFixed(3)} 0.5 3.3 1.65 ${(amps * 12.1 + 1.65).toFixed(3)}`,
      );
    }
    return lines;
  }

  test("rows keep the device's counter; only the pairs in use are rails", async () => {
    const got = await importText(dump(5000).join("\n") + "\n");
    expect(got.rig!.rails.map((r) => r.name)).toEqual(["pair0", "pair2"]);
    const [layout] = got.layouts;
    expect(layout!.tick).toEqual({
      name: "device_timestamp",
      bitOffset: 0,
      bits: 10,
      kind: "uint",
    });
    const bytes = rowBytes(got);
    expect([0, 1, 30].map((i) => bytes.readUInt16LE(i * layout!.rowBytes))).toEqual([7, 57, 483]);
    expect(rowCount(got)).toBe(5000);
  });

  test("each block carries the host's time of arrival, as exact as it is printed", async () => {
    const got = await importText(dump(5000).join("\n") + "\n");
    const middle = (k: number): number => {
      const { hostBefore, hostAfter } = got.blocks[k]!;
      expect(Number(hostAfter! - hostBefore!)).toBe(k === 0 ? 10_000 : 100_000);
      return Number(hostBefore! + hostAfter!) / 2e9;
    };
    expect(got.session).toMatchObject({ hostClock: "monotonic", hostEpoch: 9_990_000_000n });
    expect(got.blocks.slice(0, 3).map((b) => b.rows)).toEqual([1, 1024, 1024]);
    expect(middle(0)).toBe(9.99);
    expect(middle(1)).toBeCloseTo(9.99 + 1024 * 50e-6, 4);
  });

  test("a mark is the time of the set that carries it", async () => {
    const got = await importText(dump(100, { 40: "A" }).join("\n") + '\nM 9.991 9.993 1 "fft"\n');
    expect(got.marks.map((m) => [m.name, m.phase, Number(m.t) / 1e9])).toEqual([
      ["A", "instant", 9.992],
      ["fft", "begin", 9.991],
      ["fft", "end", 9.993],
    ]);
  });

  test("a letter in the first column is a mark too", async () => {
    const lines = dump(10);
    lines[5] = lines[5]!.replace(/^S/, "K");
    const got = await importText(lines.join("\n") + "\n");
    expect(got.marks.map((m) => m.name)).toEqual(["K"]);
    expect(rowCount(got)).toBe(10);
  });

  test("a NaN leaves a gap, a malformed line is counted", async () => {
    const lines = dump(100);
    lines[51] = lines[51]!.replace(/ 12\.1 /, " nan ");
    lines[71] = lines[71]!.slice(0, 20);
    const got = await importText(lines.join("\n") + "\n");
    expect(lossCount(got)).toBe(2);
    expect(got.blocks.map((b) => [b.firstIndex, b.flags])).toEqual([
      [0, 0],
      [1, 0],
      [51, BlockFlag.gapBefore],
    ]);
  });

  test("refuses a dump without pairs", async () => {
    await expect(importText("marker time dt_micro device_timestamp power_total\n")).rejects.toThrow(
      /unknown header/,
    );
  });
});

const real = trace("powersensor3-results");
(real ? describe : describe.skip)("real captures (TRUEJOULE_TRACES)", () => {
  test.each([
    ["rtx4000ada-pmt-nvml.log", 630 * 2, 0.15],
    ["w7700-pmt-rocm.log", 15_096, 0.233],
  ])("%s: four marked runs, every line read", async (name, reads, zero) => {
    const got = await runImport(importPmt, join(real!, name));
    expect(got.reads).toHaveLength(reads);
    expect(got.marks.map((m) => m.phase)).toEqual(Array(4).fill(["begin", "end"]).flat());
    const note = got.notes.find((n) => n.text.includes("marks count from"))!;
    expect(Number(/from ([\d.]+) s/.exec(note.text)![1])).toBeCloseTo(zero, 2);
    expect(got.notes.filter((n) => n.level !== "info")).toEqual([]);
  });
});
