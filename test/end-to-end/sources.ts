// One good capture for every import format, of a bench that never existed: a square load of known steps
// with seeded noise. What a damaged copy is held against.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Random, random } from "../../stats/random.ts";

export interface Source {
  readonly name: string;
  /** As `import` calls it. */
  readonly format: string;
  /** Writes the source below `dir`. @returns what `import` is given. */
  readonly write: (dir: string) => string;
  readonly options?: Readonly<Record<string, string>>;
  /** Files below the source, or "" for the source itself; the first holds the power. */
  readonly files: readonly string[];
  readonly binary: readonly string[];
}

/** 2023-11-14 22:13:20 UTC. */
const T0_S = 1_700_000_000;
const LOADS: readonly (readonly [number, number])[] = [
  [0.3, 0.6],
  [0.9, 1.2],
  [1.5, 1.9],
];
const DURATION_S = 2.2;

/** 1 during a load, 0 outside. */
const loaded = (s: number): number => (LOADS.some(([a, b]) => s >= a && s < b) ? 1 : 0);

const rng = (stream: string): Random => random(11, stream);

function folder(
  dir: string,
  name: string,
  files: Readonly<Record<string, string | Buffer>>,
): string {
  const path = join(dir, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files)) writeFileSync(join(path, file), content);
  return path;
}

function file(dir: string, name: string, content: string | Buffer): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

/** Seconds from the start, every `dt`. */
const times = (dt: number, duration = DURATION_S): number[] =>
  Array.from({ length: Math.round(duration / dt) }, (_, i) => i * dt);

const iso = (s: number): string => new Date((T0_S + s) * 1000).toISOString();

/** 18-byte frames at 4.78 kHz, ticks of 2.9345 MHz. */
function pmdFrames(): Buffer {
  const r = rng("pmd");
  const step = 2.9345e6 / 4780;
  const n = Math.round(4780 * DURATION_S);
  const out = Buffer.alloc(n * 18);
  for (let i = 0; i < n; i++) {
    out.writeUInt16LE(Math.round(i * step + 2 * r.normal()) & 0xffff, i * 18);
    for (let k = 0; k < 4; k++) {
      const volts = [12.1, 12.05, 0, 12.2][k]! / 0.007568 + r.normal();
      const amps = k === 2 ? 1.5 : (2 + 8 * loaded(i / 4780)) / 0.0488;
      out.writeInt16LE(Math.round(volts) << 4, i * 18 + 2 + 4 * k);
      out.writeInt16LE(Math.round(amps + 2 * r.normal()) << 4, i * 18 + 4 + 4 * k);
    }
  }
  return out;
}

const yangPmd: Source = {
  name: "yang-pmd",
  format: "yang-pmd",
  options: { tz: "UTC" },
  files: ["PMD_data.bin", "PMD_start_ts.txt", "timestamps.csv", "gpudata.csv"],
  binary: ["PMD_data.bin"],
  write: (dir) => {
    const us = (s: number): string => String(BigInt(Math.round((T0_S + s) * 1e6)));
    const r = rng("smi");
    const smi = times(0.02).map((s) => {
      const stamp = iso(s).replaceAll("-", "/").replace("T", " ").replace("Z", "");
      const watts = 70 + 290 * loaded(s) + r.normal();
      return `${stamp}, ${watts.toFixed(2)}, ${98 * loaded(s)}, P2, Some Card`;
    });
    return folder(dir, "card", {
      "PMD_data.bin": pmdFrames(),
      "PMD_start_ts.txt": `${us(0)}\n`,
      "timestamps.csv": `timestamp\n${[...LOADS.flat(), 2.1].map(us).join("\n")}\n`,
      "gpudata.csv": `timestamp, power.draw.instant [W], utilization.gpu [%], pstate, name\n${smi.join("\n")}\n`,
    });
  },
};

const tiny: Source = {
  name: "mlperf-tiny, runner 1.x",
  format: "mlperf-tiny",
  options: { tz: "UTC" },
  files: ["trace1-energy.bin", "trace1-timestamps.json", "log.txt", "results.txt"],
  binary: ["trace1-energy.bin"],
  write: (dir) => {
    const r = rng("tiny");
    const head = Buffer.alloc(5);
    head[0] = 0xf1;
    head.writeFloatLE(2000, 1);
    const samples = Float32Array.from(times(1 / 2000), (s) => 20 + 90 * loaded(s) + r.normal());
    const published = LOADS.flatMap(([a, b], k) => {
      const inside = samples.subarray(Math.round(a * 2000), Math.round(b * 2000));
      const uJ = inside.reduce((sum, mW) => sum + (mW * 1e3) / 2000, 0);
      return [
        `1.0 ulp-ml: Energy data for window ${2 * k + 2} at time ${a.toFixed(2)} for ${(b - a).toFixed(2)} sec.:`,
        `1.0 ulp-ml:   Energy       :   ${uJ.toFixed(3)} uJ`,
      ];
    });
    const stamp = (s: number, text: string): string =>
      `${(10 + s).toFixed(3).padStart(9, "0")} ${text}`;
    const windows = LOADS.flatMap(([a, b]) => [
      stamp(a + 0.002, "io: [dut]: m-infer-start-7"),
      stamp(b + 0.002, "io: [dut]: m-infer-done"),
    ]);
    return folder(dir, "board", {
      "trace1-energy.bin": Buffer.concat([head, Buffer.from(samples.buffer)]),
      "trace1-timestamps.json": JSON.stringify(LOADS.flat()),
      "log.txt": [
        stamp(-1, "session: m-session-start-id[20231114221319]"),
        stamp(0, "emon: m-trace[on]"),
        ...windows,
        "",
      ].join("\n"),
      "results.txt": `${published.join("\n")}\n`,
    });
  },
};

const openRunner: Source = {
  name: "mlperf-tiny, open runner",
  format: "mlperf-tiny",
  files: ["results.json"],
  binary: [],
  write: (dir) => {
    const r = rng("open");
    const trials = [1, 2].map((n) => {
      const samples = times(1e-3, 1).map((s) => 1e-5 * (2 + 9 * loaded(s) + 0.1 * r.normal()));
      const timestamps = [
        ["00", 250],
        ["01", 950],
      ];
      return { file: `trial${n}`, power: { samples, timestamps } };
    });
    const published = trials.map(({ power }, n) => {
      const uJ = power.samples.slice(250, 950).reduce((sum, joules) => sum + 1e6 * joules, 0);
      return `Energy data for trial ${n}\nTotal Energy  : ${uJ.toFixed(3)} uJ\n`;
    });
    return folder(dir, "open", {
      "results.json": JSON.stringify(trials),
      "log.txt": published.join(""),
    });
  },
};

const meter: Source = {
  name: "mlperf-power",
  format: "mlperf-power",
  options: { tz: "UTC" },
  files: ["spl.txt", "mlperf_log_detail.txt"],
  binary: [],
  write: (dir) => {
    const r = rng("meter");
    const clock = (s: number): string => {
      const t = iso(s);
      return `${t.slice(5, 7)}-${t.slice(8, 10)}-${t.slice(0, 4)} ${t.slice(11, 23)}`;
    };
    const rows = times(1, 60).map((s) => {
      const watts = 300 + (s >= 10 && s < 50 ? 900 : 0) + 5 * r.normal();
      return `Time,${clock(s)},Watts,${watts.toFixed(2)},Volts,230.10,Amps,${(watts / 230.1 / 0.97).toFixed(4)},PF,0.9700,Mark,x_testing`;
    });
    const event = (key: string, s: number): string =>
      `:::MLLOG {"key": "${key}", "value": "${clock(s)}", "time_ms": 1.5}`;
    return folder(dir, "system", {
      "spl.txt": `${rows.join("\r\n")}\r\n`,
      "mlperf_log_detail.txt": `${event("power_begin", 12)}\n${event("power_end", 48)}\n`,
    });
  },
};

const pmtLog: Source = {
  name: "pmt",
  format: "pmt",
  files: [""],
  binary: [],
  write: (dir) => {
    const r = rng("pmt");
    const lines: [number, string][] = times(0.05).map((s) => [
      s,
      `${(T0_S + s).toFixed(3)} ${(60 + 200 * loaded(s) + r.normal()).toFixed(3)} ${(60 + 180 * loaded(s)).toFixed(3)}`,
    ]);
    for (const [a, b] of LOADS)
      lines.push([a + 1e-3, `M ${a.toFixed(3)} "start"`], [b + 1e-3, `M ${b.toFixed(3)} "end"`]);
    lines.sort((x, y) => x[0] - y[0]);
    const text = lines.map((l) => l[1]).join("\n");
    return file(dir, "pmt.log", `timestamp gpu_instant gpu_average\n${text}\n`);
  },
};

const ps3: Source = {
  name: "PowerSensor3 dump",
  format: "pmt",
  files: [""],
  binary: [],
  write: (dir) => {
    const r = rng("ps3");
    const rows = times(50e-6, 0.1).map((s, i) => {
      const amps = 2 + 8 * loaded(s * 20) + 0.05 * r.normal();
      const volts = 12 + 0.01 * r.normal();
      const micros = Math.round(s * 1e6) & 1023;
      const letter = i === 300 ? "A" : i === 1500 ? "B" : "S";
      return `${letter} ${(1000 + s).toFixed(6)} 50 ${micros} ${amps.toFixed(4)} ${volts.toFixed(4)} ${(amps * volts).toFixed(4)} ${(amps * volts).toFixed(4)}`;
    });
    return file(
      dir,
      "ps3.txt",
      `marker time dt_micro device_timestamp current0 voltage0 power0 power_total\n${rows.join("\n")}\n`,
    );
  },
};

const nvmlCsv: Source = {
  name: "nvml-csv",
  format: "nvml-csv",
  files: [""],
  binary: [],
  write: (dir) => {
    const r = rng("nvml");
    const rows: [number, string][] = times(0.02).map((s) => [
      s,
      `${5e9 + s * 1e9},${(70 + 250 * loaded(s) + r.normal()).toFixed(3)},${98 * loaded(s)},40,1980`,
    ]);
    for (const [a, b] of LOADS)
      rows.push([a, `${5e9 + a * 1e9},MARK,load start,,`], [b, `${5e9 + b * 1e9},MARK,load end,,`]);
    rows.sort((x, y) => x[0] - y[0]);
    const text = rows.map((row) => row[1]).join("\n");
    return file(dir, "nvml.csv", `t_mono_ns,power_W,util_gpu,util_mem,sm_clock\n${text}\n`);
  },
};

const scope: Source = {
  name: "csv",
  format: "csv",
  options: { map: "time=TIME; v.gpu=CH1; a.gpu=CH2; t.nvml.power_usage=smi; mark=event" },
  files: [""],
  binary: [],
  write: (dir) => {
    const r = rng("scope");
    const rows = times(1e-3).map((s) => {
      const event = LOADS.some(([a]) => Math.abs(s - a) < 1e-4)
        ? "load start"
        : LOADS.some(([, b]) => Math.abs(s - b) < 1e-4)
          ? "load end"
          : "";
      const amps = 2 + 20 * loaded(s) + 0.05 * r.normal();
      return `${s.toFixed(4)},${(12 + 0.01 * r.normal()).toFixed(4)},${amps.toFixed(4)},${(12 * amps).toFixed(2)},${event}`;
    });
    return file(dir, "scope.csv", `Model,X1000\nTIME,CH1,CH2,smi,event\n${rows.join("\n")}\n`);
  },
};

const wav: Source = {
  name: "wav",
  format: "wav",
  options: { rig: "example-sound-card" },
  files: [""],
  binary: [""],
  write: (dir) => {
    const r = rng("wav");
    const rate = 4000;
    const n = rate * DURATION_S;
    const data = new Int16Array(2 * n);
    for (let i = 0; i < n; i++) {
      data[2 * i] = Math.round((2 + 8 * loaded(i / rate)) / 1.2207e-3 + 20 * r.normal());
      data[2 * i + 1] = Math.round(12 / 0.61035e-3 + 5 * r.normal());
    }
    const head = Buffer.alloc(44);
    head.write("RIFF", 0);
    head.writeUInt32LE(36 + data.byteLength, 4);
    head.write("WAVEfmt ", 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(2, 22);
    head.writeUInt32LE(rate, 24);
    head.writeUInt32LE(rate * 4, 28);
    head.writeUInt16LE(4, 32);
    head.writeUInt16LE(16, 34);
    head.write("data", 36);
    head.writeUInt32LE(data.byteLength, 40);
    return file(dir, "scope.wav", Buffer.concat([head, Buffer.from(data.buffer)]));
  },
};

export const sources: readonly Source[] = [
  yangPmd,
  tiny,
  openRunner,
  meter,
  pmtLog,
  ps3,
  nvmlCsv,
  scope,
  wav,
];
