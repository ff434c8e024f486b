// Files that are no files, and files whose sizes and numbers lie: each is refused or read in bounded memory, and
// nothing waits for ever.

import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { openRegular, readSmallFile } from "../../capture/regular-file.ts";
import { writeVirtualCapture } from "../../virtual/bench/capture.ts";
import { formats } from "../../ingest/import/formats.ts";
import { faults, type Job, runJobs } from "./jobs.ts";

const MAP = "time=TIME; v.gpu=V; a.gpu=I";

let dir: string;
let socket: Server;
/** What stands in a path instead of a file, and what an error must call it. */
const stands: [kind: string, path: string, said: RegExp][] = [];
let places = 0;
const place = (): string => join(dir, `out-${++places}`);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "truejoule-hostile-files-"));
  execFileSync("mkfifo", [join(dir, "fifo")]);
  socket = createServer().listen(join(dir, "socket"));
  mkdirSync(join(dir, "folder"));
  symlinkSync(join(dir, "fifo"), join(dir, "link"));
  symlinkSync(join(dir, "loop"), join(dir, "loop"));
  stands.push(
    ["a pipe", join(dir, "fifo"), /named pipe \(FIFO\)/],
    ["a link to a pipe", join(dir, "link"), /named pipe \(FIFO\)/],
    ["a socket", join(dir, "socket"), /a socket/],
    ["a device", "/dev/zero", /a character device/],
    ["a folder", join(dir, "folder"), /a folder|no trace|no sample log|PMD_data\.bin/],
    ["a link to itself", join(dir, "loop"), /itself|no such/],
    ["nothing", join(dir, "none"), /no such/],
  );
  await new Promise((up) => socket.once("listening", up));
});
afterAll(() => {
  socket.close();
  rmSync(dir, { recursive: true, force: true });
});

test("D: a regular file, also through a link, is read; a file beyond its bound is not", () => {
  const path = join(dir, "plain");
  writeFileSync(path, "twelve bytes");
  symlinkSync(path, join(dir, "plain-link"));
  expect(readSmallFile(join(dir, "plain-link"), "text", 100).toString()).toBe("twelve bytes");
  expect(() => readSmallFile(path, "text", 11)).toThrow(
    /too large \(expected at most 11 bytes, found 12/,
  );
  expect(readSmallFile("/proc/self/stat", "text", 1 << 20).length).toBeGreaterThan(10);
  for (const [, at, said] of stands.slice(0, 4)) expect(() => openRegular(at, "x")).toThrow(said);
});

test("C6: a pipe, a socket, a device or a folder as SRC, rig or record is refused at once, by what it is", async () => {
  const jobs: (Job & { said: RegExp })[] = [];
  for (const [kind, path, said] of stands) {
    for (const format of Object.keys(formats)) {
      // A folder is what these take.
      const options = { map: MAP, rig: "example-sound-card", out: place() };
      const { rig, ...plain } = options;
      jobs.push({
        name: `${format} of ${kind}`,
        command: "import",
        positionals: [format, path],
        options: format === "wav" ? { ...plain, rig } : plain,
        said:
          /^(yang-pmd|mlperf-tiny)$/.test(format) && path !== join(dir, "folder")
            ? /no such|not a folder|no folder|itself/
            : said,
      });
    }
    const rig = join(dir, `rig-${places}.yaml`);
    writeFileSync(rig, `calibrated_by: ${path.replace(dir, ".")}\n`);
    jobs.push(
      {
        name: `rig ${kind}`,
        command: "record",
        positionals: [],
        options: { rig: path, out: place(), duration: "1s" },
        said,
      },
      {
        name: `doctor rig ${kind}`,
        command: "doctor",
        positionals: [],
        options: { rig: path },
        said: /^$/,
      },
    );
    const run = place();
    mkdirSync(run);
    if (path !== join(dir, "none")) symlinkSync(path, join(run, "capture.mcap"));
    for (const command of ["verify", "compare", "report", "fuse", "recover"])
      jobs.push({
        name: `${command} of ${kind}`,
        command,
        positionals: [run],
        options: { out: place() },
        said: /not a run|named pipe|a socket|device|a folder|no such|itself/,
      });
  }
  const ended = await runJobs(jobs);
  expect(ended.flatMap((e) => faults(e))).toEqual([]);
  expect(ended).toHaveLength(jobs.length);
  const unsaid = jobs.flatMap((j, i) =>
    j.said.test(ended[i]!.message) ? [] : [`${j.name}: ${ended[i]!.message}`],
  );
  expect(unsaid).toEqual([]);
}, 300_000);

test("D: derived files of a run that are pipes or devices: told or refused, nobody waits", async () => {
  const whole = place();
  await writeVirtualCapture(whole, { seed: 1, durationS: 0.2, telemetry: [] });
  const [fused] = await runJobs([{ name: "fuse", command: "fuse", positionals: [whole] }]);
  expect(fused).toMatchObject({ name: "fuse", message: "" });
  const jobs: Job[] = [];
  for (const [kind, path] of stands.filter(([k]) => k === "a pipe" || k === "a device"))
    for (const file of [
      "fused.arrow",
      "telemetry.arrow",
      "events.arrow",
      "compare.json",
      "align.json",
      "SHA256SUMS",
      "folded.arrow",
    ])
      for (const command of ["verify", "report", "export"]) {
        const run = place();
        cpSync(whole, run, { recursive: true });
        jobs.push({
          name: `${command} with ${kind} as ${file}`,
          command: "attack",
          positionals: [command, run, join(run, file), path],
        });
      }
  const ended = await runJobs(jobs);
  expect(ended.flatMap((e) => faults(e))).toEqual([]);
  expect(ended).toHaveLength(jobs.length);
}, 300_000);

describe("C6: sizes and numbers that lie", () => {
  const wav = (
    dataBytes: number,
    [tag, channels, rate, perS, block, bits]: number[],
    extra = Buffer.alloc(0),
    body = Buffer.alloc(4000),
  ): Buffer => {
    const head = Buffer.alloc(16);
    head.writeUInt16LE(tag!, 0);
    head.writeUInt16LE(channels!, 2);
    head.writeUInt32LE(rate!, 4);
    head.writeUInt32LE(perS!, 8);
    head.writeUInt16LE(block!, 12);
    head.writeUInt16LE(bits!, 14);
    const u32 = (n: number): Buffer => {
      const b = Buffer.alloc(4);
      b.writeUInt32LE(n);
      return b;
    };
    return Buffer.concat([
      ...[Buffer.from("RIFF"), u32(36 + body.length), Buffer.from("WAVE"), extra],
      ...[Buffer.from("fmt "), u32(16), head, Buffer.from("data"), u32(dataBytes), body],
    ]);
  };
  const good = [1, 2, 48000, 192000, 4, 16];
  const many = (n: number, text: string): string => text.repeat(n);
  const lines = (...l: string[]): string => `${l.join("\n")}\n`;
  const digits = many(400, "9");
  const long = many(1_000_000, "9");

  /** Format, options, and what the source holds: a file, or a folder of files. */
  const bombs: Record<
    string,
    [string, Record<string, string>, string | Buffer | Record<string, string | Buffer>]
  > = {
    "WAV of 4 GB": ["wav", {}, wav(0xffffffff, good)],
    "WAV of 2 GB": ["wav", {}, wav(0x80000000, good)],
    "WAV of no channels": ["wav", {}, wav(4000, [1, 0, 48000, 0, 0, 16])],
    "WAV of 65,534 bytes a row": ["wav", {}, wav(4000, [1, 32767, 48000, 0, 65534, 16])],
    "WAV of no rate": ["wav", {}, wav(4000, [1, 2, 0, 0, 4, 16])],
    "WAV of 17 bits": ["wav", {}, wav(4000, [1, 2, 48000, 1, 4, 17])],
    "WAV of 500,000 chunks": ["wav", {}, wav(4000, good, Buffer.alloc(4_000_000, "JUNK\0\0\0\0"))],
    "WAV with a chunk of 4 GB": [
      "wav",
      {},
      wav(4000, good, Buffer.from("JUNK\xf0\xff\xff\xff", "latin1")),
    ],
    "CSV of 200,000 columns": [
      "csv",
      { map: MAP },
      lines(
        `TIME,V,I${many(200_000, ",x")}`,
        `0,12,1${many(200_000, ",1")}`,
        `0.1,12,1${many(200_000, ",1")}`,
      ),
    ],
    "CSV of quotes": ["csv", { map: MAP }, `TIME,V,I\n${many(1_999_999, '"')}\n`],
    "CSV of 3 million lines before a header": ["csv", { map: MAP }, many(3_000_000, "a\n")],
    "CSV of numbers at the end of what can be": [
      "csv",
      { map: MAP },
      lines("TIME,V,I", "0,1e308,1e308", "1e300,12,1", "2e300,1,1", "1,-1e308,1e308"),
    ],
    "CSV of times at the end of what can be": [
      "csv",
      { map: MAP },
      lines("TIME,V,I", "-1e18,12,1", "0,12,1", "1e18,12,1"),
    ],
    "CSV of 400 digits": [
      "csv",
      { map: MAP },
      lines("TIME,V,I", `${digits},${digits},1`, `0,12,1`, `0.1,${digits},-${digits}`),
    ],
    "CSV of a million digits": [
      "csv",
      { map: MAP },
      lines("TIME,V,I", `${long.slice(9)},12,1`, `0.${long.slice(99)},12,1`, "1,1,1"),
    ],
    "CSV of the year 9999": [
      "csv",
      { map: "time=TIME:date; v.gpu=V; a.gpu=I" },
      lines(
        "TIME,V,I",
        "9999-12-31 23:59:59Z,12,1",
        "0001-01-01 00:00:00,12,1",
        "2024-01-01 00:00:00,12,1",
      ),
    ],
    "CSV at a rate beyond all measure": [
      "csv",
      { map: "time=index:1e-300Hz; v.gpu=V; a.gpu=I" },
      lines("V,I", "12,1", "12,1", "12,1"),
    ],
    "CSV at an endless rate": [
      "csv",
      { map: "time=index:1e999Hz; v.gpu=V; a.gpu=I" },
      lines("V,I", "12,1"),
    ],
    "CSV of objects' names": [
      "csv",
      { map: "time=TIME; v.constructor=__proto__; a.constructor=constructor" },
      lines("TIME,__proto__,constructor", "0,12,1", "0.1,12,1", "0.2,12,1"),
    ],
    "CSV into __proto__": [
      "csv",
      { map: "time=TIME; v.__proto__=V; a.__proto__=I" },
      lines("TIME,V,I", "0,12,1", "0.1,12,1"),
    ],
    "a map of 10,000 rails": [
      "csv",
      { map: `time=T; ${Array.from({ length: 10_000 }, (_, i) => `w.r${i}=#2`).join("; ")}` },
      lines("T,V", "0,12", "1,12", "2,12"),
    ],
    "deep JSON": [
      "mlperf-tiny",
      {},
      { "results.json": many(2_000_000, "[") + many(2_000_000, "]") },
    ],
    "open JSON": ["mlperf-tiny", {}, { "results.json": many(5_000_000, "[") }],
    "JSON of numbers that are none": [
      "mlperf-tiny",
      {},
      {
        "results.json": JSON.stringify([
          {
            power: {
              samples: [1, 2, 3],
              timestamps: [
                ["x", 0],
                ["y", 3],
              ],
            },
          },
        ]).replaceAll("3", "1e999"),
      },
    ],
    "edges at the end of what can be": [
      "mlperf-tiny",
      {},
      {
        "trace1-energy.bin": Buffer.concat([
          Buffer.from([0xf1, 0, 0, 0x7a, 0x44]),
          Buffer.alloc(4000, 0x41),
        ]),
        "trace1-timestamps.json": "[0.1, 1e308, 1e999]",
      },
    ],
    "a trace at a rate that is none": [
      "mlperf-tiny",
      {},
      {
        "trace1-energy.bin": Buffer.concat([
          Buffer.from([0xf1, 0, 0, 0xc0, 0x7f]),
          Buffer.alloc(4000, 0x41),
        ]),
        "trace1-timestamps.json": "[]",
      },
    ],
    "a trace at a rate of 1e-38": [
      "mlperf-tiny",
      {},
      {
        "trace1-energy.bin": Buffer.concat([
          Buffer.from([0xf1, 1, 0, 0, 0]),
          Buffer.alloc(4000, 0x41),
        ]),
        "trace1-timestamps.json": "[]",
      },
    ],
    "a runner's log of digits": [
      "mlperf-tiny",
      {},
      {
        "trace1-energy.bin": Buffer.concat([
          Buffer.from([0xf1, 0, 0, 0x7a, 0x44]),
          Buffer.alloc(4000, 0x41),
        ]),
        "trace1-timestamps.json": "[0.1,0.2,0.3,0.4]",
        "log.txt": lines(
          `${digits}.5 io: m-lap-us-${digits}`,
          `1.5 io: m-lap-us-${digits}`,
          `2.5 s: m-session-start-id[99999999999999]`,
          `2.5 s: m-infer-start-${digits}`,
          "3.5 s: m-infer-done",
        ),
        "results.txt": lines(`Energy data for window ${digits} at`, ` Energy : ${digits} uJ`),
      },
    ],
    "NVML of 400 digits": [
      "nvml-csv",
      {},
      lines("t_mono_ns,power_W", `${digits},1`, `1,${digits}`, "2,nan", "-5,3", "3,4"),
    ],
    "NVML of 100,000 columns": [
      "nvml-csv",
      {},
      lines(`t_mono_ns,power_W${many(100_000, ",c")}`, `1,1${many(100_000, ",1")}`),
    ],
    "NVML of 100,000 columns of one name": [
      "nvml-csv",
      {},
      lines(
        `t_mono_ns${many(100_000, ",power_W")}`,
        `1${many(100_000, ",1")}`,
        `2${many(100_000, ",1")}`,
      ),
    ],
    "NVML without a time among 100,000": [
      "nvml-csv",
      {},
      lines(`t,power_W${many(100_000, ",c")}`, "1,1"),
    ],
    "PMT of 200,000 columns": [
      "pmt",
      {},
      lines(
        `timestamp${many(200_000, " a")}`,
        `0${many(200_000, " 1")}`,
        `1${many(200_000, " 1")}`,
      ),
    ],
    "PMT with a mark of a megabyte": [
      "pmt",
      {},
      lines("timestamp gpu_instant", "0 1", `M 0 "${many(900_000, "x")}"`, "1 2"),
    ],
    "PMT of digits": [
      "pmt",
      {},
      lines("timestamp gpu_instant", `${digits} 1`, `0 ${digits}`, `M ${digits} "x"`, "1 2"),
    ],
    "PowerSensor3 of 150,000 columns": [
      "pmt",
      {},
      lines(
        `marker time dt_micro device_timestamp current0 voltage0 power0 power_total${many(150_000, " x")}`,
        `S 0.1 50 7${many(150_004, " 1")}`,
      ),
    ],
    "PowerSensor3 of digits": [
      "pmt",
      {},
      lines(
        "marker time dt_micro device_timestamp current0 voltage0 power0 power_total",
        `S ${digits} 50 7 1 1 1 1`,
        `S 0.1 50 ${digits} 1 1 1 1`,
        `S 0.1 50 7 ${digits} 1 1 1`,
        `M ${digits} ${digits} 1 "x"`,
        "S 0.2 50 8 1 1 1 1",
        `S 0.${digits} 50 9 1 1 1 1`,
      ),
    ],
    "nvidia-smi of years": [
      "nvidia-smi",
      {},
      lines(
        "timestamp, power.draw [W]",
        "2024/01/01 00:00:00.000, 9e999 W",
        "2024/01/01 00:00:00.100, [N/A]",
        "9999/01/01 00:00:00, 5 W",
        "0000/01/01 00:00:00, 5 W",
        `2024/01/01 00:00:00.2, ${digits} W`,
      ),
    ],
    "nvidia-smi of 100,000 GPUs": [
      "nvidia-smi",
      {},
      `timestamp, index, power.draw [W]\n${Array.from({ length: 100_000 }, (_, i) => `2024/01/01 00:00:00.100, ${i}, 5 W`).join("\n")}\n`,
    ],
    "PTDaemon of 100,000 columns": [
      "mlperf-power",
      {},
      {
        "run_1-spl.txt": lines(
          ...[1, 2, 3].map(
            (s) => `Time,11-14-2023 22:13:2${s}.000,Watts,5.5${many(100_000, ",A,1")}`,
          ),
        ),
      },
    ],
    "PTDaemon of years": [
      "mlperf-power",
      {},
      {
        "run_1-spl.txt": lines(
          "Time,11-14-9999 22:13:20.000,Watts,5.5,Volts,230,Amps,0.1,PF,0.9",
          "Time,11-14-2023 22:13:20.000,Watts,5.5,Volts,230,Amps,0.1,PF,0.9",
        ),
      },
    ],
    "PMD stamps of digits": [
      "yang-pmd",
      {},
      { "PMD_data.bin": pmd(), "PMD_start_ts.txt": digits, "timestamps.csv": digits },
    ],
    "PMD stamps at the end of what can be": [
      "yang-pmd",
      {},
      {
        "PMD_data.bin": pmd(),
        "PMD_start_ts.txt": "9999999999999999",
        "timestamps.csv": "timestamp\n1700000000000000\n4600000000000000\n",
      },
    ],
  };

  function pmd(): Buffer {
    const out = Buffer.alloc(18 * 600);
    for (let i = 0; i < 600; i++) {
      out.writeUInt16LE((i * 600) & 0xffff, i * 18);
      for (let k = 0; k < 4; k++) out.writeInt16LE(1600 << 4, i * 18 + 2 + 4 * k);
    }
    return out;
  }

  test("every import ends in a run that can be compared, or in one line and no run", async () => {
    const jobs = Object.entries(bombs).flatMap(([name, [format, options, source]]): Job[] => {
      const [path, out] = [join(dir, name.replaceAll(/\W/g, "-")), place()];
      if (typeof source === "string" || Buffer.isBuffer(source)) writeFileSync(path, source);
      else {
        mkdirSync(path);
        for (const [file, data] of Object.entries(source)) writeFileSync(join(path, file), data);
      }
      const rig = format === "wav" ? { rig: "example-sound-card" } : {};
      return [
        {
          name,
          command: "import",
          positionals: [format, path],
          options: { ...options, ...rig, out },
        },
        { name: `${name}: report`, command: "report", positionals: [out] },
        { name: `${name}: verify`, command: "verify", positionals: [out] },
      ];
    });
    const sparse = join(dir, "sparse.csv");
    writeFileSync(sparse, "TIME,V,I\n0,12,1\n0.001,12,1\n");
    truncateSync(sparse, 3 * 2 ** 30);
    jobs.push({
      name: "3 GB of NUL",
      command: "import",
      positionals: ["csv", sparse],
      options: { map: MAP, out: place() },
    });
    const line = join(dir, "line.csv");
    writeFileSync(line, "TIME,V,I\n" + "x".repeat(5 << 20));
    jobs.push({
      name: "a line without an end",
      command: "import",
      positionals: ["csv", line],
      options: { map: MAP, out: place() },
    });
    const rig = join(dir, "big.yaml");
    for (const [what, text] of Object.entries({
      "a rig of 2 MB": "# x\n".repeat(1 << 19),
      "a rig 500,000 deep": "[".repeat(500_000),
      "a rig of aliases": `a: &a [1]\n${Array.from({ length: 40 }, (_, i) => `k${i}: &k${i} [*${i ? `k${i - 1}` : "a"}, *${i ? `k${i - 1}` : "a"}]`).join("\n")}\n`,
    })) {
      const own = `${rig}.${places}.yaml`;
      writeFileSync(own, text);
      jobs.push({
        name: what,
        command: "record",
        positionals: [],
        options: { rig: own, out: place(), duration: "1s" },
      });
    }
    const ended = await runJobs(jobs);
    expect(ended.flatMap((e) => faults(e))).toEqual([]);
    expect(ended).toHaveLength(jobs.length);
    for (const [i, job] of jobs.entries()) {
      const { code, message } = ended[i]!;
      if (job.command === "import" && code === 1) {
        expect([job.name, message]).not.toEqual([job.name, ""]);
        expect([job.name, existsSync(String(job.options!["out"]))]).toEqual([job.name, false]);
      }
    }
    expect(ended.filter((e) => e.name in bombs && e.code === 1).length).toBeGreaterThan(15);
  }, 600_000);
});
