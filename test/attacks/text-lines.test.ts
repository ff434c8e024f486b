// A device that prints lines, and what may happen to its lines: its own counter, or else the host's clock, says
// what is missing. The line is simulated in the host's time: no pty, no waiting.

import { describe, expect, test } from "@jest/globals";
import { memoryPort } from "../../ingest/ports/memory-port.ts";
import { startText, type TextCounts } from "../../ingest/instruments/text-lines/text-source.ts";
import { BlockFlag, type SampleBlock } from "../../schema/records.ts";
import { random } from "../../stats/random.ts";
import type { TextFormat } from "../../schema/rig.ts";
import { instant } from "../../schema/time.ts";
import { Collector } from "../ingest/collect.ts";

const HZ = 150;
const COUNTED: TextFormat = {
  lines: "csv",
  columns: ["us", "row"],
  tick: { column: "us", bits: 32 },
  baud: 115_200,
};
const PLAIN: TextFormat = { lines: "csv", columns: ["row"], baud: 115_200 };

interface Line {
  readonly format?: TextFormat;
  readonly seconds?: number;
  readonly hz?: number;
  /** What row k prints, given its microseconds; null: nothing at all. */
  readonly print?: (k: number, us: number, usual: string) => string | null;
  /** Host's arrival (s) of what was printed at t (s); default: a millisecond later. */
  readonly arrives?: (t: number) => number;
}

interface Heard {
  readonly blocks: SampleBlock[];
  readonly counts: TextCounts;
  readonly notes: string[];
  /** Row numbers in the log in order; their index in the log. */
  readonly rows: number[];
  readonly at: number[];
}

async function hear(line: Line): Promise<Heard> {
  const { format = COUNTED, seconds = 6, hz = HZ, print = (_k, _us, usual) => usual } = line;
  const port = memoryPort();
  const sink = new Collector();
  const clock = format.tick ? { hz: 1e6, uRel: 0.005 } : undefined;
  const source = await startText(
    { open: port.open, stream: "s", format, rowHz: HZ, ...(clock ? { clock } : {}) },
    sink,
  );
  const noise = random(4, "host");
  const at = (s: number): ReturnType<typeof instant<"host">> =>
    instant<"host">(BigInt(Math.round(s * 1e9)));
  let [pending, dueS] = ["ail,of,a,line\n", 0];
  const deliver = (): void => {
    if (pending !== "") port.feed(Buffer.from(pending, "latin1"), at(dueS), at(dueS));
    pending = "";
  };
  for (let k = 0; k < seconds * hz; k++) {
    const us = Math.round((k * 1e6) / hz) + 5_000_000;
    const usual = format.tick ? `${us % 2 ** 32},${k}` : `${k}`;
    const text = print(k, us, usual);
    if (text === null) continue;
    const arrivalS = (line.arrives ?? ((t: number) => t + 1e-3))(k / hz) + noise.exponential(2e-4);
    if (arrivalS > dueS + 1e-3) {
      deliver();
      dueS = arrivalS;
    }
    pending += `${text}\n`;
  }
  deliver();
  await source.stop();
  const [rows, index]: [number[], number[]] = [[], []];
  for (const b of sink.blocks) {
    const view = new DataView(b.bytes.buffer, b.bytes.byteOffset);
    const rowBytes = b.bytes.length / b.rows;
    for (let i = 0; i < b.rows; i++) {
      rows.push(view.getFloat64(i * rowBytes + rowBytes - 8, true));
      index.push(b.firstIndex + i);
    }
  }
  return {
    blocks: sink.blocks,
    counts: source.counts(),
    notes: sink.notes.map((n) => n.text),
    rows,
    at: index,
  };
}

const flagged = ({ blocks }: Heard, flag: number): SampleBlock[] =>
  blocks.filter((b) => b.flags & flag);
/** Every row stands at its number, and so do the losses. */
const inPlace = ({ rows, at }: Heard): boolean => rows.every((k, i) => at[i] === k - rows[0]!);

describe("A5: the device's counter", () => {
  test("rows that it shows missing are lost, and only those", async () => {
    const h = await hear({ print: (k, _us, usual) => (k >= 450 && k < 600 ? null : usual) });
    expect(h.counts).toMatchObject({ rows: 750, rowsLost: 150, restarts: 0, badCounters: 0 });
    expect(inPlace(h)).toBe(true);
    expect(flagged(h, BlockFlag.gapBefore).map((b) => b.firstIndex)).toEqual([600]);
    expect(h.notes).toContain("150 rows lost");
  });

  test("single rows, one in thirty, and the host reads in bursts of 200 ms", async () => {
    const h = await hear({
      print: (k, _us, usual) => (k % 30 === 7 ? null : usual),
      arrives: (t) => Math.ceil(t / 0.2) * 0.2,
    });
    expect(h.counts).toMatchObject({ rows: 870, rowsLost: 30, restarts: 0, badCounters: 0 });
    expect(inPlace(h)).toBe(true);
  });

  test("begins at 0 again: a new segment, told, and nothing lost that was not", async () => {
    const h = await hear({ print: (k, us) => `${k < 450 ? us : us - 8_000_000},${k}` });
    expect(h.counts).toMatchObject({ rows: 900, restarts: 1, badCounters: 0 });
    expect(h.counts.rowsLost).toBeLessThanOrEqual(1);
    expect(flagged(h, BlockFlag.restart)).toHaveLength(1);
    const back = flagged(h, BlockFlag.restart)[0]!;
    expect(Math.abs(Number(back.deviceTick) - 8_000_000)).toBeLessThan(15_000);
    expect(h.notes).toContain("1 times the device restarted");
  });

  test("a reset takes a second and prints its banner", async () => {
    const h = await hear({
      print: (k, us, usual) =>
        k < 450 ? usual : k < 600 ? null : k === 600 ? "INA226 ready" : `${us - 9_000_000},${k}`,
    });
    expect(h.counts.restarts).toBe(1);
    expect(Math.abs(h.counts.rowsLost - 151)).toBeLessThanOrEqual(1);
    expect(flagged(h, BlockFlag.restart)).toHaveLength(1);
  });

  test("after a long life it may go on at a higher count than before: the host says that it restarted", async () => {
    // Up for 5 s, then off for 12 s and up for 6 s when the line is heard again: 6 s > 5 s + 0.
    const h = await hear({
      seconds: 24,
      print: (k, us) =>
        k < 10 * HZ
          ? `${us - 5_000_000 - 9_000_000 + 9_500_000},${k}`
          : k < 22 * HZ
            ? null
            : `${us - 5_000_000 - 10_000_000},${k}`,
    });
    expect(h.counts.restarts).toBe(1);
    expect(Math.abs(h.counts.rowsLost - 12 * HZ)).toBeLessThanOrEqual(1);
  });

  test.each([
    ["a wrong digit, an hour ahead", 3_600_000_000],
    ["a wrong digit, a second ahead", 1_000_000],
    ["a wrong digit, 100 ms ahead", 100_000],
    ["a wrong digit, 2 s back", -2_000_000],
    ["a digit missing", -40_000_000],
  ])("%s: one bad row, and the others where they belong", async (_name, by) => {
    for (const arrives of [(t: number) => t + 1e-3, (t: number) => Math.ceil(t / 0.2) * 0.2]) {
      const h = await hear({
        arrives,
        print: (k, us, usual) => (k === 450 ? `${(us + by + 2 ** 33) % 2 ** 32},${k}` : usual),
      });
      expect(h.counts).toMatchObject({ rows: 899, rowsLost: 1, restarts: 0, badCounters: 1 });
      expect(inPlace(h)).toBe(true);
    }
  });

  test("three bad counters in a row, none in step with another", async () => {
    const h = await hear({
      print: (k, us, usual) =>
        k >= 450 && k < 453 ? `${us + (k - 449) * 700_000_000},${k}` : usual,
    });
    expect(h.counts).toMatchObject({ rows: 897, rowsLost: 3, restarts: 0, badCounters: 3 });
    expect(inPlace(h)).toBe(true);
  });

  test("the last row of a recording is the bad one: it is lost, not a gap of an hour", async () => {
    const h = await hear({ print: (k, us, usual) => (k === 899 ? `${us + 2e9},${k}` : usual) });
    expect(h.counts).toMatchObject({ rows: 899, rowsLost: 1, badCounters: 1, restarts: 0 });
  });

  test("wraps after 71.6 minutes: no restart, no loss", async () => {
    const wraps = (us: number): number => (us + 2 ** 32 - 8_000_000) % 2 ** 32;
    const h = await hear({
      print: (k, us) => (k >= 440 && k < 460 ? null : `${wraps(us)},${k}`),
    });
    expect(h.counts).toMatchObject({ rows: 880, rowsLost: 20, restarts: 0, badCounters: 0 });
    expect(inPlace(h)).toBe(true);
  });

  test("stands still for a second: rows that repeat it are left out and lost", async () => {
    const h = await hear({
      print: (k, us, usual) =>
        k >= 450 && k < 600 ? `${5_000_000 + Math.round(449e6 / HZ)},${k}` : usual,
    });
    expect(h.counts.rows + h.counts.rowsLost).toBe(900);
    expect(h.counts.restarts).toBe(0);
    expect(inPlace(h)).toBe(true);
  });

  test("lines sent twice are left out, and nothing is lost", async () => {
    const h = await hear({
      print: (k, _us, usual) => (k % 30 === 0 ? `${usual}\n${usual}` : usual),
    });
    expect(h.counts).toMatchObject({ rows: 900, rowsLost: 0, repeated: 30, restarts: 0 });
  });

  test("a status line between two rows is no loss; a spoiled and an overlong one are", async () => {
    const h = await hear({
      print: (k, _us, usual) =>
        k % 150 === 30
          ? `${usual}\n# free heap 20312`
          : k === 200
            ? "12,5#4"
            : k === 300
              ? "x".repeat(600)
              : usual,
    });
    expect(h.counts).toMatchObject({ rows: 898, rowsLost: 2, malformed: 7, overlong: 1 });
    expect(inPlace(h)).toBe(true);
  });

  test("a host that stands still for three seconds, with all lines kept", async () => {
    const h = await hear({ seconds: 9, arrives: (t) => (t >= 3 && t < 6 ? 6 : t) });
    expect(h.counts).toMatchObject({ rows: 1350, rowsLost: 0, restarts: 0, badCounters: 0 });
  });

  test("a host that stands still for three seconds while its buffer runs over", async () => {
    const h = await hear({
      seconds: 9,
      arrives: (t) => (t >= 3 && t < 6 ? 6 : t),
      print: (k, _us, usual) => (k >= 3.7 * HZ && k < 6 * HZ ? null : usual),
    });
    expect(h.counts).toMatchObject({ rowsLost: 345, restarts: 0, badCounters: 0 });
    expect(inPlace(h)).toBe(true);
  });

  test("a device at half the declared rate has lost nothing for long, and its rate is told", async () => {
    const h = await hear({ hz: 75, seconds: 12 });
    expect(h.counts.rowsLost).toBeLessThan(12);
    expect(h.notes.join()).toMatch(/declares 150 rows\/s, 75\.\d arrive/);
  });
});

describe("A5: no counter", () => {
  const format = PLAIN;
  const near = (h: Heard, lost: number, within: number): void => {
    expect(Math.abs(h.counts.rowsLost - lost)).toBeLessThanOrEqual(within);
    expect(flagged(h, BlockFlag.gapBefore)).toHaveLength(1);
    expect(flagged(h, BlockFlag.restart)).toHaveLength(1);
    expect(h.counts.holes).toBe(1);
  };

  test.each([
    ["a second", 450, 600],
    ["two seconds after eight", 1200, 1500],
    ["a quarter of a second", 450, 488],
  ])("%s missing is a counted loss of so many rows, at its place", async (_name, from, to) => {
    const h = await hear({
      format,
      seconds: 15,
      print: (k, _us, u) => (k >= from && k < to ? null : u),
    });
    near(h, to - from, 2);
    expect(h.rows[flagged(h, BlockFlag.restart)[0]!.firstIndex - h.counts.rowsLost]).toBe(to);
  });

  test.each([
    ["ten lines sent twice", 10, (u: string) => `${u}\n${u}`],
    ["ten foreign lines, one a row", 10, (u: string) => `?\n${u}`],
  ])("%s: more rows than the host's clock allows, counted", async (_name, n, both) => {
    const h = await hear({
      format,
      print: (k, _us, u) => (k >= 450 && k < 450 + n ? both(u) : u),
    });
    expect(h.counts.holes).toBe(0);
    expect(Math.abs(h.counts.excess - n)).toBeLessThanOrEqual(3); // from 20 ms of earliness on
    expect(h.notes.join()).toMatch(/rows more than the host's clock allows/);
  });

  test.each([
    ["50 ms", 0.05],
    ["200 ms", 0.2],
  ])("bursts of %s are no gaps", async (_name, burst) => {
    const h = await hear({ format, seconds: 30, arrives: (t) => Math.ceil(t / burst) * burst });
    expect(h.counts).toMatchObject({ rows: 4500, rowsLost: 0, holes: 0, excess: 0 });
  });

  test("bursts of 50 to 200 ms at random, host stalls of up to a second: no gaps", async () => {
    const r = random(3, "bursts");
    const ends = [0];
    while (ends[ends.length - 1]! < 61)
      ends.push(
        ends[ends.length - 1]! + (r.uniform() < 0.02 ? r.uniform() : 0.05 + 0.15 * r.uniform()),
      );
    const h = await hear({ format, seconds: 60, arrives: (t) => ends.find((e) => e >= t)! });
    expect(h.counts).toMatchObject({ rows: 9000, rowsLost: 0, holes: 0, excess: 0 });
  });

  test("a missing second while lines come in bursts of 200 ms", async () => {
    const h = await hear({
      format,
      seconds: 15,
      arrives: (t) => Math.ceil(t / 0.2) * 0.2,
      print: (k, _us, u) => (k >= 900 && k < 1050 ? null : u),
    });
    near(h, 150, 3);
  });

  test.each([
    ["3 % slow", 145.5],
    ["a fifth slow", 120],
    ["a fifth fast", 180],
  ])("a device that is %s has no gaps, and its rate is told", async (_name, hz) => {
    const h = await hear({ format, hz, seconds: 30 });
    expect(h.counts).toMatchObject({ rowsLost: 0, holes: 0 });
    expect(h.notes.join()).toMatch(
      new RegExp(`declares 150 rows/s, ${Math.floor(hz)}\\.\\d arrive`),
    );
  });

  test("the rate is checked to the end: a device that slows down after a minute is told", async () => {
    const h = await hear({
      format,
      seconds: 90,
      print: (k, _us, u) => (k > 60 * HZ && k % 10 === 0 ? null : u),
    });
    expect(h.notes.join()).toMatch(/declares 150 rows\/s|rows lost/);
  });

  test("its banner after a pause: it restarted", async () => {
    const h = await hear({
      format,
      print: (k, _us, u) =>
        k === 0 ? "INA226 ready" : k < 450 ? u : k < 460 ? null : k === 460 ? "INA226 ready" : u,
    });
    expect(h.counts.restarts).toBe(1);
    expect(flagged(h, BlockFlag.restart)).toHaveLength(1);
    expect(Math.abs(h.counts.rowsLost - 11)).toBeLessThanOrEqual(2);
  });

  test("spoiled and overlong lines take an index", async () => {
    const h = await hear({
      format,
      print: (k, _us, u) => (k === 200 ? "12#" : k === 300 ? "x".repeat(600) : u),
    });
    expect(h.counts).toMatchObject({ rows: 898, rowsLost: 2, malformed: 1, overlong: 1 });
    expect(inPlace(h)).toBe(true);
  });
});

describe("lines that do not fit", () => {
  test("the first line is never whole: left out and not lost", async () => {
    const port = memoryPort();
    const sink = new Collector();
    const source = await startText(
      { open: port.open, stream: "s", format: COUNTED, rowHz: HZ, clock: { hz: 1e6, uRel: 0.005 } },
      sink,
    );
    const at = instant<"host">(0n);
    port.feed(Buffer.from("345678901,1\n3345678901,2\n"), at, at);
    await source.stop();
    expect(source.counts()).toMatchObject({ rows: 1, rowsLost: 0, malformed: 0 });
    expect(new DataView(sink.blocks[0]!.bytes.buffer).getUint32(0, true)).toBe(3345678901);
  });

  test("labelled lines are told while they come, with the line seen and the line expected, and counted", async () => {
    const h = await hear({ seconds: 3, print: () => "V: 12.00 I: 20.000\x1b[2J\x9b" });
    expect(h.counts).toMatchObject({ rows: 0 });
    expect(h.counts.malformed).toBeGreaterThan(400);
    expect(h.notes.join("\n")).toMatch(
      /no line is a row: seen "V: 12\.00 I: 20\.000\\x1b\[2J\\x9b", expected 2 numbers \(us \(a counter\), row\)/,
    );
  });

  test("within two seconds", async () => {
    const port = memoryPort();
    const sink = new Collector();
    const source = await startText(
      { open: port.open, stream: "s", format: PLAIN, rowHz: HZ },
      sink,
    );
    const feed = setInterval(() => {
      const now = instant<"host">(process.hrtime.bigint());
      port.feed(Buffer.from("V: 12.00\n"), now, now);
    }, 20);
    for (let k = 0; k < 500 && sink.notes.length === 0; k++)
      await new Promise((r) => setTimeout(r, 10));
    clearInterval(feed);
    const checks = sink.notes.map((n) => n.text);
    await source.stop();
    expect(checks.join()).toMatch(/no line is a row: seen "V: 12\.00"/);
  });
});
