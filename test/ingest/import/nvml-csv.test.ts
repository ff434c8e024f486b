import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { importNvmlCsv } from "../../../ingest/import/nvidia/nvml-csv.ts";
import { type Imported, lossCount, runImport, scratch, sweep } from "./context.ts";

afterEach(sweep);

const importText = (text: string): Promise<Imported> => {
  const path = join(scratch(), "trace.csv");
  writeFileSync(path, text);
  return runImport(importNvmlCsv, path);
};

const MONO = 5_000_000_000_000n;
const UNIX = 1_700_000_000_000_000_000n;

test("a column that names the GPU keeps several of them apart", async () => {
  const got = await importText(
    [
      "gpu,t_mono_ns,power_W",
      `0,${MONO},25`,
      `1,${MONO},75`,
      `0,${MONO + 9n},26`,
      `1,${MONO + 9n},76`,
    ].join("\n") + "\n",
  );
  expect(got.channels.map((c) => c.name)).toEqual(["nvml.0.power_usage", "nvml.1.power_usage"]);
  expect(got.reads.map((r) => `${r.channel} ${r.value}`)).toEqual([
    "nvml.0.power_usage 25",
    "nvml.1.power_usage 75",
    "nvml.0.power_usage 26",
    "nvml.1.power_usage 76",
  ]);
  expect(got.notes).toEqual([]);
  const named = await importText(`device,t_mono_ns,power_W\nGPU-b,${MONO},1\nGPU-a,${MONO},2\n`);
  expect(named.channels.map((c) => c.name)).toEqual(["nvml.0.power_usage", "nvml.1.power_usage"]);
  expect(named.reads.map((r) => r.value)).toEqual([1, 2]);
});

test("samples become telemetry in SI, MARK rows marks, on the monotonic clock", async () => {
  const got = await importText(
    [
      "t_mono_ns,t_unix_ns,power_W,util_gpu,util_mem,sm_clock,batch_size",
      `${MONO},${UNIX},25.5,3,1,210,`,
      `${MONO + 4n},,MARK,infer_start,,,8`,
      `${MONO + 10_000_000n},${UNIX + 10_000_000n},300.25,98,40,1980,`,
      `${MONO + 11_000_000n},,MARK,first_token,,,`,
      `${MONO + 12_000_000n},,MARK,infer_end,,,`,
    ].join("\n") + "\n",
  );
  expect(got.rig).toBeNull();
  expect(got.session).toMatchObject({ hostClock: "monotonic", hostEpoch: MONO, startUnix: UNIX });
  expect(got.channels.map((c) => `${c.name} ${c.unit}`)).toEqual([
    "nvml.power_usage W",
    "nvml.utilization_gpu 1",
    "nvml.utilization_memory 1",
    "nvml.clock_sm Hz",
  ]);
  expect(got.reads.slice(4).map((r) => r.value)).toEqual([300.25, 0.98, 0.4, 1.98e9]);
  expect(got.reads[4]).toMatchObject({ before: MONO + 10_000_000n, stamp: UNIX + 10_000_000n });
  expect(got.marks).toEqual([
    { name: "infer", phase: "begin", clock: "host", t: MONO + 4n, fields: { batch_size: 8 } },
    { name: "first_token", phase: "instant", clock: "host", t: MONO + 11_000_000n },
    { name: "infer", phase: "end", clock: "host", t: MONO + 12_000_000n },
  ]);
  expect(got.notes).toEqual([]);
});

test.each([
  ["MARK first", "MARK,1500,first_token"],
  ["a comment", "# MARK first_token,1500"],
  ["the label behind a colon", "1500,MARK: first_token"],
])("a mark written as %s", async (_name, line) => {
  const { marks } = await importText(`t_mono_ns,power_W\n1000,5\n${line}\n2000,6\n`);
  expect(marks).toEqual([{ name: "first_token", phase: "instant", clock: "host", t: 1500n }]);
});

test("a mark column beside the samples", async () => {
  const got = await importText(
    "t_mono_ns,power_W,mark\n1000,5,\n2000,6,load start\n3000,7,load end\n",
  );
  expect(got.marks.map((m) => [m.name, m.phase, m.t])).toEqual([
    ["load", "begin", 2000n],
    ["load", "end", 3000n],
  ]);
  expect(got.reads).toHaveLength(3);
});

test("read_ok false and an empty value are failed reads, never 0 W", async () => {
  const got = await importText(
    "t_ns,power_w,temp_c,sm_clock_mhz,vram_used_mb,read_ok\n1,1.2,40,300,512,True\n2,1.2,40,300,512,False\n3,,41,300,512,True\n",
  );
  expect(got.reads.map((r) => r.code === 0)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
    true,
    true,
    true,
  ]);
  expect(got.reads.filter((r) => r.code !== 0).every((r) => Number.isNaN(r.value))).toBe(true);
  expect(got.reads[3]!.value).toBe(512 * 1048576);
  expect(got.session.startUnix).toBeNull();
});

test("a GPU's samples are ordered by what most of them say, each GPU's by its own", async () => {
  const rows = Array.from({ length: 40 }, (_, i) => [0, 1].map((gpu) => `${i}00000000,${gpu},5`));
  rows[20]![1] = "9000000000000000,1,5";
  const got = await importText(`t_mono_ns,gpu,power_W\n${rows.flat().join("\n")}\n`);
  expect(got.reads.filter((r) => r.channel.includes("1"))).toHaveLength(39);
  expect(lossCount(got)).toBe(1);
  const twice = rows.map((r) => r[0]).join("\n");
  await expect(importText(`t_mono_ns,gpu,power_W\n${twice}\n${twice}\n`)).rejects.toThrow(
    /:42: the time goes back.*split/,
  );
});

test("damage is counted: a cut line, a step back, a wall clock that moved", async () => {
  const got = await importText(
    `t_mono_ns,t_wall_ns,power_W\n1000000000,${UNIX},5\n2000000000,${UNIX + 1_000_000_000n},x\n1500000000,${UNIX},5\n3000000000,${UNIX + 10_500_000_000n},5\nrubbish\n2500000000,${UNIX}`,
  );
  expect(lossCount(got)).toBe(3);
  expect(got.notes.filter((n) => n.level === "warning").map((n) => n.text)).toEqual([
    expect.stringContaining("moved by 8.500 s"),
  ]);
});

test.each([
  ["an empty file", "", /empty/],
  ["no monotonic column", "time,power_W\n1,2\n", /trace\.csv:1: no monotonic time/],
  ["no telemetry", "t_mono_ns,foo\n1,2\n", /trace\.csv:1: no known telemetry/],
  ["a header alone", "t_mono_ns,power_W\n", /no sample/],
  ["binary", "t_mono_ns\0", /NUL/],
])("refuses %s", async (_name, text, message) => {
  const failure = await importText(text).catch((e: unknown) => e as Error);
  expect(failure).toMatchObject({ name: "InputError" });
  expect((failure as Error).message).toMatch(message);
});
