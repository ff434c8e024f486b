// Captures of an ElmorLabs PMD-USB beside nvidia-smi, as JimZeyuYang/GPU_Power_Benchmark records
// them (arXiv 2312.02741): a folder with PMD_data.bin (frames), PMD_start_ts.txt (host Unix µs when
// streaming was requested), timestamps.csv (Unix µs of load on, off, …, end) and gpudata.csv.
// The frames are stored verbatim; the tick rate and the distance of the first frame from the start
// stamp are left to the clock fit (rigs/elmorlabs-pmd-usb.yaml holds the prior).

import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { inputError } from "../../../schema/errors.ts";
import type { Mark, Note } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import { type Instant, instant } from "../../../schema/time.ts";
import { type FileBytes, openBytes } from "../shared/file-bytes.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { MAX_NS, readLines } from "../shared/lines.ts";
import { loadMarks } from "./load-stamps.ts";
import { importSmi, type SmiSummary } from "../nvidia/nvidia-smi.ts";
import { FIELDS, FRAME_BYTES, TICK } from "../../instruments/pmd-usb/frame.ts";
import { frameRuns, type FrameModel, learnFrames, TICK_RANGE } from "./pmd-frames.ts";
import { BLOCK_ROWS, rowLayout, type RowSink, rowSink } from "../shared/rows.ts";
import { append } from "../../../schema/lists.ts";

/** @throws InputError when frames, start stamp or load stamps are not what they should be. */
export const importYangPmd: Importer = async (folder, context) => {
  const paths = {
    frames: join(folder, "PMD_data.bin"),
    start: join(folder, "PMD_start_ts.txt"),
    load: join(folder, "timestamps.csv"),
    smi: join(folder, "gpudata.csv"),
  };
  const file = openBytes(paths.frames, "PMD-USB frames of 18 bytes");
  try {
    const model = learnFrames(file);
    const start = readStart(paths.start);
    const notes: Note[] = [];
    const marks = existsSync(paths.load) ? readLoad(paths.load, notes) : [];
    if (marks.length === 0) notes.push(warning(`${paths.load}: no load marks`));
    const startUnix = instant<"unix">(start);
    const smi = existsSync(paths.smi)
      ? importSmi(paths.smi, context, undefined, startUnix)
      : undefined;
    append(notes, smiNotes(smi, paths.smi, spanOf(file, model, start)));

    const rig = pacedRig(await context.rig("elmorlabs-pmd-usb"), model);
    append(notes, lengthNotes(paths, marks, framesEnd(file, model, start, rig.device.clock.hz)));
    const layout = rowLayout(rig, FRAME_BYTES, FIELDS, TICK);
    for (const path of Object.values(paths)) if (existsSync(path)) context.origin(path);
    const epoch = marks.reduce((least, m) => (m.t < least ? m.t : least), BigInt(start));
    const log = context.create(
      {
        hostClock: "unix",
        hostEpoch: instant<"host">(epoch),
        startUnix: instant<"unix">(epoch),
        labels: {
          format: "yang-pmd",
          capture: basename(folder),
          ...(smi?.name ? { gpu: smi.name } : {}),
        },
      },
      rig,
    );
    for (const mark of marks) log.mark(mark);
    append(notes, writeFrames(file, model, rowSink(log, layout, start), context));
    if (smi) importSmi(paths.smi, context, log, startUnix);
    for (const note of notes) log.note(note);
    log.close();
  } finally {
    file.close();
  }
};

/** The rig with the rows a second that the frames' own ticks show: gaps are judged by that. */
function pacedRig(rig: Rig, model: FrameModel): Rig {
  return { ...rig, device: { ...rig.device, rowHz: rig.device.clock.hz / model.meanStep } };
}

const warning = (text: string): Note => ({ level: "warning", text });

/** The one number of PMD_start_ts.txt, Unix µs. */
function readStart(path: string): Instant<"host"> {
  let text = "";
  for (const line of readLines(path, "Unix microseconds of the stream's start")) text += line.text;
  return instant<"host">(unixMicros(text, path));
}

/** Unix µs → ns; a time in seconds or milliseconds would lie before 1973. */
function unixMicros(text: string, where: string): bigint {
  const ns = /^\d{15,16}$/.test(text.trim()) ? BigInt(text.trim()) * 1000n : MAX_NS;
  if (ns >= MAX_NS)
    throw inputError(
      "bad time stamp",
      where,
      "Unix microseconds",
      JSON.stringify(text.slice(0, 40)),
    );
  return ns;
}

/** Stamps of load events, some written twice. */
function readLoad(path: string, notes: Note[]): Mark[] {
  const stamps: Instant<"host">[] = [];
  for (const line of readLines(path, "Unix microseconds of load events, one a line")) {
    if (line.text.trim() === "" || (line.number === 1 && line.text.trim() === "timestamp"))
      continue;
    const where = `${path}:${line.number}`;
    const t = unixMicros(line.text, where);
    const last = stamps.at(-1);
    if (last !== undefined && t < last)
      throw inputError("load stamps go back in time", where, `at least ${last / 1000n}`, line.text);
    if (t !== last) stamps.push(instant<"host">(t));
  }
  return loadMarks(stamps, path, notes);
}

/** Host time of the last frame, by the rig's tick rate. */
function framesEnd(file: FileBytes, m: FrameModel, start: Instant<"host">, hz: number): bigint {
  return start + BigInt(Math.round(((file.size / FRAME_BYTES) * m.meanStep * 1e9) / hz));
}

/** The recording goes on for 1.05 s after the last load stamp in all captures seen. */
const TAIL_NS = 3_000_000_000n;

/** Frames and load stamps of one recording end together; if not, one of the files was cut. */
function lengthNotes(
  paths: { frames: string; load: string },
  marks: readonly Mark[],
  endNs: bigint,
): Note[] {
  const last = marks.at(-1)?.t ?? endNs;
  const seconds = (Number(endNs - last) / 1e9).toFixed(2);
  if (endNs < last - 100_000_000n)
    return [
      warning(
        `${paths.frames}: ends ${seconds.slice(1)} s before the last stamp of ${paths.load}: cut?`,
      ),
    ];
  if (endNs > last + TAIL_NS)
    return [
      warning(
        `${paths.load}: its last stamp lies ${seconds} s before the end of ${paths.frames}: cut?`,
      ),
    ];
  return [];
}

interface Span {
  readonly start: Instant<"host">;
  readonly end: bigint;
}

/** 3 MHz is the maker's tick rate; a few per cent do not matter to a question of hours. */
function spanOf(file: FileBytes, model: FrameModel, start: Instant<"host">): Span {
  const ns = (file.size / FRAME_BYTES) * (model.meanStep / 3e6) * 1e9;
  return { start, end: start + BigInt(Math.round(ns)) };
}

/** Telemetry that is absent, or that does not overlap the capture: a wrong zone shifts it by hours. */
function smiNotes(smi: SmiSummary | undefined, path: string, capture: Span): Note[] {
  if (!smi) return [warning(`${path}: missing, so the run holds no telemetry`)];
  if (smi.first === null || smi.last === null)
    return [warning(`${path}: no telemetry in it`), ...smi.notes];
  const { start, end } = capture;
  if (smi.first <= end && smi.last >= start) return [...smi.notes];
  const hours = Number(smi.first - start) / 3.6e12;
  return [
    warning(
      `${path}: telemetry does not overlap the capture, it begins ${hours.toFixed(2)} h off: wrong --tz?`,
    ),
    ...smi.notes,
  ];
}

/** Frames → rows, stretch by stretch; says what was lost on the way. */
function writeFrames(
  file: FileBytes,
  model: FrameModel,
  sink: RowSink,
  context: ImportContext,
): Note[] {
  const lost = { breaks: 0, bytes: 0, gaps: 0, frames: 0, odd: 0 };
  let end = 0;
  for (const run of frameRuns(file, model)) {
    for (let done = 0; done < run.frames; done += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, run.frames - done);
      const at = run.offset + done * FRAME_BYTES;
      sink.write(run.firstIndex + done, file.at(at, rows * FRAME_BYTES));
      context.progress(at + rows * FRAME_BYTES, file.size);
    }
    end = run.offset + run.frames * FRAME_BYTES;
    if (run.skippedBytes > 0) lost.breaks++;
    else if (run.missingFrames > 0) lost.gaps++;
    lost.bytes += run.skippedBytes;
    lost.frames += run.missingFrames;
    lost.odd += run.oddFrames;
  }
  const notes: Note[] = [];
  const tell = (level: Note["level"], count: number, text: string): void => {
    if (count > 0) notes.push({ level, text: `${file.path}: ${text}`, count });
  };
  const { breaks, bytes, gaps, frames, odd } = lost;
  const wrap = Math.round(TICK_RANGE / model.meanStep);
  tell("loss", bytes, `${bytes} bytes in ${breaks} places are not whole frames and were left out`);
  tell(
    "loss",
    frames,
    `about ${frames} frames are missing by their ticks, ${gaps} gaps with no byte damaged; by ${wrap} more for each wrap of the tick that a gap hides`,
  );
  tell(
    "loss",
    file.size - end,
    `${file.size - end} bytes after the last whole frame were left out`,
  );
  tell("warning", odd, `${odd} frames carry an input voltage unlike the rest; kept as they are`);
  return notes;
}
