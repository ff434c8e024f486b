import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Table, tableFromIPC } from "apache-arrow";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { parse } from "valibot";
import { LogWriter } from "../../capture/log-writer.ts";
import { runPaths } from "../../capture/run.ts";
import { readCapture } from "../../capture/log-reader.ts";
import { command as exportCommand } from "../../cli/export.ts";
import { command as importCommand } from "../../cli/import.ts";
import { fuseRun } from "../../dataset/fuse.ts";
import { unixText } from "../../dataset/unix-time.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { EXPORT } from "../../schema/documents/export.ts";
import type { Mark, TelemetryRead } from "../../schema/records.ts";
import { instant } from "../../schema/time.ts";
import { makeUi } from "../../cli/command.ts";
import { call } from "../end-to-end/call.ts";

let dir: string;
let run: string;
let fused: Table;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-export-"));
  run = join(dir, "run");
  await writeVirtualCapture(run, { seed: 7, durationS: 1, faults: { failedReads: 0.02 } });
  fuseRun(runPaths(run), { rateHz: 500 });
  fused = tableFromIPC(readFileSync(runPaths(run).fused));
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true }));

/** Exports and gives back the file's text. */
async function text(option: string, from = run, extra = {}): Promise<string> {
  const out = join(dir, "out.txt");
  const done = await call(exportCommand, [from], { [option]: out, ...extra });
  expect(done.error).toBeNull();
  return readFileSync(out, "utf8");
}

const cells = (csv: string): string[][] =>
  csv
    .trimEnd()
    .split("\n")
    .map((l) => l.split(","));

describe("csv", () => {
  test("every row and value of the table, null as an empty cell, units in the header", async () => {
    const [header, ...rows] = cells(await text("csv"));
    const names = header!.map((h) => h.replace(/ \[.*$/, ""));
    expect(header!.slice(0, 2)).toEqual(["t_ns [ns]", "t_unix_ns [ns]"]);
    expect(header).toContain("power_slot_12v_w [W]");
    expect(header).toContain("energy_j [J]");
    expect(names.filter((n) => n !== "t_unix_ns")).toEqual(fused.schema.fields.map((f) => f.name));
    expect(rows).toHaveLength(fused.numRows);
    const start = BigInt(fused.schema.metadata.get("session_start_unix_ns")!);
    for (let i = 0; i < rows.length; i += 7)
      for (const [c, name] of names.entries()) {
        const cell = rows[i]![c]!;
        if (name === "t_unix_ns") {
          expect(BigInt(cell)).toBe(start + BigInt(rows[i]![0]!));
          continue;
        }
        const value = fused.getChild(name)!.get(i) as number | bigint | null;
        if (value === null) expect(cell).toBe("");
        else if (typeof value === "bigint") expect(BigInt(cell)).toBe(value);
        else if (name === "energy_j") expect(Number(cell)).toBe(value);
        else expect(Math.fround(Number(cell))).toBe(value);
      }
  });

  test("--raw: the rows of the log in counts", async () => {
    const [header, ...rows] = cells(await text("csv", run, { raw: true }));
    expect(header!.slice(0, 4)).toEqual([
      "row",
      "trigger [level]",
      "slot_v [count]",
      "slot_i [count]",
    ]);
    let at = 0;
    for (const r of readCapture(runPaths(run).capture)) {
      if (r.kind !== "rows") continue;
      const { firstIndex, bytes, hostAfter } = r.block;
      const words = new Uint16Array(bytes.slice().buffer);
      const row = rows[at]!.map(BigInt);
      const wanted = [
        firstIndex,
        words[0]! >> 15,
        ...[...words.subarray(0, 4)].map((w) => w & 4095),
      ];
      expect(row.slice(0, 6)).toEqual(wanted.map(BigInt));
      expect(row[7]! - 1_767_225_600_000_000_000n).toBe(hostAfter! - 86_400_000_000_000n);
      at += r.block.rows;
    }
    expect(rows).toHaveLength(at);
  });

  test("Unix time keeps its last digit", () => {
    const start = 1_767_225_600_999_999_999n;
    for (const t of [0, 1, 2, 1e9, 1e9 + 1, 123_456_789_012_345, -1, -2e9])
      expect(unixText(start)(t)).toBe(String(start + BigInt(t)));
  });
});

describe("parquet", () => {
  test("columns, types, nulls and metadata are the table's", async () => {
    const out = join(dir, "out.parquet");
    const done = await call(exportCommand, [run], { parquet: out });
    expect(done).toMatchObject({ code: 0, document: { schema: "export/1", format: "parquet" } });
    expect(parse(EXPORT, done.document)).toEqual(done.document);
    const file = await asyncBufferFromFile(out);
    const metadata = await parquetMetadataAsync(file);
    const key = new Map(metadata.key_value_metadata!.map((k) => [k.key, k.value]));
    for (const [k, v] of fused.schema.metadata) expect(key.get(k)).toBe(v);
    expect(key.get("unit:energy_j")).toBe("J");
    const time = metadata.schema.find((s) => s.name === "t_ns")!;
    expect(time).toMatchObject({ type: "INT64", repetition_type: "REQUIRED" });
    expect(time.logical_type ?? time.converted_type).toBeUndefined();
    const rows = await parquetReadObjects({
      file,
      compressors: { GZIP: (input: Uint8Array) => gunzipSync(input) },
    });
    expect(rows).toHaveLength(fused.numRows);
    for (const f of fused.schema.fields) {
      const column = fused.getChild(f.name)!;
      const wrong = rows.findIndex((row, i) => (row[f.name] ?? null) !== column.get(i));
      expect([f.name, wrong]).toEqual([f.name, -1]);
    }
  });

  test("a run without a physical trace gives its telemetry table, text and all", async () => {
    const source = join(dir, "log.csv");
    writeFileSync(source, "t_mono_ns,power_W\n1000,5\n2000,nan\n3000,7\n");
    const from = join(dir, "telemetry-only");
    await call(importCommand, ["nvml-csv", source], { out: from });
    fuseRun(runPaths(from));
    const out = join(dir, "t.parquet");
    expect((await call(exportCommand, [from], { parquet: out })).code).toBe(0);
    const rows = await parquetReadObjects({
      file: await asyncBufferFromFile(out),
      compressors: { GZIP: (input: Uint8Array) => gunzipSync(input) },
    });
    expect(rows).toEqual(
      [
        [0n, 5, 0],
        [1000n, null, 999],
        [2000n, 7, 0],
      ].map(([t_ns, value, code]) => ({
        t_ns,
        half_ns: 0,
        channel: "nvml.power_usage",
        value,
        unit: "W",
        code,
      })),
    );
  });
});

interface Telemetry {
  reads: TelemetryRead[];
  marks: Mark[];
}

function telemetryOf(folder: string): Telemetry {
  const out: Telemetry = { reads: [], marks: [] };
  for (const r of readCapture(runPaths(folder).capture)) {
    if (r.kind === "read") out.reads.push(r.read);
    if (r.kind === "mark") out.marks.push(r.mark);
  }
  return out;
}

/** A run of telemetry alone, one poll every 100 ms at the given instants. */
function recorded(
  name: string,
  channels: readonly string[],
  gpus: readonly string[] = [""],
): string {
  const folder = join(dir, name);
  const epoch = instant<"host">(5_000_000_000n);
  const paths = runPaths(folder);
  mkdirSync(folder);
  const log = new LogWriter(paths.capture, {
    id: name,
    source: "hardware",
    hostClock: "monotonic",
    hostEpoch: epoch,
    startUnix: instant<"unix">(1_700_000_000_000_000_000n),
    software: "test",
    labels: {},
  });
  for (const g of gpus)
    for (const c of channels)
      log.declareTelemetry({ name: `nvml.${g}${c}`, quantity: "power", unit: "W" });
  log.mark({
    name: "load",
    phase: "begin",
    clock: "host",
    t: epoch + 150_000_000n,
    fields: { batch: 8, note: 'a, "b"' },
  });
  log.mark({ name: "first_token", phase: "instant", clock: "host", t: epoch + 160_000_000n });
  log.mark({ name: "load", phase: "end", clock: "host", t: epoch + 350_000_000n });
  for (let k = 0; k < 5; k++)
    for (const [g, gpu] of gpus.entries())
      for (const [c, channel] of channels.entries()) {
        const t = instant<"host">(epoch + BigInt(k) * 100_000_000n);
        const failed = k === 2 && c === 0;
        log.read({
          channel: `nvml.${gpu}${channel}`,
          before: t,
          after: t,
          stamp: null,
          value: failed ? NaN : 0.1 * (k + 1) + c + 10 * g,
          code: failed ? 15 : 0,
        });
      }
  log.close();
  return folder;
}

describe("nvml-csv", () => {
  test("comes back through import as it went out", async () => {
    const channels = [
      "power_usage",
      "utilization_gpu",
      "utilization_memory",
      "clock_sm",
      "power_instant",
    ];
    const from = recorded("there", channels);
    const out = join(dir, "nvml.csv");
    expect((await call(exportCommand, [from], { "nvml-csv": out })).code).toBe(0);
    expect(readFileSync(out, "utf8").split("\n")[0]).toBe(
      "t_mono_ns,power_W,util_gpu,util_mem,sm_clock,power_instant_W,t_unix_ns,label,batch,note",
    );
    const back = join(dir, "back");
    expect((await call(importCommand, ["nvml-csv", out], { out: back })).code).toBe(0);
    const [a, b] = [telemetryOf(from), telemetryOf(back)];
    expect(b.marks).toEqual(a.marks);
    const bare = ({ channel, before, value, code }: TelemetryRead): unknown[] => [
      channel,
      before,
      Number(value.toPrecision(12)),
      code === 0,
    ];
    expect(b.reads.map(bare)).toEqual(a.reads.map(bare));
    expect(b.reads[0]!.stamp).toBe(1_700_000_000_000_000_000n);
  });

  test("a recorded session: one row a power read, the other fields as read nearest to it", async () => {
    const [header, ...rows] = cells(await text("nvml-csv"));
    expect(header!.slice(0, 4)).toEqual([
      "t_mono_ns",
      "power_W",
      "power_instant_W",
      "power_average_W",
    ]);
    const { reads, marks } = telemetryOf(run);
    const usage = reads.filter((r) => r.channel === "nvml.power_usage");
    const samples = rows.filter((r) => r[1] !== "MARK");
    expect(samples.map((r) => r[1])).toEqual(usage.map((r) => (r.code ? "nan" : String(r.value))));
    expect(rows.filter((r) => r[1] === "MARK")).toHaveLength(marks.length);
    expect(samples.some((r) => r[1] === "nan")).toBe(true);
    const times = rows.map((r) => BigInt(r[0]!));
    expect(times.every((t, i) => i === 0 || t >= times[i - 1]!)).toBe(true);
  });

  test("several GPUs, a file each", async () => {
    const from = recorded("two", ["power_usage", "clock_sm"], ["0.", "1."]);
    const done = await call(exportCommand, [from], { "nvml-csv": join(dir, "gpus.csv") });
    expect((done.document as { files: { path: string }[] }).files.map((f) => f.path)).toEqual([
      join(dir, "gpus.gpu0.csv"),
      join(dir, "gpus.gpu1.csv"),
    ]);
    expect(readFileSync(join(dir, "gpus.gpu1.csv"), "utf8").split("\n")[1]).toMatch(
      /^5000000000,10\.1,/,
    );
  });

  test("no power reading is one line", async () => {
    const from = recorded("none", ["temperature"]);
    const done = await call(exportCommand, [from], { "nvml-csv": join(dir, "none.csv") });
    expect(done.error).toMatchObject({ tag: "InputError" });
    expect(done.error!.message).toMatch(/no power reading .*found nvml\.temperature/);
    expect(existsSync(join(dir, "none.csv"))).toBe(false);
  });
});

describe("the command", () => {
  test("a table of another log is exported with a warning and exit 3", async () => {
    const other = join(dir, "other");
    await writeVirtualCapture(other, { seed: 8, durationS: 1 });
    writeFileSync(runPaths(other).fused, readFileSync(runPaths(run).fused));
    const done = await call(exportCommand, [other], { csv: join(dir, "stale.csv") });
    expect(done.code).toBe(3);
    expect(done.warnings).toEqual([expect.stringMatching(/made from another log/)]);
  });

  test.each(["csv", "parquet", "perfetto", "nvml-csv"])(
    "--%s: that a table is of another log is told before anything is written",
    async (format) => {
      const other = join(dir, `told-first-${format}`);
      await writeVirtualCapture(other, { seed: 8, durationS: 1 });
      for (const file of ["fused", "events", "telemetry"] as const)
        writeFileSync(runPaths(other)[file], readFileSync(runPaths(run)[file]));
      const out = join(dir, `told-first.${format}`);
      const there: boolean[] = [];
      const ui = {
        ...makeUi(true, true),
        document: () => undefined,
        warn: (text: string) => /made from another log/.test(text) && there.push(existsSync(out)),
      };
      const call = { positionals: [other], options: { [format]: out }, rest: [], ui };
      expect(await exportCommand.run(call)).toBe(3);
      expect(there.length).toBeGreaterThan(0);
      expect(there).not.toContain(true);
      expect(existsSync(out)).toBe(true);
    },
  );

  test.each<[string, () => [string[], Record<string, string | boolean>], string, RegExp]>([
    ["no format", () => [[run], {}], "UsageError", /--csv OUT, --parquet OUT, --nvml-csv OUT/],
    ["two formats", () => [[run], { csv: "a", parquet: "b" }], "UsageError", /one of/],
    ["--raw without csv", () => [[run], { parquet: "b", raw: true }], "UsageError", /--raw/],
    [
      "the log as OUT",
      () => [[run], { csv: runPaths(run).capture }],
      "UsageError",
      /belongs to the run/,
    ],
    ["no run", () => [[join(dir, "nowhere")], { csv: "a" }], "InputError", /not a run/],
  ])("%s is refused", async (_name, args, tag, message) => {
    const done = await call(exportCommand, ...args());
    expect(done.error).toMatchObject({ tag });
    expect(done.error!.message).toMatch(message);
  });

  test("a run that was not fused, or whose table is cut, is one line and leaves no file", async () => {
    const bare = join(dir, "bare");
    await writeVirtualCapture(bare, { seed: 9, durationS: 1 });
    const out = join(dir, "bare.csv");
    expect((await call(exportCommand, [bare], { csv: out })).error!.message).toMatch(
      /not fused yet/,
    );
    const bytes = readFileSync(runPaths(run).fused);
    writeFileSync(runPaths(bare).fused, bytes.subarray(0, bytes.length - 100));
    expect((await call(exportCommand, [bare], { csv: out })).error!.message).toMatch(
      /not a readable Arrow file; truejoule fuse .* writes it again/,
    );
    expect(readdirSync(dir).filter((n) => n.startsWith("bare."))).toEqual([]);
  });
});
