// WAV files of a sound-card oscilloscope: samples of all channels as rows, byte for byte, fields ch0,
// ch1, …; rows are timed by their index at the rate of the header. What a count is in volts or amperes
// only the rig can say, so a rig must be given. Sound cards do not pass DC unless modified for it.

import { basename } from "node:path";
import { InputError, inputError } from "../../../schema/errors.ts";
import type { Note, RowField } from "../../../schema/records.ts";
import type { Rig } from "../../../schema/rig.ts";
import { instant } from "../../../schema/time.ts";
import { type FileBytes, openBytes, WINDOW } from "../shared/file-bytes.ts";
import type { ImportContext, Importer } from "../importer.ts";
import { counted } from "../shared/notes.ts";
import { BLOCK_ROWS, ratedRig, rowLayout, type RowSink, rowSink } from "../shared/rows.ts";
import { readWavHeader, type WavHeader } from "./wav-header.ts";
import { append } from "../../../schema/lists.ts";

/** @throws InputError when the file is no WAV file or the rig reads a channel that it does not have. */
export const importWav: Importer = async (path, context) => {
  const file = openBytes(path, "a WAV file");
  try {
    const header = readWavHeader(file);
    const notes: Note[] = [];
    const rig = ratedRig(await givenRig(path, context), header.rateHz, notes);
    const layout = rowLayout(rig, header.rowBytes, fieldsOf(header));
    checkScale(rig, header, path);
    context.origin(path);
    const log = context.create(
      {
        hostClock: "trace",
        hostEpoch: instant<"host">(0n),
        startUnix: null,
        labels: { format: "wav", capture: basename(path) },
      },
      rig,
    );
    append(notes, writeRows(file, header, rowSink(log, layout, instant<"host">(0n)), context));
    for (const note of notes) log.note(note);
    log.close();
  } finally {
    file.close();
  }
};

/** There is no built-in rig of that name: what a count means is not in the file and must not be guessed. */
async function givenRig(path: string, context: ImportContext): Promise<Rig> {
  try {
    return await context.rig("wav");
  } catch (error) {
    if (!/no built-in rig/.test((error as Error).message)) throw error;
    throw new InputError(
      `${path}: a WAV file does not say how many volts a count is; give --rig FILE (rigs/example-sound-card.yaml is one to copy)`,
    );
  }
}

/** How much nearer than full scale a card may clip; half as many counts, or twice, are another sample format. */
const CLIPS_WITHIN = 1.9;

/**
 * What a count is in volts changes with the sample format, and the rig's clip says for which one it was written.
 * @throws InputError when that is not the file's.
 */
function checkScale(rig: Rig, { bits, kind }: WavHeader, path: string): void {
  const top = kind === "float" ? 1 : kind === "uint" ? 2 ** bits : 2 ** (bits - 1);
  for (const { voltage, current, power } of rig.rails)
    for (const sensor of [voltage, current, power]) {
      const high = sensor?.clip?.[1];
      if (high === undefined || high <= 0) continue;
      if (high > CLIPS_WITHIN * top || high * CLIPS_WITHIN < top)
        throw inputError(
          `samples of ${bits} bits${kind === "float" ? " float" : ""}, though channel ${sensor!.field} of rig ${rig.name} clips at ${high}: its counts are another format's`,
          path,
          `a rig whose clip and per_count are for ±${top}`,
        );
    }
}

function fieldsOf({ channels, bits, kind }: WavHeader): RowField[] {
  return Array.from({ length: channels }, (_, k) => ({
    name: `ch${k}`,
    bitOffset: k * bits,
    bits,
    kind,
  }));
}

function writeRows(file: FileBytes, h: WavHeader, sink: RowSink, context: ImportContext): Note[] {
  const there = file.size - h.dataOffset;
  const bytes = Math.min(there, h.dataBytes);
  const rows = Math.floor(bytes / h.rowBytes);
  let bad = 0;
  const most = Math.min(BLOCK_ROWS, Math.floor(WINDOW / h.rowBytes));
  for (let done = 0; done < rows; done += most) {
    const count = Math.min(most, rows - done);
    const part = file.at(h.dataOffset + done * h.rowBytes, count * h.rowBytes);
    if (h.kind === "float") bad += writeFiniteRows(sink, done, part, h);
    else sink.write(done, part);
    context.progress(h.dataOffset + (done + count) * h.rowBytes, file.size);
  }
  const lost = (n: number, text: string) => counted(file.path, "loss", n, text);
  const promised = h.dataBytes === Infinity ? bytes : h.dataBytes;
  const notes = [
    ...lost(bytes % h.rowBytes, "bytes after the last whole sample were left out"),
    ...lost(promised - bytes, "bytes that the header promises are missing"),
    ...lost(bad, "rows hold a sample that is not a number and were left out"),
  ];
  if (h.fileBytes !== Infinity && file.size > h.fileBytes + 1)
    notes.push({
      level: "warning",
      text: `${file.path}: ${file.size - h.fileBytes} bytes more than its header says: something was inserted or appended`,
    });
  return notes;
}

/** Float rows but those with a sample that is no number, which leave a gap. @returns how many those were. */
function writeFiniteRows(sink: RowSink, first: number, part: Buffer, h: WavHeader): number {
  const rows = part.length / h.rowBytes;
  const step = h.bits / 8;
  let from = 0;
  let bad = 0;
  for (let i = 0; i <= rows; i++) {
    let finite = i < rows;
    for (let at = i * h.rowBytes; finite && at < (i + 1) * h.rowBytes; at += step)
      finite = Number.isFinite(h.bits === 32 ? part.readFloatLE(at) : part.readDoubleLE(at));
    if (finite) continue;
    if (i > from) sink.write(first + from, part.subarray(from * h.rowBytes, i * h.rowBytes));
    if (i < rows) bad++;
    from = i + 1;
  }
  return bad;
}
