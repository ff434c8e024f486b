// MLPerf Tiny energy captures. Two kinds of folder:
// - runner 1.x (v0.7 to v1.2 of the results): trace1-energy.bin (power, mW), trace1-timestamps.json
//   (GPIO edges, seconds), log.txt, results.txt; whichever monitor (JS110, LPM01A, Syntiant's own);
// - the open runner (v1.3): results.json with Joules per sample. See open-runner.ts.
// The session clock is the energy monitor's own time base, trace start = 0. Edges and log marks are
// recorded as they stand: which edge belongs to which window is decided by align, which can then say
// that one is missing.

import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import type { Edge, Note } from "../../../schema/records.ts";
import { instant } from "../../../schema/time.ts";
import { type FileBytes, openBytes } from "../shared/file-bytes.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { readJson } from "../shared/json-file.ts";
import { importOpenRunner } from "./open-runner.ts";
import { counted } from "../shared/notes.ts";
import { ratedRig, rowLayout, type RowSink, rowSink, writeFinite } from "../shared/rows.ts";
import { withLost } from "./lost-marks.ts";
import { readPublished, readRunnerLog, type RunnerLog } from "./tiny-log.ts";
import { append } from "../../../schema/lists.ts";

const SUFFIX = "-energy.bin";
const HEADER_BYTES = 5;
const MAGIC = 0xf1;
const ROW_BYTES = 4;
const CHUNK_ROWS = 1 << 18;
/** A kilowatt: no board that MLPerf Tiny measures, nor any of its monitors, comes near. Milliwatts. */
const IMPLAUSIBLE_MW = 1e6;
/** Trace and log agreed within 0.9 s in all captures seen: monitors deliver what is buffered after the stop. */
const LENGTH_TOLERANCE_S = 1.5;

/** @throws InputError when trace, header or edges are not what they should be. */
export const importMlperfTiny: Importer = async (folder, context) => {
  const trace = findTrace(folder);
  return trace === undefined
    ? importOpenRunner(join(folder, "results.json"), context)
    : importTrace(folder, trace, context);
};

/** Name of the one trace in the folder, without suffix; undefined for a folder of the open runner. */
function findTrace(folder: string): string | undefined {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    const found = (error as NodeJS.ErrnoException).code === "ENOTDIR" ? "no folder" : undefined;
    if (found)
      throw inputError("not a folder", folder, `a folder with trace1${SUFFIX} or results.json`);
    throw inputError("no such folder", folder, `a folder with trace1${SUFFIX} or results.json`);
  }
  const traces = names.filter((n) => n.endsWith(SUFFIX));
  if (traces.length > 1)
    throw inputError("several traces", folder, `one *${SUFFIX}`, traces.sort().join(", "));
  if (traces.length === 0 && !names.includes("results.json"))
    throw inputError("no trace", folder, `trace1${SUFFIX} or results.json`);
  return traces[0]?.slice(0, -SUFFIX.length);
}

async function importTrace(folder: string, trace: string, context: ImportContext): Promise<void> {
  const paths = {
    energy: join(folder, trace + SUFFIX),
    edges: join(folder, `${trace}-timestamps.json`),
    log: join(folder, "log.txt"),
    results: join(folder, "results.txt"),
  };
  const file = openBytes(paths.energy, "an MLPerf Tiny energy trace");
  try {
    const rateHz = readHeader(file);
    const notes: Note[] = [];
    const rig = ratedRig(await context.rig("mlperf-tiny"), rateHz, notes);
    const layout = rowLayout(rig, ROW_BYTES, [
      { name: "power", bitOffset: 0, bits: 32, kind: "float" },
    ]);
    const durationS = (file.size - HEADER_BYTES) / ROW_BYTES / rateHz;
    const edges = readEdges(paths.edges, layout.stream, durationS, notes);
    const log = existsSync(paths.log) ? readRunnerLog(paths.log, context) : undefined;
    if (log) append(notes, log.notes);
    else notes.push({ level: "warning", text: `${paths.log}: missing, no host marks` });

    const published = existsSync(paths.results) ? readPublished(paths.results) : {};
    append(notes, contradictions(paths, durationS, log, published));

    for (const path of Object.values(paths)) if (existsSync(path)) context.origin(path);
    const out = context.create(
      {
        hostClock: "trace",
        hostEpoch: instant<"host">(0n),
        startUnix: log?.traceStart ?? null,
        labels: {
          format: "mlperf-tiny",
          capture: basename(folder),
          ...published,
        },
      },
      rig,
    );
    const { marks, found } = withLost(
      log?.marks ?? [],
      edges.flatMap((e) => e.seconds ?? []),
    );
    const what = "marks of inferences that the log lost are placed by their edges";
    append(notes, counted(paths.log, "warning", found, what));
    for (const edge of edges) out.edge(edge);
    for (const mark of marks) out.mark(mark);
    append(notes, writeRows(file, rowSink(out, layout, instant<"host">(0n)), context));
    for (const note of notes) out.note(note);
    out.close();
  } finally {
    file.close();
  }
}

/** What the files beside the trace say that it is not: the trace has no checksum and no length of its own. */
function contradictions(
  paths: { energy: string; results: string },
  durationS: number,
  log: RunnerLog | undefined,
  published: Readonly<Record<string, string>>,
): Note[] {
  const notes: Note[] = [];
  const traceS = log?.traceS ?? durationS;
  if (Math.abs(durationS - traceS) > LENGTH_TOLERANCE_S)
    notes.push({
      level: "warning",
      text: `${paths.energy}: ${durationS.toFixed(2)} s of samples, though the log has the trace on for ${traceS.toFixed(2)} s: cut, or another sample rate`,
    });
  if (existsSync(paths.results) && Object.keys(published).length === 0)
    notes.push({ level: "warning", text: `${paths.results}: no published energy in it` });
  return notes;
}

/** Sample rate, Hz, float32 after the magic byte. */
function readHeader(file: FileBytes): number {
  const head = file.at(0, HEADER_BYTES);
  if (head[0] !== MAGIC)
    throw inputError(
      "wrong first byte",
      `${file.path} at offset 0`,
      "0xf1",
      `0x${head[0]!.toString(16)}`,
    );
  if (file.size < HEADER_BYTES + ROW_BYTES)
    throw inputError("no sample in it", file.path, "at least 9 bytes", `${file.size}`);
  const rateHz = head.readFloatLE(1);
  if (!(rateHz >= 1 && rateHz <= 1e8))
    throw inputError("bad sample rate", `${file.path} at offset 1`, "1 Hz to 100 MHz", `${rateHz}`);
  return rateHz;
}

/** Edges in seconds from the first sample, each a falling edge of the trigger line as the monitor saw it. */
function readEdges(path: string, stream: string, durationS: number, notes: Note[]): Edge[] {
  if (!existsSync(path)) {
    notes.push({ level: "warning", text: `${path}: missing, so no window can be placed` });
    return [];
  }
  const list = readJson(path, "a list of seconds");
  if (!Array.isArray(list)) throw inputError("not a list", path, "a list of seconds", typeof list);
  const edges: Edge[] = [];
  let last = -Infinity;
  let outside = 0;
  for (const [i, seconds] of list.entries()) {
    if (typeof seconds !== "number" || !Number.isFinite(seconds))
      throw inputError("bad edge", `${path}, element ${i}`, "seconds", JSON.stringify(seconds));
    if (seconds < last)
      throw inputError(
        "edges go back in time",
        `${path}, element ${i}`,
        `at least ${last}`,
        `${seconds}`,
      );
    if (seconds < 0 || seconds > durationS) outside++;
    last = seconds;
    edges.push({ line: "trigger", stream, seconds, level: null });
  }
  const where = `edges lie outside the trace of ${durationS.toFixed(3)} s`;
  append(notes, counted(path, "warning", outside, where));
  return edges;
}

/** Samples → rows as they stand; a sample that is no number is left out and leaves a gap of its length. */
function writeRows(file: FileBytes, sink: RowSink, context: ImportContext): Note[] {
  const rows = Math.floor((file.size - HEADER_BYTES) / ROW_BYTES);
  let bad = 0;
  let implausible = 0;
  for (let done = 0; done < rows; done += CHUNK_ROWS) {
    const count = Math.min(CHUNK_ROWS, rows - done);
    const bytes = file.at(HEADER_BYTES + done * ROW_BYTES, count * ROW_BYTES);
    const samples = new Float32Array(Uint8Array.from(bytes).buffer);
    bad += writeFinite(sink, done, samples);
    for (let i = 0; i < count; i++)
      if (Math.abs(samples[i]!) > IMPLAUSIBLE_MW && Math.abs(samples[i]!) < Infinity) implausible++;
    context.progress(HEADER_BYTES + (done + count) * ROW_BYTES, file.size);
  }
  const { path } = file;
  const rest = (file.size - HEADER_BYTES) % ROW_BYTES;
  return [
    ...counted(path, "loss", bad, "samples are not numbers and were left out"),
    ...counted(path, "loss", rest, "bytes after the last whole sample were left out"),
    ...counted(
      path,
      "warning",
      implausible,
      "samples are beyond 1 kW: the file is probably damaged",
    ),
  ];
}
