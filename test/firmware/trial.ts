// Runs a trial of the emulated board in a process of its own and reads what it left.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { FrameDecoder } from "../../ingest/instruments/truejoule-daq/frame-decoder.ts";
import type { Scenario, Truth } from "../../firmware/emulator/trial.ts";
import { hasTool } from "../../firmware/toolchain.ts";
import {
  channelsOf,
  decodeEdges,
  decodeReadings,
  decodeStatus,
  type DeviceStatus,
  type Reading,
  type WireEdge,
} from "../../schema/wire/frame-records.ts";
import { FrameSplitter } from "../../schema/wire/frame-splitter.ts";
import { RecordType } from "../../schema/wire/frame.ts";
import type { SampleBlock } from "../../schema/records.ts";
import { Collector } from "../ingest/collect.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** Why these tests do not run here, or null. */
export const whyNot: string | null = !hasTool("arm-none-eabi-gcc")
  ? "arm-none-eabi-gcc is not installed"
  : process.env["TRUEJOULE_FIRMWARE"] !== "1"
    ? "slow: set TRUEJOULE_FIRMWARE=1"
    : null;

export interface Trial {
  readonly truth: Truth;
  /** Every conversion of the run, in order. */
  readonly counts: Uint16Array;
  readonly decoder: FrameDecoder;
  readonly blocks: readonly SampleBlock[];
  /** As they were on the wire. */
  readonly edges: readonly WireEdge[];
  readonly readings: readonly Reading[];
  readonly statuses: readonly DeviceStatus[];
}

export async function trial(image: string, scenario: Scenario): Promise<Trial> {
  const folder = mkdtempSync(join(tmpdir(), "truejoule-trial-"));
  try {
    const args = ["--no-warnings", "--import", "./scripts/ts-register.mjs"];
    const program = "firmware/emulator/trial.ts";
    await run(process.execPath, [...args, program, image, folder, JSON.stringify(scenario)], {
      cwd: root,
    });
    return read(folder, scenario);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(folder: string, scenario: Scenario): Trial {
  const stream = new Uint8Array(readFileSync(join(folder, "stream.bin")));
  const raw = readFileSync(join(folder, "counts.bin"));
  const sink = new Collector();
  const { rowHz } = scenario;
  const decoder = new FrameDecoder(sink, { stream: "main", rowHz, tickHz: 1e6 });
  const edges: WireEdge[] = [];
  const readings: Reading[] = [];
  const statuses: DeviceStatus[] = [];
  const splitter = new FrameSplitter((f) => {
    if (f.type === RecordType.edges) edges.push(...decodeEdges(f)!);
    if (f.type === RecordType.readings) readings.push(...decodeReadings(f)!);
    if (f.type === RecordType.status) statuses.push(decodeStatus(f)!);
  });
  // As a reader of a serial line would bring them.
  for (let at = 0; at < stream.length; at += 4000) {
    decoder.push(stream.subarray(at, at + 4000), null, null);
    splitter.push(stream.subarray(at, at + 4000), null, null);
  }
  decoder.cut();
  return {
    truth: JSON.parse(readFileSync(join(folder, "truth.json"), "utf8")) as Truth,
    counts: new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2).slice(),
    decoder,
    blocks: sink.of("main"),
    edges,
    readings,
    statuses,
  };
}

/** Samples of the blocks that are not what the converter gave at their row; every row that was received is compared. */
export function wrongSamples(t: Trial, mask: number): { compared: number; wrong: number } {
  const channels = channelsOf(mask).length;
  const rowBytes = Math.ceil((channels * 12) / 8);
  let [compared, wrong] = [0, 0];
  for (const { bytes, firstIndex, rows } of t.blocks)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < channels; c++, compared++) {
        const at = r * rowBytes + ((c * 3) >> 1);
        const pair = bytes[at]! | (bytes[at + 1]! << 8);
        const value = c % 2 === 0 ? pair & 0xfff : pair >> 4;
        if (value !== t.counts[(firstIndex + r) * channels + c]) wrong++;
      }
  return { compared, wrong };
}
