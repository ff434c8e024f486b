// Damaged sources of every format: an importer ends in a run or in one line that names the file, never in
// another error, and never leaves half a run behind (runImport checks that).

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { formats } from "../../../ingest/import/formats.ts";
import { loadRig } from "../../../rigs/load.ts";
import { type ImportOptions, random, runImport, scratch, sweep } from "./context.ts";

afterEach(sweep);

const START = 1_700_000_000;
const each = (n: number, line: (i: number) => string): string =>
  Array.from({ length: n }, (_, i) => line(i) + "\n").join("");

function pmdFrames(): Buffer {
  const out = Buffer.alloc(18 * 60);
  for (let i = 0; i < 60; i++) {
    out.writeUInt16LE((i * 600) & 0xffff, i * 18);
    for (let k = 0; k < 4; k++) out.writeInt16LE(1600 << 4, i * 18 + 2 + 4 * k);
  }
  return out;
}

function tinyTrace(): Buffer {
  const out = Buffer.alloc(5 + 4 * 50, 0x41);
  out[0] = 0xf1;
  out.writeFloatLE(1000, 1);
  return out;
}

function wav(): Buffer {
  const out = Buffer.alloc(44 + 160, 7);
  out.write("RIFF\xc4\0\0\0WAVEfmt \x10\0\0\0", "latin1");
  out.set([1, 0, 2, 0, 0x80, 0xbb, 0, 0, 0, 0xee, 2, 0, 4, 0, 16, 0], 20);
  out.write("data\xa0\0\0\0", 36, "latin1");
  return out;
}

/** Files of a small whole source of each format; a single unnamed one is the source itself. */
const sources: Record<string, Record<string, string | Buffer>> = {
  "yang-pmd": {
    "PMD_data.bin": pmdFrames(),
    "PMD_start_ts.txt": `${START}000000\n`,
    "timestamps.csv": each(5, (i) => (i === 0 ? "timestamp" : `${START}00${i}000`)),
    "gpudata.csv":
      "timestamp, power.draw [W]\n" + each(5, (i) => `2023/11/14 22:13:20.00${i}, 5.5`),
  },
  "mlperf-tiny": {
    "trace1-energy.bin": tinyTrace(),
    "trace1-timestamps.json": "[0.01, 0.02, 0.03]",
    "log.txt": "00001.5 session: m-session-start-id[20231114231320]\n00002.5 io: m-lap-us-77\n",
    "results.txt": "1 ulp: Energy data for window 2 at\n1 ulp:  Energy : 5.5 uJ\n",
  },
  "mlperf-power": {
    "run_1-spl.txt": each(
      9,
      (i) => `Time,11-14-2023 22:13:2${i}.000,Watts,5.5,Volts,230,Amps,0.1,PF,0.9,Mark,x`,
    ),
    "run_1-mlperf_log_detail.txt": `:::MLLOG {"key": "power_begin", "value": "11-14-2023 22:13:21.500"}\n`,
  },
  pmt: { "": "timestamp device\n" + each(9, (i) => `${START}.${i}00 5.5`) + 'M 0.300 "start"\n' },
  "nvml-csv": {
    "": "t_mono_ns,power_W,util_gpu\n" + each(9, (i) => `${i}000,5.5,7`) + "9500,MARK,end\n",
  },
  "nvidia-smi": {
    "":
      "timestamp, index, power.draw [W]\n" +
      each(9, (i) => `2023/11/14 22:13:20.00${i}, ${i % 2}, 5.5 W`),
  },
  csv: { "": "t,v,a\n" + each(9, (i) => `0.${i},12.1,3.5`) },
  wav: { "": wav() },
};

const options = async (format: string): Promise<ImportOptions> => {
  if (format === "csv") return { map: "time=t; v.x=v; a.x=a" };
  if (format === "wav") return { rig: (await loadRig("rigs/example-sound-card.yaml")).rig };
  return {};
};

test("every format is here", () => {
  expect(Object.keys(sources).sort()).toEqual(Object.keys(formats).sort());
});

test.each(Object.keys(sources))(
  "%s: whole, then cut, flipped, filled and emptied",
  async (format) => {
    const importer = await formats[format]!.load();
    const given = await options(format);
    const next = random(format.length);
    const names = Object.keys(sources[format]!);
    let whole = 0;
    let refused = 0;
    for (let trial = 0; trial < 40; trial++) {
      const root = join(scratch(), "source");
      if (names[0] !== "") mkdirSync(root);
      for (const name of names) writeFileSync(join(root, name), sources[format]![name]!);
      if (trial > 0) spoil(join(root, names[trial % names.length]!), trial, next);
      try {
        await runImport(importer, root, given);
        whole++;
      } catch (error) {
        expect(error).toMatchObject({ name: "InputError" });
        expect((error as Error).message).not.toContain("\n");
        expect(trial).toBeGreaterThan(0);
        refused++;
      }
    }
    expect(whole).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  },
);

function spoil(path: string, trial: number, next: () => number): void {
  const data = readFileSync(path);
  const at = Math.floor(next() * data.length);
  switch (trial % 5) {
    case 0:
      return writeFileSync(path, data.subarray(0, at));
    case 1:
      data[at]! ^= 1 << Math.floor(next() * 8);
      return writeFileSync(path, data);
    case 2:
      return writeFileSync(
        path,
        data.fill(Math.floor(next() * 256), at, Math.min(at + 30, data.length)),
      );
    case 3:
      return writeFileSync(path, Buffer.concat([data.subarray(0, at), data.subarray(at + 7)]));
    default:
      return writeFileSync(
        path,
        Buffer.from(Array.from({ length: data.length }, () => next() * 256)),
      );
  }
}
