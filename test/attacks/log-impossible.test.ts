import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import { rigProblem } from "../../align/logged-rig.ts";
import { layoutProblem } from "../../capture/layout.ts";
import { LogWriter } from "../../capture/log-writer.ts";
import { problemsOf, verifyLog } from "../../capture/verify.ts";
import type { ClockExchange, Edge, Note, RowLayout, SampleBlock } from "../../schema/records.ts";
import { sessionFromJson, sessionToJson } from "../../schema/session.ts";
import { instant } from "../../schema/time.ts";
import { block, layout, scratch, session, sweep, writeLog } from "../capture/small-log.ts";
import { attachment, recordsOf, writeRecords } from "../capture/tamper.ts";

afterEach(sweep);

const field = layout.fields[0]!;

describe("C6: a layout that cannot be", () => {
  test.each<[string, unknown, RegExp]>([
    ["rows of no bytes", { ...layout, rowBytes: 0 }, /^rows of 0 bytes/],
    ["rows of fewer than none", { ...layout, rowBytes: -6 }, /^rows of -6 bytes/],
    ["no fields", { ...layout, fields: null }, /^no list of fields/],
    ["a field that is null", { ...layout, fields: [null] }, /^a field that is none/],
    ["11.5 bits", { ...layout, fields: [{ ...field, bits: 11.5 }] }, /of 11\.5 bits/],
    ["beyond the row", { ...layout, fields: [{ ...field, bitOffset: 20 }] }, /ends at bit 36/],
    ["an unknown kind", { ...layout, fields: [{ ...field, kind: "bcd" }] }, /"bcd" of 16 bits/],
    ["a kind that is no word", { ...layout, fields: [{ ...field, kind: {} }] }, /an object of 16/],
    ["bits that are a list", { ...layout, fields: [{ ...field, bits: [16] }] }, /a list of 1 bits/],
    [
      "48 bits at bit 4",
      { ...layout, rowBytes: 8, fields: [{ ...field, bitOffset: 4, bits: 48 }] },
      /nothing reads/,
    ],
    [
      "overlapping fields",
      { ...layout, fields: [field, { ...field, name: "b", bitOffset: 8 }] },
      /a and b overlap/,
    ],
    [
      "two fields of a name",
      { ...layout, fields: [field, { ...field, bitOffset: 16 }] },
      /two fields named a/,
    ],
    ["a trigger of two bits", { ...layout, trigger: { ...field, bits: 2 } }, /a trigger of 2 bits/],
    ["a signed tick", { ...layout, tick: { ...field, kind: "int" } }, /no counter/],
  ])("%s", (_name, impossible, problem) => {
    expect(layoutProblem(layout)).toBeUndefined();
    expect(layoutProblem(impossible)).toMatch(problem);
    const path = join(scratch(), "c.mcap");
    const log = new LogWriter(path, session);
    log.declareRows({ stream: "main", ...(impossible as object) } as RowLayout);
    for (let i = 0; i < 50; i++) log.rows({ ...block(0, 0), rows: 2 ** 32 - 1 });
    log.note({ level: "warning", text: "read all the same" });
    log.close();
    const check = verifyLog(path);
    expect(problemsOf(check)).toEqual([
      expect.stringMatching(/^record at byte .*daq\/main: an impossible row layout: .*left out$/),
    ]);
    expect([check.streams, check.notes.length]).toEqual([[], 1]);
  });
});

describe("C6: messages that cannot be are left out and told", () => {
  const t = instant<"host">(session.hostEpoch);
  const late = instant<"host">(session.hostEpoch - 1n);
  const blocks: [string, SampleBlock][] = [
    ["an index beyond 2^53", block(2 ** 53, 8)],
    ["a read that ends before it begins", { ...block(0, 8), hostBefore: t, hostAfter: late }],
    ["fewer bytes than rows", { ...block(0, 8), rows: 9 }],
  ];
  test.each(blocks)("a block with %s", (_name, b) => {
    expect(problems((log) => log.rows(b))).toEqual([expect.stringMatching(/daq\/main: malformed/)]);
  });

  test.each<[string, (log: LogWriter) => void]>([
    [
      "a read that ends before it begins",
      (log) => log.read({ channel: "p", before: t, after: late, stamp: null, value: 1, code: 0 }),
    ],
    [
      "a mark of 400 digits",
      (log) => log.mark({ name: "m", phase: "instant", clock: "x", t: 10n ** 400n }),
    ],
    [
      "a mark with fields of fields",
      (log) =>
        log.mark({
          name: "m",
          phase: "instant",
          clock: "host",
          t,
          fields: { a: { b: 1 } as unknown as string },
        }),
    ],
    [
      "a mark of no phase",
      (log) => log.mark({ name: "m", phase: "middle" as "begin", clock: "host", t }),
    ],
    ["a note of half a count", (log) => log.note({ level: "loss", text: "x", count: 1.5 })],
    ["a note of no level", (log) => log.note({ level: "fatal" as Note["level"], text: "x" })],
    ["an edge at no place", (log) => log.edge({ line: "l", stream: "main", level: 1 })],
  ])("%s", (_name, write) => {
    expect(problems(write)).toEqual([expect.stringMatching(/: malformed message$/)]);
  });

  function problems(write: (log: LogWriter) => void): string[] {
    const path = join(scratch(), "c.mcap");
    const log = new LogWriter(path, session);
    log.declareRows(layout);
    log.declareTelemetry({ name: "p", quantity: "power", unit: "W" });
    write(log);
    log.close();
    return problemsOf(verifyLog(path));
  }
});

test("C6: a second channel of a topic, and a channel declared again, never take the place of the first", () => {
  const dir = scratch();
  const [good, bad, other] = ["good", "bad", "other"].map((n) => join(dir, n)) as [
    string,
    string,
    string,
  ];
  writeLog(good, 3);
  const log = new LogWriter(other, session);
  log.declareRows({ ...layout, rowBytes: 8 });
  log.rows({ ...block(0, 4), bytes: new Uint8Array(32) });
  log.close();
  const chunk = recordsOf(other).find((r) => r[0] === 6)!;
  writeRecords(bad, [...recordsOf(good), chunk]);
  const check = verifyLog(bad);
  expect(check.streams).toMatchObject([{ rows: 48 }]);
  expect(problemsOf(check)).toContainEqual(
    expect.stringMatching(/^record at byte \d+ .*declared again, differently; the first is used/),
  );
});

test.each<[string, object, RegExp]>([
  [
    "an epoch that is no number",
    { host_epoch_ns: "abc" },
    /session header: host_epoch_ns: expected/,
  ],
  [
    "an epoch of 400 digits",
    { host_epoch_ns: "9".repeat(400) },
    /session header: host_epoch_ns: expected/,
  ],
  [
    "a start beyond 64 bits",
    { start_unix_ns: "9".repeat(19) },
    /session header: start_unix_ns: expected/,
  ],
  ["an unknown source", { source: "<b>" }, /session header: source: expected/],
  ["labels that are null", { labels: null }, /session header: labels: expected/],
  ["another schema", { schema: "session/9" }, /session header is "session\/9"/],
])("C6: a session header with %s is refused in a line", (_name, change, message) => {
  const text = JSON.stringify({ ...(JSON.parse(sessionToJson(session)) as object), ...change });
  expect(() => sessionFromJson(text)).toThrow(message);
  const [good, bad] = [join(scratch(), "g"), join(scratch(), "b")];
  writeLog(good, 1);
  const [header, , ...rest] = recordsOf(good);
  writeRecords(bad, [header!, attachment("session.json", text), ...rest]);
  expect(() => verifyLog(bad)).toThrow(message);
});

test.each([
  "{",
  "null",
  "[]",
  `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
  '{"device":{"stream":"x"},"rails":[null]}',
])("C6: a rig.json that is no rig is named (%#)", (text) => {
  expect(rigProblem(Buffer.from(text))).toMatch(/^is no(t JSON| rig)/);
});

describe("places that cannot be of a log's rows are named, whoever wrote it", () => {
  const line = { line: "line0", level: 1 as const };
  const at = (s: number): ReturnType<typeof instant<"host">> =>
    instant<"host">(session.hostEpoch + BigInt(s));
  const exchange = (deviceReceived: bigint, deviceSent: bigint): ClockExchange => {
    return { stream: "main", sent: at(0), deviceReceived, deviceSent, received: at(9) };
  };

  /** 100 blocks of 8 rows, 10 ticks a row; records among them. @param ticks of the k-th block. */
  function placed(
    more: (log: LogWriter) => void,
    ticks = (k: number): bigint => 1000n + 80n * BigInt(k),
    rows = layout,
    blocks = 100,
  ): string[] {
    const path = join(scratch(), "c.mcap");
    const log = new LogWriter(path, session);
    log.attach("rig.json", "application/json", Buffer.from('{"device":{"rowHz":100}}'));
    log.declareRows(rows);
    for (let k = 0; k < blocks; k++) {
      log.rows({ ...block(8 * k, 8), deviceTick: ticks(k) });
      if (k === blocks >> 1) more(log);
    }
    log.close();
    return problemsOf(verifyLog(path));
  }
  const nothing = (): void => undefined;

  test("what lies among the rows, or shortly beside them, is no problem", () => {
    expect(
      placed((log) => {
        for (const index of [-100, 0, 13.5, 799, 900]) log.edge({ ...line, stream: "main", index });
        for (const tick of [500n, 1000n, 8999n, 9900n]) log.edge({ ...line, stream: "main", tick });
        log.exchange(exchange(1000n, 1001n));
        log.exchange(exchange(9000n, 9900n));
      }),
    ).toEqual([]);
  });

  test("a single block says nothing of the rate of ticks: what a device can count is no problem", () => {
    const single = (received: bigint): string[] =>
      placed(
        (log) => {
          for (const tick of [999n, 1000n, 1075n]) log.edge({ ...line, stream: "main", tick });
          log.exchange(exchange(received, received + 1n));
        },
        () => 1000n,
        layout,
        1,
      );
    expect(single(1075n)).toEqual([]);
    expect(single(2n ** 40n)).toEqual(["stream main: 1 clock exchanges lie outside its rows"]);
  });

  test.each([0.5, 2.67, 3.75])(
    "%d ticks a row, truncated: a line through a short first block allows for that",
    (perRow) => {
      const path = join(scratch(), "c.mcap");
      const log = new LogWriter(path, session);
      log.declareRows(layout);
      const at = (index: number, rows: number): void =>
        log.rows({ ...block(index, rows), deviceTick: BigInt(Math.floor(1000 + index * perRow)) });
      at(0, 1);
      at(1, 64);
      for (let k = 0; k < 20; k++) at(100_000 + 64 * k, 64);
      log.close();
      expect(problemsOf(verifyLog(path))).toEqual(["stream main: 99935 rows missing in 1 gaps"]);
    },
  );

  test.each<[string, Partial<Edge>]>([
    ["10^9 rows ahead", { index: 1e9 }],
    ["a tenth of a second more than a second ahead", { index: 800 + 127 }],
    ["before the rows", { index: -127 }],
    ["by its tick", { tick: 2n ** 63n }],
    ["by its tick, before", { tick: -1000n }],
    ["by its tick alone", { index: 100, tick: 2n ** 40n }],
  ])("an edge outside the rows: %s", (_what, where) => {
    expect(placed((log) => log.edge({ ...line, stream: "main", ...where }))).toEqual([
      "stream main: 1 edges lie outside its rows and are not used",
    ]);
  });

  test("edges of a stream without rows", () => {
    expect(placed((log) => log.edge({ ...line, stream: "other", index: 3 }))).toEqual([
      "1 edges of streams that have no rows",
    ]);
  });

  test.each<[string, bigint, bigint]>([
    ["ahead", 2n ** 63n, 2n ** 63n + 1n],
    ["answered ahead", 102_000n, 2n ** 63n],
    ["before", 1000n, 1001n],
    ["answered before it was received", 102_000n, 101_999n],
  ])("a clock exchange outside the rows: %s", (_what, received, sent) => {
    const ticks = (k: number): bigint => 100_000n + 80n * BigInt(k);
    expect(placed((log) => log.exchange(exchange(received, sent)), ticks)).toEqual([
      "stream main: 1 clock exchanges lie outside its rows",
    ]);
  });

  test.each<[string, number, bigint]>([
    ["goes back", 50, 1000n],
    ["is 0", 1, 0n],
    ["is 2^64 - 1", 50, 2n ** 64n - 1n],
    ["is 2^62", 50, 2n ** 62n],
    ["is 2^62, of the last block", 99, 2n ** 62n],
    ["is five rows late", 50, 1000n + 80n * 50n + 50n],
  ])("a block whose tick %s", (_what, where, tick) => {
    const found = placed(nothing, (k) => (k === where ? tick : 1000n + 80n * BigInt(k)));
    const said = BigInt.asIntN(64, tick);
    expect(found).toEqual([
      `stream main: the ticks of 1 blocks cannot be those of their rows (first at row ${8 * where}: ${said})`,
    ]);
  });

  test("rows that carry their own counter are not even: their ticks need only ascend", () => {
    const counted = { ...layout, tick: { ...field, name: "t", bitOffset: 16 } };
    const uneven = (k: number): bigint => BigInt(k * k);
    expect(placed(nothing, uneven, counted)).toEqual([]);
    expect(placed(nothing, (k) => (k === 50 ? 3n : uneven(k)), counted)).toHaveLength(1);
  });
});
