// Format name → importer, loaded when asked for.

import type { Importer } from "./importer.ts";

export interface Format {
  /** One line for the help text. */
  readonly summary: string;
  /** `device.kind` of the rigs that describe its files, where there are such. */
  readonly rigKinds: readonly string[];
  readonly load: () => Promise<Importer>;
}

export const formats: Readonly<Record<string, Format>> = {
  "yang-pmd": {
    summary:
      "folder with PMD_data.bin, PMD_start_ts.txt, timestamps.csv, gpudata.csv (ElmorLabs PMD-USB + nvidia-smi)",
    rigKinds: ["elmorlabs-pmd-usb"],
    load: async () => (await import("./yang/yang-pmd.ts")).importYangPmd,
  },
  "mlperf-tiny": {
    summary:
      "folder with trace1-energy.bin and its edges and logs, or results.json of the open runner",
    rigKinds: ["mlperf-tiny", "mlperf-tiny-open"],
    load: async () => (await import("./mlperf/mlperf-tiny.ts")).importMlperfTiny,
  },
  "mlperf-power": {
    summary: "SPEC PTDaemon spl.txt beside mlperf_log_detail.txt: a folder, or the spl.txt",
    rigKinds: ["mlperf-power"],
    load: async () => (await import("./mlperf/mlperf-power.ts")).importMlperfPower,
  },
  pmt: {
    summary: "text log of PMT (telemetry and marks) or dump of PowerSensor3",
    rigKinds: ["powersensor3"],
    load: async () => (await import("./pmt/pmt.ts")).importPmt,
  },
  "nvml-csv": {
    summary: "CSV of an NVML sampler: t_mono_ns, power_W, util_gpu, util_mem, sm_clock, MARK rows",
    rigKinds: [],
    load: async () => (await import("./nvidia/nvml-csv.ts")).importNvmlCsv,
  },
  "nvidia-smi": {
    summary: "log of nvidia-smi --query-gpu=timestamp,… --format=csv, of one GPU or several",
    rigKinds: [],
    load: async () => (await import("./nvidia/smi-csv.ts")).importSmiCsv,
  },
  csv: {
    summary: "any CSV file, by --map: volts, amperes, watts of rails, telemetry, marks",
    rigKinds: ["csv"],
    load: async () => (await import("./csv/csv.ts")).importCsv,
  },
  wav: {
    summary: "PCM or float WAV of a sound-card oscilloscope; needs --rig",
    rigKinds: ["wav"],
    load: async () => (await import("./wav/wav.ts")).importWav,
  },
};
