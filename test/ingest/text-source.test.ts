import { describe, expect, test } from "@jest/globals";
import { parseDecimal } from "../../ingest/instruments/text-lines/decimal.ts";
import { LineParser } from "../../ingest/instruments/text-lines/line-parser.ts";
import { memoryPort } from "../../ingest/ports/memory-port.ts";
import { textLayout, textReader } from "../../ingest/instruments/text-lines/text-rows.ts";
import { startText } from "../../ingest/instruments/text-lines/text-source.ts";
import { SourceError } from "../../schema/errors.ts";
import { random } from "../../stats/random.ts";
import { BlockFlag } from "../../schema/records.ts";
import type { TextFormat } from "../../schema/rig.ts";
import { instant } from "../../schema/time.ts";
import { Collector } from "./collect.ts";

const bytes = (s: string): Uint8Array => new Uint8Array(Buffer.from(s, "latin1"));
const CSV: TextFormat = { lines: "csv", columns: ["v", "i"], baud: 115_200 };

describe("line parser", () => {
  function lines(chunks: Uint8Array[], max = 16): { lines: string[]; overlong: number } {
    const out: string[] = [];
    const p = new LineParser(
      (b, from, to) => out.push(Buffer.from(b.subarray(from, to)).toString("latin1")),
      undefined,
      max,
    );
    p.push(bytes("the tail of a line\n"));
    for (const c of chunks) p.push(c);
    return { lines: out, overlong: p.overlong };
  }

  test("any split of any text gives the same lines", () => {
    const text = bytes(
      "12.01,3.4\r\n\n\r\n0,0\nthis line is far too long to be one\n5\r6\n1234567890123456\nlast",
    );
    const wanted = { lines: ["12.01,3.4", "0,0", "5\r6", "1234567890123456"], overlong: 2 };
    expect(lines([text])).toEqual(wanted);
    for (let a = 0; a < text.length; a++)
      for (let b = a; b < text.length; b += 3)
        expect(lines([text.subarray(0, a), text.subarray(a, b), text.subarray(b)])).toEqual(wanted);
    expect(lines([...text].map((c) => Uint8Array.of(c)))).toEqual(wanted);
  });

  test("no newline at all is linear: ten times the bytes take less than thirty times as long", () => {
    const time = (n: number): number => {
      const p = new LineParser(() => undefined);
      const chunk = new Uint8Array(1000).fill(65);
      const { user } = process.cpuUsage();
      for (let k = 0; k < n; k++) p.push(chunk);
      expect(p.overlong).toBe(1);
      return process.cpuUsage().user - user + 1000;
    };
    time(1000);
    expect(time(20_000) / time(2000)).toBeLessThan(30);
  });
});

test("decimals round as Number does", () => {
  const parse = (s: string): number => parseDecimal(bytes(s), 0, s.length);
  const r = random(3, "decimals");
  const wrong: string[] = [];
  for (let k = 0; k < 20_000; k++) {
    const x = (r.uniform() - 0.5) * 10 ** r.integer(8);
    for (const s of [x.toFixed(r.integer(10)), String(x), x.toExponential(6), ` ${x.toFixed(3)} `])
      if (!Object.is(parse(s), Number(s))) wrong.push(s);
  }
  expect(wrong).toEqual([]);
  for (const s of [
    "",
    "-",
    ".",
    "1.2.3",
    "nan",
    "0x10",
    "Infinity",
    "1e",
    "1,2",
    "--1",
    "1 2",
    "ovf",
  ])
    expect(parse(s)).toBeNaN();
  expect([
    parse(".5"),
    parse("5."),
    parse("-0.25"),
    parse("+7"),
    parse("123456789.123456789"),
  ]).toEqual([0.5, 5, -0.25, 7, 123456789.123456789]);
});

describe("rows out of lines", () => {
  function read(format: TextFormat, line: string): number[] | null {
    const out = new DataView(new ArrayBuffer(64));
    const b = bytes(line);
    if (!textReader(format)(b, 0, b.length, out, 0)) return null;
    return textLayout("s", format).fields.map((f) =>
      f.kind === "float"
        ? out.getFloat64(f.bitOffset / 8, true)
        : f.bits === 32
          ? out.getUint32(f.bitOffset / 8, true)
          : Number(out.getBigUint64(f.bitOffset / 8, true)),
    );
  }

  test.each([
    ["12.01,3.4", [12.01, 3.4]],
    ["12.01;-3.4", [12.01, -3.4]],
    ["12.01\t3.4", [12.01, 3.4]],
    ["12.01 3.4", [12.01, 3.4]],
    [" 12.01 ,  3.4 ", [12.01, 3.4]],
    ["1e1,2E-3", [10, 0.002]],
    ["12.01", null],
    ["12.01,", null],
    [",3.4", null],
    ["12.01,,3.4", null],
    ["12.01,3.4,5", null],
    ["12.01,3.4,", null],
    ["V,A", null],
    ["12.01,nan", null],
  ])("csv %j", (line, wanted) => {
    expect(read(CSV, line)).toEqual(wanted);
  });

  test("json by key, whatever else stands there", () => {
    const format: TextFormat = { lines: "json", columns: ["v", "i"], baud: 9600 };
    expect(read(format, '{"i": 3.4, "t": 5, "v": 12.01}')).toEqual([12.01, 3.4]);
    for (const bad of [
      '{"v": 12.01}',
      '{"v": "12", "i": 1}',
      "null",
      "{",
      "[1,2]",
      '{"v": null, "i": 1}',
    ])
      expect(read(format, bad)).toBeNull();
  });

  test("the device's counter comes first and wraps at its bits", () => {
    const format: TextFormat = {
      lines: "csv",
      columns: ["v", "us", "i"],
      tick: { column: "us", bits: 32 },
      baud: 9600,
    };
    expect(textLayout("s", format)).toMatchObject({
      rowBytes: 20,
      tick: { name: "us", bits: 32, bitOffset: 0 },
    });
    expect(read(format, "12,4294967295,3")).toEqual([4294967295, 12, 3]);
    expect(read(format, "12,4294967296,3")).toBeNull();
    expect(read(format, "12,-1,3")).toBeNull();
  });
});

describe("text source", () => {
  const at = (ms: number): ReturnType<typeof instant<"host">> =>
    instant<"host">(BigInt(Math.round(ms * 1e6)));

  test("greeting skipped, rows stamped, a bad line is a gap of one row", async () => {
    const port = memoryPort();
    const sink = new Collector();
    const source = await startText(
      { open: port.open, stream: "ref", format: CSV, rowHz: 100 },
      sink,
    );
    port.feed(bytes("INA226 ready\r\nV,A\r\n12.0,1.0\r\n12.1,"), at(1), at(2));
    port.feed(bytes("1.1\r\n12.2,#!\r\n12.3,1.3\r\n"), at(11), at(12));
    await source.stop();
    expect(sink.blocks.map((b) => [b.firstIndex, b.rows, b.flags, b.hostAfter])).toEqual([
      [0, 1, 0, at(2)],
      [1, 1, 0, at(12)],
      [3, 1, BlockFlag.gapBefore, at(12)],
    ]);
    expect(new Float64Array(sink.blocks[2]!.bytes.buffer)).toEqual(Float64Array.of(12.3, 1.3));
    expect(source.counts()).toEqual({
      rows: 3,
      malformed: 1,
      overlong: 0,
      excess: 0,
      rowsLost: 1,
      badCounters: 0,
      repeated: 0,
      restarts: 0,
      holes: 0,
      reconnects: 0,
    });
    expect(sink.notes.map((n) => n.text)).toEqual([
      "1 rows lost",
      "1 lines that were no row",
      'ref: a line that is no row: seen "12.2,#!", expected 2 numbers (v, i) with commas, semicolons, tabs or spaces between',
    ]);
  });

  test("a rate that is not the declared one is said", async () => {
    const port = memoryPort();
    const sink = new Collector();
    const source = await startText(
      { open: port.open, stream: "ref", format: CSV, rowHz: 100 },
      sink,
    );
    for (let k = 0; k < 600; k++) port.feed(bytes("12,1\n"), at(11.4 * k), at(11.4 * k + 0.1));
    await source.stop();
    expect(sink.notes.map((n) => n.text).join()).toMatch(/declares 100 rows\/s, 87\.\d arrive/);
  });

  test("unplugged and back: a gap by the clock, marked as a restart", async () => {
    const port = memoryPort();
    const sink = new Collector();
    const source = await startText(
      { open: port.open, stream: "ref", format: CSV, rowHz: 1000 },
      sink,
    );
    port.feed(bytes("2,1\n12,1\n12,1\n12"), at(0), at(1));
    port.fail(new SourceError("unplugged"));
    for (let k = 0; k < 400 && source.counts().reconnects === 0; k++)
      await new Promise((r) => setTimeout(r, 5));
    port.feed(bytes("3,1\n13,1\n"), at(500), at(501));
    await source.stop();
    expect(source.counts().rowsLost).toBe(499);
    expect(sink.blocks.map((b) => b.flags)).toEqual([0, BlockFlag.gapBefore | BlockFlag.restart]);
    expect(new Float64Array(sink.blocks[1]!.bytes.buffer)[0]).toBe(13);
    expect(sink.notes.some((n) => n.level === "loss" && n.text === "unplugged")).toBe(true);
  });

  test("a wrong baud rate is named as the likely cause", async () => {
    const port = memoryPort();
    const sink = new Collector();
    const source = await startText(
      { open: port.open, stream: "ref", format: CSV, rowHz: 1000 },
      sink,
    );
    port.feed(new Uint8Array(5000).fill(0xe0), at(0), at(1));
    for (let k = 0; k < 400 && sink.notes.length < 2; k++)
      await new Promise((r) => setTimeout(r, 5));
    await source.stop();
    expect(sink.notes.map((n) => n.text).join()).toMatch(/is 115200 baud the device's rate/);
  });
});
