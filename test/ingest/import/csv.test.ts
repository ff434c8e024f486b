import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { importCsv } from "../../../ingest/import/csv/csv.ts";
import { splitCells } from "../../../ingest/import/shared/csv-line.ts";
import { parseMap } from "../../../ingest/import/csv/csv-map.ts";
import { BlockFlag } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import {
  type Imported,
  type ImportOptions,
  lossCount,
  rowBytes,
  rowCount,
  runImport,
  scratch,
  sweep,
} from "./context.ts";

afterEach(sweep);

const importText = (text: string, map?: string, options: ImportOptions = {}): Promise<Imported> => {
  const path = join(scratch(), "scope.csv");
  writeFileSync(path, text);
  return runImport(importCsv, path, { ...options, ...(map === undefined ? {} : { map }) });
};

/** Rows as (seconds, values). */
function table(got: Imported): number[][] {
  const width = got.layouts[0]!.rowBytes;
  const bytes = rowBytes(got);
  return Array.from({ length: rowCount(got) }, (_, i) => [
    Number(bytes.readBigUInt64LE(i * width)) / 1e9,
    ...Array.from({ length: width / 8 - 1 }, (_v, k) =>
      bytes.readDoubleLE(i * width + 8 * (k + 1)),
    ),
  ]);
}

test("rows of one time are one row without a gap; other values than the first's are a loss", async () => {
  const got = await importText("t,p\n0,5\n0,5\n1,6\n1,7\n2,8\n", "time=t; w.gpu=p");
  expect(table(got)).toEqual([
    [0, 5],
    [1, 6],
    [2, 8],
  ]);
  expect(got.blocks.map((b) => [b.rows, b.flags])).toEqual([[3, 0]]);
  expect(got.notes.map((n) => [n.level, n.count])).toEqual([
    ["loss", 1],
    ["info", 1],
  ]);
});

describe("columns by name", () => {
  const text =
    "Time,Volts,Milliamps,Meter\n0.000,12.1,1500,20\n0.001,12.2,1600,20\n0.002,12.0,1700,21\n";
  const map = "time=Time; v.gpu=Volts; a.gpu=Milliamps:mA; t.meter.wall=Meter:W";

  test("rows in SI, a rail after the template, telemetry beside it", async () => {
    const got = await importText(text, map);
    expect(table(got)).toEqual([
      [0, 12.1, 1.5],
      [0.001, 12.2, 1.6],
      [0.002, 12, 1.7],
    ]);
    expect(got.rig!.rails).toHaveLength(1);
    expect(got.rig!.rails[0]).toMatchObject({
      name: "gpu",
      voltage: { field: "gpu_v", perCount: 1 },
      current: { field: "gpu_a", calibration: { basis: "assumed" } },
    });
    expect(got.rig!.rails[0]!.power).toBeUndefined();
    expect(got.rig!.device).toMatchObject({ rowHz: 1000, clock: { hz: 1e9, uRel: 0 } });
    expect(got.reads.map((r) => [r.channel, r.value])).toEqual([
      ["meter.wall", 20],
      ["meter.wall", 20],
      ["meter.wall", 21],
    ]);
    expect(got.session).toMatchObject({ hostClock: "trace", hostEpoch: 0n, startUnix: null });
  });

  test("the user's rig wins for the rails it has", async () => {
    const sensor = {
      perCount: 2,
      zeroCount: 0,
      gainU: 0.001,
      offsetU: 0,
      calibration: { date: "2026-01-01", basis: "certificate" as const },
    };
    const rig: Rig = {
      name: "mine",
      description: "",
      device: {
        kind: "csv",
        stream: "main",
        sampling: "instant",
        rowHz: 5,
        clock: { hz: 5, uRel: 1e-4, startU: 1 },
      },
      rails: [
        {
          name: "gpu",
          voltage: { ...sensor, field: "gpu_v" },
          current: { ...sensor, field: "shunt" },
        },
      ],
      missingRails: [],
    };
    const got = await importText(text, "time=Time; v.gpu=Volts; raw.shunt=Milliamps", { rig });
    expect(got.rig!.rails[0]!.current!.perCount).toBe(2);
    expect(table(got)[0]).toEqual([0, 12.1, 1500]);
    await expect(importText(text, "time=Time; v.gpu=Volts", { rig })).rejects.toThrow(
      /rail gpu reads field shunt/,
    );
    await expect(
      importText(text, "time=Time; w.cpu=Meter; v.gpu=Volts; raw.shunt=Milliamps", { rig }),
    ).rejects.toThrow(/no rail cpu/);
  });

  test("telemetry alone makes a run without a rig", async () => {
    const got = await importText(text, "time=Time; t.rapl.package=Meter");
    expect(got.rig).toBeNull();
    expect(got.blocks).toEqual([]);
    expect(got.reads).toHaveLength(3);
  });
});

describe("times", () => {
  test.each([
    ["ms", "t\n", "1.5,5\n2.5,6\n", "ms", [0, 0.001]],
    ["us", "t\n", "1500,5\n2500,6\n", "us", [0, 0.001]],
    ["ns", "t\n", "1500000,5\n2500000,6\n", "ns", [0, 0.001]],
  ])("in %s count from the first row", async (_name, _h, rows, unit, expected) => {
    const got = await importText(`t,p\n${rows}`, `time=t:${unit}; w.x=p`);
    expect(table(got).map((r) => r[0])).toEqual(expected);
  });

  test("Unix seconds and dates with a zone are UTC", async () => {
    const unix = await importText("t,p\n1700000000.000000250,5\n1700000001.5,6\n", "time=t; w.x=p");
    expect(unix.session).toMatchObject({
      hostClock: "unix",
      startUnix: 1_700_000_000_000_000_250n,
    });
    expect(rowBytes(unix).readBigUInt64LE(0)).toBe(1_700_000_000_000_000_250n);
    const dated = await importText("t,p\n2023-11-14T23:13:20.5+01:00,5\n", "time=t:date; w.x=p");
    expect(dated.session.startUnix).toBe(1_700_000_000_500_000_000n);
  });

  test("dates without a zone are placed by --tz", async () => {
    const got = await importText("t,p\n2023/11/14 23:13:20,5\n", "time=t:date; w.x=p", {
      zoneHours: 1,
    });
    expect(got.session.startUnix).toBe(1_700_000_000_000_000_000n);
  });

  test("a row a period, where the file has no time", async () => {
    const got = await importText("CH1\n5\n6\n7\n", "time=index:20us; w.x=CH1");
    expect(table(got).map((r) => r[0]! * 1e9)).toEqual([0, 1, 2]);
    expect(got.rig!.device.rowHz).toBeCloseTo(50_000, 3);
  });

  test("a row that goes back is left out, counted, and leaves a gap", async () => {
    const got = await importText("t,p\n0,1\n1,1\n0.5,9\n2,1\n3,nan\n4,1\n", "time=t; w.x=p");
    expect(table(got).map((r) => r[0])).toEqual([0, 1, 2, 4]);
    expect(got.blocks.map((b) => [b.firstIndex, b.flags])).toEqual([
      [0, 0],
      [3, BlockFlag.gapBefore],
      [5, BlockFlag.gapBefore],
    ]);
    expect(lossCount(got)).toBe(2);
  });
});

test("a first row without numbers does not shift the others against the marks", async () => {
  const got = await importText("t,p,e\n0,nan,\n1,5,\n2,5,hello\n", "time=t; w.x=p; mark=e");
  expect(table(got).map((r) => r[0])).toEqual([0, 1]);
  expect(got.marks[0]!.t).toBe(1_000_000_000n);
});

describe("oscilloscope files", () => {
  test("preamble, unit line and a trigger inside the record", async () => {
    const text =
      "Model,XYZ-1000\nSample Interval,1e-6\n\nTIME,CH1,CH2\ns,V,A\n-2.0e-06,12.0,1.0\n-1.0e-06,12.1,1.1\n0,12.2,1.2\n1.0e-06,12.3,1.3\n";
    const got = await importText(text, "time=TIME; v.gpu=CH1; a.gpu=CH2");
    expect(table(got).map((r) => r[0])).toEqual([0, 1e-6, 2e-6, 3e-6]);
    expect(got.marks).toEqual([{ name: "trigger", phase: "instant", clock: "host", t: 2000n }]);
    expect(got.notes).toEqual([expect.objectContaining({ level: "info" })]);
    expect(got.rig!.device.rowHz).toBeCloseTo(1e6, 3);
  });

  test("data beside the preamble, columns by number", async () => {
    const text =
      "Record Length,3,,0.000,5.0\nSample Interval,0.001,,0.001,5.5\nTrigger,x,,0.002,6.0\n";
    const got = await importText(text, "time=#4; w.gpu=#5");
    expect(table(got)).toEqual([
      [0, 5],
      [0.001, 5.5],
      [0.002, 6],
    ]);
  });

  test("semicolons and decimal commas", async () => {
    const got = await importText("Zeit;Leistung\n0,0;5,25\n0,1;6,5\n", "time=Zeit; w.gpu=Leistung");
    expect(table(got)).toEqual([
      [0, 5.25],
      [0.1, 6.5],
    ]);
  });

  test("columns between blanks, without a header", async () => {
    const got = await importText("0.00  5\n0.04  6\n", "time=#1; w.gpu=#2");
    expect(table(got)).toEqual([
      [0, 5],
      [0.04, 6],
    ]);
  });

  test("quoted cells may hold the separator", () => {
    expect(splitCells('"a, b" , "c ""d""",e', ",")).toEqual(["a, b", 'c "d"', "e"]);
  });
});

test("marks from a column of text", async () => {
  const got = await importText(
    "t,p,event\n0,1,\n1,5,load start\n2,5,\n3,1,load end\n",
    "time=t; w.x=p; mark=event",
  );
  expect(got.marks.map((m) => [m.name, m.phase, m.t])).toEqual([
    ["load", "begin", 1_000_000_000n],
    ["load", "end", 3_000_000_000n],
  ]);
});

test("a malformed and a cut line are counted", async () => {
  const got = await importText("t,p\n0,1.00\n1,2.00\nx,3.00\n3\n4,5.00\n5,6", "time=t; w.x=p");
  expect(table(got).map((r) => r[1])).toEqual([1, 2, 5]);
  expect(lossCount(got)).toBe(3);
});

describe("what is refused", () => {
  test.each([
    ["no map", "t,p\n0,1\n", undefined, /csv needs --map/],
    ["an empty file", "", "time=t; w.x=p", /empty file/],
    ["a missing column", "t,q\n0,1\n", "time=t; w.x=p", /no header with every mapped column.*"p"/],
    ["no numbers", "t,p\na,b\nc,d\ne,f\ng,h\n", "time=t; w.x=p", /no numbers below the header/],
    ["a header alone", "t,p\n", "time=t; w.x=p", /no line of data/],
    ["volts without amperes", "t,p\n0,1\n", "time=t; v.x=p", /rail x needs w.x, or v.x and a.x/],
    ["binary", "t,p\n\0\0", "time=t; w.x=p", /NUL/],
  ])("%s", async (_name, text, map, message) => {
    const failure = await importText(text, map).catch((e: unknown) => e as Error);
    expect(failure).toMatchObject({ name: "InputError" });
    expect((failure as Error).message).toMatch(message);
  });

  test.each([
    ["w.x=p", /no time/],
    ["time=t", /no column of volts/],
    ["time=t:h; w.x=p", /"time=t:h" \(expected s, ms/],
    ["time=index:5; w.x=p", /a rate such as/],
    ["time=t; w.x=p:V", /a unit among W, mW/],
    ["time=t; w.X=p", /rail name/],
    ["time=t; w.x=p; w.x=q", /x_w is listed twice/],
    ["time=t; power=p", /time, v\.RAIL/],
    ["time=t; t.foo=p:miles", /a unit among/],
    ["rubbish", /ROLE=COLUMN/],
  ])("the map %s", (map, message) => {
    expect(() => parseMap(map)).toThrow(message);
  });
});
